package qr

import (
	"encoding/xml"
	"errors"
	"image"
	"image/color"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/budget"
	"github.com/plenary-live/plenary/pkg/fault"
)

// ask gives the answer; what the domain refuses is 400 with the field as its body.
func ask(t *testing.T, method, target, body string, header ...string) (*http.Response, string) {
	t.Helper()
	return askAt(t, "", anybody, method, target, body, header...)
}

func anybody(net.Addr) bool { return true }

// askAt asks a server that has a public address, and believes some peers.
func askAt(t *testing.T, public string, believe func(net.Addr) bool, method, target, body string,
	header ...string) (*http.Response, string) {
	t.Helper()
	app := fiber.New(fiber.Config{ErrorHandler: func(c *fiber.Ctx, err error) error {
		if e, ok := errors.AsType[*fault.Error](err); ok && e.Code == fault.Invalid {
			return c.Status(400).SendString(e.Field)
		}
		return fiber.DefaultErrorHandler(c, err)
	}})
	Mount(public, believe, budget.NewTurns(1))(app)
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	req.Host = "plenary.example"
	for i := 0; i < len(header); i += 2 {
		if req.Header.Set(header[i], header[i+1]); header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	res, err := app.Test(req, -1)
	require.NoError(t, err)
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res, string(text)
}

var (
	side = regexp.MustCompile(`viewBox="0 0 (\d+) (\d+)"`)
	run  = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1H(\d+)z`)
)

// scan reads a code as a phone does: from what is drawn.
func scan(t *testing.T, svg string) string {
	t.Helper()
	require.NoError(t, xml.Unmarshal([]byte(svg), new(struct{ XMLName xml.Name })))
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		require.NoError(t, err)
		return n
	}
	const scale = 4
	size := number(side.FindStringSubmatch(svg)[1])
	drawn := image.NewGray(image.Rect(0, 0, scale*size, scale*size))
	for i := range drawn.Pix {
		drawn.Pix[i] = 255
	}
	for _, m := range run.FindAllStringSubmatch(svg, -1) {
		x, y, n := number(m[1]), number(m[2]), number(m[3])
		require.Equal(t, m[1], m[4])
		require.True(t, x >= quiet && y >= quiet && x+n <= size-quiet && y < size-quiet,
			"readers need a margin")
		for py := scale * y; py < scale*(y+1); py++ {
			for px := scale * x; px < scale*(x+n); px++ {
				drawn.SetGray(px, py, color.Gray{})
			}
		}
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(drawn)
	require.NoError(t, err)
	found, err := qrcode.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{
		gozxing.DecodeHintType_PURE_BARCODE: true, gozxing.DecodeHintType_CHARACTER_SET: "UTF-8",
	})
	require.NoError(t, err)
	return found.GetText()
}

func TestAPhoneReadsTheJoinLinkOfTheHostThatWasAsked(t *testing.T) {
	for _, c := range []struct {
		code, want string
		header     []string
	}{
		{"BCD234", "http://plenary.example/join/BCD234", nil},
		{"bcd-23%204", "http://plenary.example/join/BCD234", nil},
		{"BCD234", "http://127.0.0.1:8080/join/BCD234", []string{"Host", "127.0.0.1:8080"}},
		{"BCD234", "http://[::1]:8080/join/BCD234", []string{"Host", "[::1]:8080"}},
		{"BCD234", "https://plenary.example/join/BCD234", []string{"X-Forwarded-Proto", "https"}},
		{"BCD234", "https://vote.example:444/join/BCD234",
			[]string{"X-Forwarded-Proto", "HTTPS, http", "X-Forwarded-Host",
				"vote.example:444, 10.0.0.1"}},
		{"BCD234", "http://plenary.example/join/BCD234",
			[]string{"X-Forwarded-Proto", "", "X-Forwarded-Host", " ,x"}},
	} {
		res, svg := ask(t, "GET", "/qr.svg?code="+c.code, "", c.header...)
		require.Equal(t, 200, res.StatusCode, c)
		require.Equal(t, "image/svg+xml", res.Header.Get("Content-Type"))
		require.Equal(t, "private, no-cache", res.Header.Get("Cache-Control"))
		require.Equal(t, c.want, scan(t, svg))

		tag := res.Header.Get("ETag")
		res, svg = ask(t, "GET", "/qr.svg?code="+c.code, "",
			append(c.header, "If-None-Match", tag)...)
		require.Equal(t, 304, res.StatusCode)
		require.Empty(t, svg)
		res, _ = ask(t, "GET", "/qr.svg?code="+c.code, "",
			append(c.header, "If-None-Match", `"x"`)...)
		require.Equal(t, 200, res.StatusCode)
	}
}

func TestJoinLinksLeadToThePublicAddressWhateverHostWasAsked(t *testing.T) {
	for _, header := range [][]string{
		nil, {"Host", "localhost:8080"},
		{"X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "http"},
		{"X-Forwarded-Host", "<svg>"},
	} {
		res, svg := askAt(t, "https://vote.example:8443", anybody, "GET",
			"/qr.svg?code=bcd-234", "", header...)
		require.Equal(t, 200, res.StatusCode, header)
		require.Equal(t, "https://vote.example:8443/join/BCD234", scan(t, svg), header)
		require.NotContains(t, res.Header.Get("Vary"), "X-Forwarded")
		require.Equal(t, "private, no-cache", res.Header.Get("Cache-Control"))
	}
	res, field := askAt(t, "https://vote.example", anybody, "GET", "/qr.svg?code=x", "")
	require.Equal(t, 400, res.StatusCode)
	require.Equal(t, "code", field)
}

func TestWhereTheRequestCameFromOnlyAProxyMaySay(t *testing.T) {
	for _, header := range [][]string{{"X-Forwarded-Host", "evil.example", "X-Forwarded-Proto",
		"https"}, {"X-Forwarded-Host", "<svg>"}, {"X-Forwarded-Proto", "javascript"}} {
		res, svg := askAt(t, "", func(net.Addr) bool { return false }, "GET",
			"/qr.svg?code=BCD234", "", header...)
		require.Equal(t, 200, res.StatusCode)
		require.Equal(t, "http://plenary.example/join/BCD234", scan(t, svg))
	}
}

func TestWhatIsNoJoinCodeIsRefused(t *testing.T) {
	for _, query := range []string{
		"", "?code", "?code=", "?code=BCD23", "?code=BCD2345", "?code=AEIOUY", "?code=BCD23%00",
		"?code=BCD23%C3%89", "?code=%F0%9F%97%B3", "?code=%ff",
		"?code=BCD23/", "?code=../../x", "?code=%3Csvg%3E", "?code=" + strings.Repeat("B", 3000),
		"?Code=BCD234", "?code=BCD23%0A", "?code=%22onload=",
	} {
		res, field := ask(t, "GET", "/qr.svg"+query, "")
		require.Equal(t, 400, res.StatusCode, query)
		require.Equal(t, "code", field, query)
		require.Empty(t, res.Header.Get("Cache-Control"))
	}
}

func TestAHostThatIsNoneIsRefused(t *testing.T) {
	for _, name := range []string{
		"a/b", "a b", "user@host", "a?x", "a#x", `a"b`, "<svg>", "-a", ".", "a:b", "a:123456",
		"[::1", "::1", "é.example", "a\\b", "%41", strings.Repeat("a", 300),
	} {
		res, field := ask(t, "GET", "/qr.svg?code=BCD234", "", "X-Forwarded-Host", name)
		require.Equal(t, 400, res.StatusCode, name)
		require.Equal(t, "X-Forwarded-Host", field)
	}
	for _, scheme := range []string{"javascript", "https:", "ftp", "h", "\"",
		strings.Repeat("s", 999)} {
		res, field := ask(t, "GET", "/qr.svg?code=BCD234", "", "X-Forwarded-Proto", scheme)
		require.Equal(t, 400, res.StatusCode, scheme)
		require.Equal(t, "X-Forwarded-Proto", field)
	}
}

