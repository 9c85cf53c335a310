package queue

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// The envelope of an entry, version 1:
//
//	"PLN"  version byte  type byte  id (16 bytes)  body
//
// and of replies:
//
//	"PLR"  version byte  n > 0 times: id (16 bytes), length (2 bytes, big-endian), body
//
// An entry without the three letters is poison. With them and another version it is from a newer
// program.
const (
	version    = 1
	entryMagic = "PLN"
	replyMagic = "PLR"
	envelope   = len(entryMagic) + 2 + len(uuid.UUID{})
)

// Limits of what travels.
const (
	// MaxBytes is the most bytes that an encoded entry may have.
	MaxBytes = 8 << 20
	// MaxReply is the most bytes that the body of a reply may have.
	MaxReply = 1<<16 - 1
)

// What a decoder may say.
var (
	// ErrVersion: written by a newer version of the program.
	ErrVersion = errors.New("encoding version is not known")
	// ErrMalformed: not an entry of this log.
	ErrMalformed = errors.New("malformed")
)

// Malformedf makes an ErrMalformed that says what is wrong. It is for decoders of bodies, too.
func Malformedf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// Encode appends an entry to buf and gives the longer slice. Replayed is no part of it.
func Encode(buf []byte, e Entry) ([]byte, error) {
	if n := envelope + len(e.Body); n > MaxBytes {
		return buf, fmt.Errorf("an entry of %d bytes is larger than %d", n, MaxBytes)
	}
	if buf == nil {
		buf = make([]byte, 0, envelope+len(e.Body))
	}
	buf = append(append(buf, entryMagic...), version, e.Type)
	return append(append(buf, e.ID[:]...), e.Body...), nil
}

// Decode reads an entry, whose Body is a part of data. Errors are ErrVersion and ErrMalformed.
func Decode(data []byte) (Entry, error) {
	if len(data) > MaxBytes {
		return Entry{}, Malformedf("%d bytes, more than %d", len(data), MaxBytes)
	}
	rest, err := behind(entryMagic, data)
	if err != nil {
		return Entry{}, err
	}
	if len(rest) < envelope-len(entryMagic)-1 {
		return Entry{}, Malformedf("cut off")
	}
	return Entry{Type: rest[0], ID: uuid.UUID(rest[1:17]), Body: rest[17:len(rest):len(rest)]}, nil
}

// EncodeReplies appends replies to buf and gives the longer slice.
func EncodeReplies(buf []byte, replies ...Reply) ([]byte, error) {
	buf = append(append(buf, replyMagic...), version)
	for _, r := range replies {
		if len(r.Body) > MaxReply {
			return buf, fmt.Errorf("a reply of %d bytes is larger than %d", len(r.Body), MaxReply)
		}
		buf = append(buf, r.EntryID[:]...)
		buf = binary.BigEndian.AppendUint16(buf, uint16(len(r.Body)))
		buf = append(buf, r.Body...)
	}
	return buf, nil
}

// DecodeReplies reads replies, whose bodies are parts of data. Errors are ErrVersion and
// ErrMalformed.
func DecodeReplies(data []byte) ([]Reply, error) {
	const head = len(uuid.UUID{}) + 2
	rest, err := behind(replyMagic, data)
	if err != nil {
		return nil, err
	}
	var replies []Reply
	for more := true; more; more = len(rest) > 0 {
		if len(rest) < head {
			return nil, Malformedf("cut off")
		}
		r := Reply{EntryID: uuid.UUID(rest[:16])}
		n := head + int(binary.BigEndian.Uint16(rest[16:]))
		if len(rest) < n {
			return nil, Malformedf("cut off")
		}
		r.Body, rest = rest[head:n:n], rest[n:]
		replies = append(replies, r)
	}
	return replies, nil
}

// behind gives what is behind the letters and the version.
func behind(magic string, data []byte) ([]byte, error) {
	if len(data) < len(magic) || string(data[:len(magic)]) != magic {
		return nil, Malformedf("does not begin with %q", magic)
	}
	data = data[len(magic):]
	switch {
	case len(data) == 0:
		return nil, Malformedf("cut off")
	case data[0] == 0:
		return nil, Malformedf("version 0")
	case data[0] != version:
		return nil, fmt.Errorf("%w: %d", ErrVersion, data[0])
	}
	return data[1:], nil
}
