package xlsx

import (
	"compress/flate"
	"io"
	"sync"
)

// pieceSize is how much of a sheet is compressed at once.
const pieceSize = 64 << 10

// flaters are kept for all workbooks: one takes ten times the memory of a piece, and is of use only while a piece is compressed. So
// a workbook that its client reads slowly has none.
var flaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.BestSpeed) // the level is right
	return w
}}

// compressor deflates in pieces, each of which stands alone.
type compressor struct {
	w     io.Writer
	piece []byte
}

func newCompressor(w io.Writer) (io.WriteCloser, error) {
	return &compressor{w, make([]byte, 0, pieceSize)}, nil
}

// Write implements io.Writer.
func (c *compressor) Write(p []byte) (n int, err error) {
	n = len(p)
	for len(p) > 0 {
		taken := min(len(p), cap(c.piece)-len(c.piece))
		c.piece = append(c.piece, p[:taken]...)
		p = p[taken:]
		if len(c.piece) == cap(c.piece) {
			if err := c.deflate((*flate.Writer).Flush); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

// Close implements io.Closer.
func (c *compressor) Close() error { return c.deflate((*flate.Writer).Close) }

func (c *compressor) deflate(end func(*flate.Writer) error) error {
	f := flaters.Get().(*flate.Writer)
	defer flaters.Put(f)
	f.Reset(c.w)
	_, err := f.Write(c.piece)
	if err == nil {
		err = end(f)
	}
	c.piece = c.piece[:0]
	return err
}
