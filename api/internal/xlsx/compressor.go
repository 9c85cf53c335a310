package xlsx

import (
	"bytes"
	"compress/flate"
	"io"
	"sync"
)

// pieceSize is how much of a sheet is compressed at once.
const pieceSize = 64 << 10

// flaters are kept for all workbooks: one takes ten times the memory of a piece, and is of use only
// while a piece is compressed. So a workbook that its client reads slowly has none.
var flaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.BestSpeed) // the level is right
	return w
}}

// compressor deflates in pieces, each of which stands alone.
type compressor struct {
	w     io.Writer
	piece []byte
	out   bytes.Buffer // a piece that is compressed
}

func newCompressor(w io.Writer) (io.WriteCloser, error) {
	return &compressor{w: w, piece: make([]byte, 0, pieceSize)}, nil
}

// Write implements io.Writer.
func (c *compressor) Write(p []byte) (n int, err error) {
	n = len(p)
	for len(p) > 0 {
		taken := min(len(p), cap(c.piece)-len(c.piece))
		c.piece = append(c.piece, p[:taken]...)
		p = p[taken:]
		if len(c.piece) == cap(c.piece) {
			if err := c.pass((*flate.Writer).Flush); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

// Close implements io.Closer.
func (c *compressor) Close() error { return c.pass((*flate.Writer).Close) }

// pass compresses the piece and hands it on, which may take as long as a client does.
func (c *compressor) pass(end func(*flate.Writer) error) error {
	if err := c.deflate(end); err != nil {
		return err
	}
	c.piece = c.piece[:0]
	_, err := c.out.WriteTo(c.w)
	return err
}

func (c *compressor) deflate(end func(*flate.Writer) error) error {
	f := flaters.Get().(*flate.Writer)
	defer flaters.Put(f)
	f.Reset(&c.out)
	if _, err := f.Write(c.piece); err != nil {
		return err
	}
	return end(f)
}
