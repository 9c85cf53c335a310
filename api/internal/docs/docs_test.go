package docs

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
)

// site is unpacked once for all tests.
var site = sync.OnceValue(func() *fiber.App {
	app := fiber.New()
	Mount("")(app)
	return app
})

func ask(t *testing.T, method, target string, header ...string) (*http.Response, string) {
	t.Helper()
	req := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := site().Test(req, -1)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	var body io.Reader = res.Body
	if res.Header.Get("Content-Encoding") == "gzip" {
		body, err = gzip.NewReader(res.Body)
		require.NoError(t, err)
	}
	text, err := io.ReadAll(body)
	require.NoError(t, err)
	return res, string(text)
}

var reference = regexp.MustCompile(`(?:src|href)="([^"]*)"`)

func TestThePageAndAllThatItRefersToAreServed(t *testing.T) {
	res, html := ask(t, "GET", "/docs")
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, "text/html; charset=utf-8", res.Header.Get("Content-Type"))
	own := 0
	for _, m := range reference.FindAllStringSubmatch(html, -1) {
		file, ok := strings.CutPrefix(m[1], "/docs/")
		if !ok {
			require.Contains(t, []string{"data:,", "/api/v1/openapi.yaml"}, m[1])
			continue
		}
		own++
		for _, encoding := range []string{"gzip", "identity", "", "br, *;q=0"} {
			res, body := ask(t, "GET", "/docs/"+file, "Accept-Encoding", encoding)
			require.Equal(t, 200, res.StatusCode, file)
			require.Greater(t, len(body), 100, file)
			require.Equal(t, "nosniff", res.Header.Get("X-Content-Type-Options"))
			want := "text/javascript; charset=utf-8"
			if strings.HasSuffix(file, ".css") {
				want = "text/css; charset=utf-8"
			}
			require.Equal(t, want, res.Header.Get("Content-Type"))
		}
	}
	require.Equal(t, 3, own)
	_, script := ask(t, "GET", "/docs/start.js")
	require.Contains(t, script, `url: "/api/v1/openapi.yaml"`)
	_, again := ask(t, "GET", "/docs/")
	require.Equal(t, html, again)
}

// What a browser may load is what the policy says, and the policy names nobody else.
func TestNothingRefersToAnotherHost(t *testing.T) {
	for _, target := range []string{"/docs", "/docs/start.js", "/docs/swagger-ui.css",
		"/docs/swagger-ui-bundle.js"} {
		res, body := ask(t, "GET", target)
		for directive := range strings.SplitSeq(res.Header.Get("Content-Security-Policy"), ";") {
			words := strings.Fields(directive)
			require.Greater(t, len(words), 1, directive)
			for _, source := range words[1:] {
				require.Contains(t, []string{"'none'", "'self'", "data:"}, source, "%s: %s",
					target, directive)
			}
		}
		require.Contains(t, res.Header.Get("Content-Security-Policy"), "default-src 'none'")
		switch {
		case strings.HasSuffix(target, "bundle.js"): // speaks of many, and may not ask them
		case strings.HasSuffix(target, ".css"):
			for _, m := range regexp.MustCompile(`url\(["']?(.{5})`).
				FindAllStringSubmatch(body, -1) {
				require.Equal(t, "data:", m[1])
			}
			require.NotContains(t, body, "@import")
		default:
			require.NotContains(t, body, "://", target)
			require.NotContains(t, body, `="//`, target)
		}
	}
	_, script := ask(t, "GET", "/docs/start.js")
	require.Contains(t, script, "validatorUrl: null", "else the file is sent to a validator")
	require.NotRegexp(t, `<script>|<style|\son\w+=|\sstyle=`, string(page),
		"the policy allows no inline script or style")
}

func TestWhatTheClientHasIsNotSentAgain(t *testing.T) {
	tags := map[string]bool{}
	for _, header := range [][]string{{"Accept-Encoding", "gzip"},
		{"Accept-Encoding", "identity"}} {
		res, _ := ask(t, "GET", "/docs/swagger-ui-bundle.js", header...)
		require.Equal(t, header[1] == "gzip", res.Header.Get("Content-Encoding") == "gzip")
		require.Equal(t, "Accept-Encoding", res.Header.Get("Vary"))
		tag := res.Header.Get("ETag")
		tags[tag] = true
		res, body := ask(t, "GET", "/docs/swagger-ui-bundle.js",
			append(header, "If-None-Match", `"x", `+tag)...)
		require.Equal(t, 304, res.StatusCode)
		require.Empty(t, body)
		for _, other := range [][]string{{"If-None-Match", `"x"`},
			{"If-Modified-Since", "yesterday"}} {
			res, _ = ask(t, "GET", "/docs/swagger-ui-bundle.js", append(header, other...)...)
			require.Equal(t, 200, res.StatusCode)
		}
	}
	require.Len(t, tags, 2, "packed and plain are different bytes")
}

func TestNothingElseIsServed(t *testing.T) {
	for _, target := range []string{
		"/docs/x", "/docs/index.html", "/docs/docs.go", "/docs/swagger-ui.js.gz",
		"/docs/..%2fdocs.go", "/docs/%00", "/docs/start.js/x", "/docs/%ff",
	} {
		res, _ := ask(t, "GET", target)
		require.Equal(t, 404, res.StatusCode, target)
	}
	res, _ := ask(t, "POST", "/docs")
	require.Equal(t, 405, res.StatusCode)
}
