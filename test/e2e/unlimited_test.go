package e2e

import (
	"io"
	"net/http"
	"regexp"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// loaded finds what a page loads.
var loaded = regexp.MustCompile(`(?:src|href)="(/[^"]*)"`)

// TestNoPageAndNothingThatItLoadsIsLimited loads every page from an address that has no request
// left. A hall opens them at the same moment.
func TestNoPageAndNothingThatItLoadsIsLimited(t *testing.T) {
	s, _ := own(t, stack.Config{Parts: stack.API, APIs: 1, APIEnv: []string{
		"PLENARY_RATE_LIMIT=1",
	}})
	r := s.Create(NewPresentation{Polls: []NewPoll{choice("?")}})
	require.Equal(t, "429 too_many_requests", about(s.Client, "127.0.0.1").Kind())
	load := func(path string) []byte {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+path, nil)
		require.NoError(t, err)
		req.Header.Set("Accept", "text/html")
		res, err := (&http.Client{Transport: transport}).Do(req)
		require.NoError(t, err)
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Contains(t, []int{200, 404}, res.StatusCode, path)
		require.Empty(t, res.Header.Get("X-RateLimit-Limit"), path)
		return body
	}
	seen := map[string]bool{}
	for _, path := range []string{
		"/", "/join/" + r.JoinCode, "/join?code=" + r.JoinCode, "/p/" + r.PresentationID,
		"/results/" + r.PresentationID, "/stage/" + r.PresentationID,
		"/remote/" + r.PresentationID, "/edit/" + r.PresentationID, "/t/" + r.JoinCode,
		"/wall/" + uuid.NewString(), "/programme", "/programme/print", "/login", "/register",
		"/forgot", "/account", "/mine", "/nowhere", "/docs", "/qr.svg?code=" + r.JoinCode,
		"/healthz", "/readyz", Base + "/ping", Base + "/openapi.yaml",
	} {
		for _, found := range loaded.FindAllSubmatch(load(path), -1) {
			seen[string(found[1])] = true
		}
	}
	require.Greater(t, len(seen), 20)
	for path := range seen {
		load(path)
	}
}
