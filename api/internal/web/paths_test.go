package web

import (
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
)

func TestAPathIsOneOfAPattern(t *testing.T) {
	all := newPaths([]fiber.Route{
		{Method: "GET", Path: "/assets/:build/+"}, {Method: "GET", Path: "/"},
		{Method: "GET", Path: "/p/:id"}, {Method: "PUT", Path: "/p/order"},
		{Method: "GET", Path: "/p/:id/x"},
	})
	for path, want := range map[string]string{
		"/": "GET OPTIONS", "/assets/1/a": "GET OPTIONS", "/assets/1/a/b/c": "GET OPTIONS",
		"/assets/1": "", "/assets/1/": "", "/assets//a": "", "": "",
		"/p": "", "/p/": "", "/p/1": "GET OPTIONS", "/p/order": "OPTIONS PUT",
		"/p/order/x": "GET OPTIONS", "/p/order/": "", "/p/1/x/": "", "//": "", "p/1": "",
	} {
		require.Equal(t, want, strings.Join(all.methods(path), " "), path)
	}
}
