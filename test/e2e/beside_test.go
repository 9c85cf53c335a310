package e2e

import (
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// beside asks for something beside the API, which the OpenAPI file does not have.
func beside(t *testing.T, c *Client, r Request) *Answer {
	t.Helper()
	req, err := c.request(r)
	require.NoError(t, err)
	res, err := (&http.Client{Transport: transport}).Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	a := &Answer{Status: res.StatusCode, Header: res.Header}
	a.Body, err = io.ReadAll(res.Body)
	require.NoError(t, err)
	return a
}

// The reference to browse and the QR code of the join link come through every front door.
func TestTheReferenceAndTheQRCodeAreServed(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		for path, kind := range map[string]string{
			"/docs": "text/html", "/docs/start.js": "text/javascript",
			"/docs/swagger-ui-bundle.js": "text/javascript", "/docs/swagger-ui.css": "text/css",
		} {
			a := beside(t, s.Client, Request{Method: http.MethodGet, Path: path})
			require.Equal(t, http.StatusOK, a.Status, path)
			require.True(t, strings.HasPrefix(a.Header.Get("Content-Type"), kind), path)
			require.Contains(t, a.Header.Get("Content-Security-Policy"), "default-src 'none'")
		}
		r := s.Create(NewPresentation{Polls: []NewPoll{choice("Who wins?")}})
		drawn := beside(t, s.Client,
			Request{Method: http.MethodGet, Path: "/qr.svg?code=" + r.JoinCode})
		require.Equal(t, http.StatusOK, drawn.Status)
		require.Equal(t, "image/svg+xml", drawn.Header.Get("Content-Type"))
		require.NoError(t, xml.Unmarshal(drawn.Body, new(struct{ XMLName xml.Name })))
		link := beside(t, s.Client, Request{
			Method: http.MethodPost, Path: "/qr.svg", Body: s.base + "/join/" + r.JoinCode,
			Header: map[string]string{"Content-Type": "text/plain"},
		})
		require.Equal(t, drawn.Body, link.Body, "the link is to the host that was asked")
		for name, refused := range map[string]Request{
			"400 invalid code": {Method: http.MethodGet, Path: "/qr.svg?code=nobody"},
			"400 invalid body": {Method: http.MethodPost, Path: "/qr.svg",
				Header: map[string]string{"Content-Type": "text/plain"}},
			"413 payload_too_large": {Method: http.MethodPost, Path: "/qr.svg",
				Body:   strings.Repeat("x", 1025),
				Header: map[string]string{"Content-Type": "text/plain"}},
			"415 unsupported_media_type": {Method: http.MethodPost, Path: "/qr.svg", JSON: "x"},
			"405 method_not_allowed":     {Method: http.MethodDelete, Path: "/qr.svg"},
			"404 not_found":              {Method: http.MethodGet, Path: "/docs/nothing"},
		} {
			a := beside(t, s.Client, refused)
			require.Equal(t, name, a.Code(), "%v", a)
			require.Equal(t, problemType, a.Header.Get("Content-Type"))
		}
	})
}
