package web

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// below has a server live under the path root of its public address. A proxy in front may have
// taken that path off a request or not. So both forms are answered alike, and no route knows of
// the path. What an answer leads to is below the path again: the client has it from the proxy.
func below(root string, next fasthttp.RequestHandler) fasthttp.RequestHandler {
	if root == "" {
		return next
	}
	return func(fctx *fasthttp.RequestCtx) {
		if path, ok := CutRoot(fctx.URI().PathOriginal(), root); ok {
			fctx.URI().SetPathBytes(path)
		}
		next(fctx)
		answer := &fctx.Response.Header
		if to := answer.Peek(fiber.HeaderLocation); bytes.HasPrefix(to, slash) {
			answer.Set(fiber.HeaderLocation, root+string(to))
		}
		if links := answer.Peek(fiber.HeaderLink); len(links) > 0 {
			below := bytes.ReplaceAll(links, []byte("</"), []byte("<"+root+"/"))
			answer.SetBytesV(fiber.HeaderLink, below)
		}
	}
}

var slash = []byte("/")

// CutRoot takes a root off the front of a path, or of what begins with one; false: that is not
// below it.
func CutRoot(path []byte, root string) ([]byte, bool) {
	if len(path) < len(root) || string(path[:len(root)]) != root {
		return path, false
	}
	switch rest := path[len(root):]; {
	case len(rest) == 0:
		return slash, true
	case rest[0] != '/':
		return path, false
	default:
		return rest, true
	}
}

// check refuses a root that begins like a path of the server's own. Of a request for such a path
// nobody could say whether a proxy has taken the root off.
func (all paths) check(root string) error {
	first, _, _ := strings.Cut(strings.TrimPrefix(root, "/"), "/")
	for _, p := range all {
		if first != "" && len(p.segments) > 1 && p.segments[1] == first {
			return fmt.Errorf("its path begins with /%s, as paths of the server itself do", first)
		}
	}
	return nil
}
