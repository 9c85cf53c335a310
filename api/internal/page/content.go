package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"sync"

	"github.com/gofiber/fiber/v2"

	"github.com/plenary-live/plenary/api/internal/budget"
)

// content is something to send, as it is and compressed.
type content struct {
	media string
	plain []byte
	gzip  func() []byte // made when somebody asks for it first
	tag   string
}

func newContent(media string, plain []byte) content {
	return content{media, plain, sync.OnceValue(func() []byte { return compress(plain) }),
		hash(plain)}
}

func compress(plain []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // there is such a level
	_, err := w.Write(plain)
	if err = errors.Join(err, w.Close()); err != nil {
		panic(err) // memory takes everything
	}
	return b.Bytes()
}

// send answers with the content, which is shared: nobody writes to it.
func (b content) send(c *fiber.Ctx) error {
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderContentType, b.media)
	c.Vary(fiber.HeaderAcceptEncoding)
	body, tag := b.plain, `"`+b.tag+`"`
	// Fiber takes none for any
	if c.Get(fiber.HeaderAcceptEncoding) != "" && c.AcceptsEncodings("gzip") == "gzip" {
		body, tag = b.gzip(), `"`+b.tag+`.gz"`
		c.Set(fiber.HeaderContentEncoding, "gzip")
	}
	c.Set(fiber.HeaderETag, tag)
	if c.Response().StatusCode() == http.StatusOK && c.Fresh() {
		return c.SendStatus(http.StatusNotModified)
	}
	budget.Standing(c)
	return c.Send(body)
}

// hash names content by what is in it.
func hash(parts ...[]byte) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:", len(part))
		h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// read gives the files in a folder by name.
func read(files fs.FS, folder string) (map[string][]byte, error) {
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	for _, e := range entries {
		if all[e.Name()], err = fs.ReadFile(files, folder+"/"+e.Name()); err != nil {
			return nil, err
		}
	}
	return all, nil
}