func TestAPhoneReadsAnyShortText(t *testing.T) {
	for _, text := range []string{
		"x", " ", "0123456789", "HTTP://A.EXAMPLE/",
		"https://plenary.example/remote/01931c6e-7a1c-7d30-8d5f-0c6a43c8f7aa#token=" +
			strings.Repeat("Zz-_", 11),
		"Ünï 🗳️ \"<script>&amp;'\n", strings.Repeat("a~", maxText/2), strings.Repeat("7", maxText),
		strings.Repeat("A", maxText),
	} {
		for _, kind := range []string{"text/plain", "Text/Plain; charset=UTF-8"} {
			res, svg := ask(t, "POST", "/qr.svg", text, "Content-Type", kind)
			require.Equal(t, 200, res.StatusCode, text)
			require.Equal(t, "image/svg+xml", res.Header.Get("Content-Type"))
			require.Equal(t, "no-store", res.Header.Get("Cache-Control"),
				"it may be a presenter's link")
			require.Equal(t, text, scan(t, svg))
		}
	}
}

func TestATextThatIsNoneIsRefused(t *testing.T) {
	plain := []string{"Content-Type", "text/plain"}
	for _, c := range []struct {
		text   string
		header []string
		want   int
	}{
		{"", plain, 400}, {"\xff\xfe", plain, 400}, {"a\xc3", plain, 400},
		{strings.Repeat("a", maxText+1), plain, 413},
		{strings.Repeat("a", 100<<10), plain, 413}, {"x", nil, 415},
		{"x", []string{"Content-Type", "application/json"}, 415},
		{"x", []string{"Content-Type", "text/plain; charset=utf-16"}, 415},
		{"x", []string{"Content-Type", "text/"}, 415},
		{"x", []string{"Content-Type", "text/plain;;="}, 415},
		{"x", []string{"Content-Type", "text/html, text/plain"}, 415},
		{"x", append(plain, "Content-Encoding", "gzip"), 415},
	} {
		res, _ := ask(t, "POST", "/qr.svg", c.text, c.header...)
		require.Equal(t, c.want, res.StatusCode, "%.20q %v", c.text, c.header)
	}
	res, _ := ask(t, "PUT", "/qr.svg", "x", plain...)
	require.Equal(t, 405, res.StatusCode)
}

// FuzzSVG: whatever the text is, the drawing holds nothing of it but black and white.
func FuzzSVG(f *testing.F) {
	for _, s := range []string{"x", "<svg onload=x>", "\x00", "0", "A", "é",
		strings.Repeat("🗳", 256)} {
		f.Add(s)
	}
	whole := regexp.MustCompile(
		`^<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 (\d+) (\d+)" ` +
			`shape-rendering="crispEdges">` +
			`<path fill="#fff" d="M0 0h\d+v\d+H0z"/><path d="(M\d+ \d+h\d+v1H\d+z)+"/></svg>$`)
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" || len(text) > maxText {
			return
		}
		svg, err := SVG(text)
		require.NoError(t, err)
		require.Regexp(t, whole, string(svg))
	})
}

func BenchmarkSVG(b *testing.B) {
	for b.Loop() {
		if _, err := SVG("https://plenary.example/join/BCD234"); err != nil {
			b.Fatal(err)
		}
	}
}
