package httpapi

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// below has a server live under the path Root of its public address. A proxy in front may have taken that path off a request or
// not, so both forms are answered alike, and no route knows of it. What an answer leads to is below the path again: the client
// has it from the proxy.
func (s *Server) below(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	if s.Root == "" {
		return next
	}
	return func(fctx *fasthttp.RequestCtx) {
		if path, ok := cutRoot(fctx.URI().PathOriginal(), s.Root); ok {
			fctx.URI().SetPathBytes(path)
		}
		next(fctx)
		answer := &fctx.Response.Header
		if to := answer.Peek(fiber.HeaderLocation); bytes.HasPrefix(to, slash) {
			answer.Set(fiber.HeaderLocation, s.Root+string(to))
		}
		if links := answer.Peek(fiber.HeaderLink); len(links) > 0 {
			answer.SetBytesV(fiber.HeaderLink, bytes.ReplaceAll(links, []byte("</"), []byte("<"+s.Root+"/")))
		}
	}
}

var slash = []byte("/")

// cutRoot takes a root off the front of a path, or of what begins with one; false: that is not below it.
func cutRoot(path []byte, root string) ([]byte, bool) {
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

// CheckRoot refuses a Root that begins like a path of the server's own: of a request for one of these nobody could say whether a
// proxy has taken the root off.
func (s *Server) CheckRoot() error {
	first, _, _ := strings.Cut(strings.TrimPrefix(s.Root, "/"), "/")
	for _, p := range s.paths {
		if first != "" && len(p.segments) > 1 && p.segments[1] == first {
			return fmt.Errorf("its path begins with /%s, as paths of the server itself do", first)
		}
	}
	return nil
}
