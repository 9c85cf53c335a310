package queue

import (
	"encoding/binary"
	"math"

	"github.com/google/uuid"
)

// Reader takes values off the body of an entry. The first error stays, and every value after it is
// zero. It is for one goroutine.
type Reader struct {
	data []byte
	err  error
}

// NewReader makes a reader of a body, which it never changes.
func NewReader(body []byte) Reader { return Reader{data: body} }

// Fail notes an ErrMalformed, unless there is one already, and drops what is left.
func (r *Reader) Fail(format string, args ...any) {
	if r.err == nil {
		r.err = Malformedf(format, args...)
	}
	r.data = nil
}

// Err gives the first error, an ErrMalformed.
func (r *Reader) Err() error { return r.err }

// End fails if anything is left, and gives the first error.
func (r *Reader) End() error {
	if r.err == nil && len(r.data) > 0 {
		r.Fail("%d bytes too many", len(r.data))
	}
	return r.err
}

// Take takes so many bytes, which are a part of the body.
func (r *Reader) Take(n int) []byte {
	if n > len(r.data) {
		r.Fail("cut off")
		return nil
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

// Byte takes a byte.
func (r *Reader) Byte() byte {
	if b := r.Take(1); b != nil {
		return b[0]
	}
	return 0
}

// UUID takes an id.
func (r *Reader) UUID() (id uuid.UUID) {
	copy(id[:], r.Take(len(id)))
	return id
}

// Int takes an unsigned varint (encoding/binary), which fits into an int64.
func (r *Reader) Int() int64 {
	if len(r.data) > 0 && r.data[0] < 0x80 { // as most
		n := r.data[0]
		r.data = r.data[1:]
		return int64(n)
	}
	n, size := binary.Uvarint(r.data)
	if size <= 0 || n > math.MaxInt64 {
		r.Fail("bad number")
		return 0
	}
	r.data = r.data[size:]
	return int64(n)
}

// Count takes a number of things that take at least size bytes each. So no number makes us
// allocate more than a small multiple of what was sent.
func (r *Reader) Count(size int) int {
	n := r.Int()
	if n == 0 || n > int64(len(r.data)/size) {
		r.Fail("bad count %d", n)
		return 0
	}
	return int(n)
}

// Bytes takes a length and as many bytes, which are a part of the body.
func (r *Reader) Bytes() []byte { return r.Take(int(min(r.Int(), int64(len(r.data)+1)))) }
