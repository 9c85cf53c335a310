// Package docs serves the API's reference as a page to browse and to try calls on. The page and all
// that it needs come from here: no other host is asked for anything.
package docs

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"io"
	"net/http"
	"sync"

	"github.com/gofiber/fiber/v2"
	"github.com/swaggest/swgui/v5/static"

	"github.com/plenary-live/plenary/api/internal/budget"
)

// path is where the page is; what it needs is below it.
const path = "/docs"

// policy allows what the page does and nothing else. Swagger UI puts pictures into its styles, as
// data.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

var (
	//go:embed index.html
	page []byte
	//go:embed start.js
	start []byte
)

// asset is a file, as it is and packed.
type asset struct {
	mime          string
	plain, packed []byte
	tag           string // of its content
}

// unpacked makes all of it, for a server that lives under the path root.
func unpacked(root string) (map[string]*asset, error) {
	below := func(file []byte) []byte {
		return bytes.ReplaceAll(file, []byte(`"/`), []byte(`"`+root+"/"))
	}
	all := map[string]*asset{
		"":         {mime: "text/html; charset=utf-8", plain: below(page)},
		"start.js": {mime: "text/javascript; charset=utf-8", plain: below(start)},
	}
	for name, mime := range map[string]string{
		"swagger-ui.css":       "text/css; charset=utf-8",
		"swagger-ui-bundle.js": "text/javascript; charset=utf-8",
	} {
		packed, err := static.FS.ReadFile(name + ".gz")
		if err != nil {
			return nil, err
		}
		r, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			return nil, err
		}
		plain, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		all[name] = &asset{mime: mime, plain: plain, packed: packed}
	}
	for _, a := range all {
		sum := sha256.Sum256(a.plain)
		a.tag = hex.EncodeToString(sum[:8])
	}
	return all, nil
}

// Mount gives what serves the page, of a server that lives under the path root. Who asks first has
// all of it unpacked.
func Mount(root string) func(fiber.Router) {
	assets := sync.OnceValues(func() (map[string]*asset, error) { return unpacked(root) })
	return func(r fiber.Router) {
		r.Get(path, func(c *fiber.Ctx) error { return serve(c, assets, "") })
		r.Get(path+"/:file", func(c *fiber.Ctx) error { return serve(c, assets, c.Params("file")) })
	}
}

func serve(c *fiber.Ctx, assets func() (map[string]*asset, error), name string) error {
	all, err := assets()
	if err != nil {
		return err
	}
	a := all[name]
	if a == nil {
		return fiber.ErrNotFound
	}
	body, tag := a.plain, `"`+a.tag+`"`
	if a.packed != nil {
		c.Vary(fiber.HeaderAcceptEncoding)
		if c.AcceptsEncodings("gzip", "identity") == "gzip" {
			body, tag = a.packed, `"`+a.tag+`-gzip"`
			c.Set(fiber.HeaderContentEncoding, "gzip")
		}
	}
	c.Set(fiber.HeaderETag, tag)
	c.Set(fiber.HeaderCacheControl, "no-cache")
	c.Set(fiber.HeaderContentSecurityPolicy, policy)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	if c.Get(fiber.HeaderIfNoneMatch) != "" && c.Fresh() {
		c.Response().Header.Del(fiber.HeaderContentEncoding)
		c.Status(http.StatusNotModified)
		return nil
	}
	c.Set(fiber.HeaderContentType, a.mime)
	budget.Standing(c)
	return c.Send(body)
}
