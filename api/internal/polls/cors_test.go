package polls

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/polls/fast/fasttest"
	"github.com/plenary-live/plenary/api/internal/web"
)

func ofOrigins(origins ...string) *whole {
	s := newTestServer("database")
	s.Origins = origins
	return s
}

func TestAPageOfAnotherOriginMayReadEveryAnswerOfTheAPI(t *testing.T) {
	s := ofOrigins("*")
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", web.Base + "/ping", 200}, {"GET", web.Base + "/presentations/" + anID, 503},
		{"GET", web.Base + "/presentations/" + anID + "/events", 503},
		{"POST", web.Base + "/presentations", 503},
		{"DELETE", web.Base + "/presentations/" + anID + "/polls/current/votes", 405},
		{"GET", web.Base + "/nowhere", 404},
		{"BREW", web.Base + "/ping", 400}, {"OPTIONS", web.Base + "/nowhere", 404},
	} {
		res := request(t, s, c.method, c.path, "Origin", "https://a.example")
		require.Equal(t, c.status, res.StatusCode, c)
		require.Equal(t, []string{"*"}, res.Header.Values("Access-Control-Allow-Origin"), c)
		for _, name := range []string{"ETag", "Location", "Link", "Retry-After", "X-Request-Id",
			"X-Vote-Id", "Preference-Applied", "Vote-Superseded", "Allow"} {
			require.Contains(t, strings.Split(res.Header.Get("Access-Control-Expose-Headers"),
				", "), name, c)
		}
		require.Empty(t, res.Header.Get("Access-Control-Allow-Credentials"), c)
		if c.method == "GET" {
			require.Contains(t, res.Header.Get("Vary"), "Origin",
				"an answer without Origin is another")
		}
		require.Empty(t, request(t, s, c.method, c.path).
			Header.Get("Access-Control-Allow-Origin"), c)
	}
	for _, path := range []string{"/healthz", "/metrics", "/readyz", "/", "/api", "/api/v1x/ping"} {
		require.Empty(t, request(t, s, "GET", path, "Origin", "https://a.example").
			Header.Get("Access-Control-Allow-Origin"), "%s is no part of the API", path)
	}
}

func TestABrowserThatAsksFirstIsToldWhatThePathTakes(t *testing.T) {
	s := ofOrigins("*")
	for path, methods := range map[string]string{
		web.Base + "/presentations/" + anID + "/polls/current/votes": "OPTIONS, POST",
		web.Base + "/presentations/" + anID +
			"/polls/current": "DELETE, GET, HEAD, OPTIONS, PUT",
	} {
		for _, asked := range []string{"POST", "PUT", "nonsense", "\xff"} {
			res := request(t, s, "OPTIONS", path, "Origin", "https://a.example",
				"Access-Control-Request-Method", asked, "Access-Control-Request-Headers",
				"authorization,\"")
			require.Equal(t, 204, res.StatusCode)
			require.Equal(t, methods, res.Header.Get("Access-Control-Allow-Methods"))
			require.Equal(t, "86400", res.Header.Get("Access-Control-Max-Age"))
			require.Equal(t, "*", res.Header.Get("Access-Control-Allow-Origin"))
			for _, name := range []string{"Authorization", "Content-Type", "If-Match", "Prefer",
				"X-Request-Id", "Idempotency-Key", "Last-Event-ID"} {
				require.Contains(t, strings.Split(res.Header.Get("Access-Control-Allow-Headers"),
					", "), name)
			}
		}
		res := request(t, s, "OPTIONS", path, "Origin", "https://a.example")
		require.Equal(t, 204, res.StatusCode)
		require.Equal(t, methods, res.Header.Get("Allow"))
		require.Empty(t, res.Header.Get("Access-Control-Allow-Methods"), "nobody has asked")
	}
}

func TestOnlyAllowedOriginsAreAllowed(t *testing.T) {
	for _, c := range []struct {
		origins         []string
		origin, allowed string
	}{
		{nil, "https://a.example", ""},
		{[]string{"https://a.example"}, "https://a.example", "https://a.example"},
		{[]string{"https://a.example", "http://b.example:8080"}, "http://b.example:8080",
			"http://b.example:8080"},
		{[]string{"https://a.example"}, "http://a.example", ""},
		{[]string{"https://a.example"}, "https://a.example:8443", ""},
		{[]string{"https://a.example"}, "https://a.example.evil", ""},
		{[]string{"https://a.example"}, "https://evil-a.example", ""},
		{[]string{"https://a.example"}, "https://a.example, https://b.example", ""},
		{[]string{"https://a.example"}, "null", ""},
		{[]string{"https://a.example"}, "*", ""},
		{[]string{"https://a.example"}, "HTTPS://A.EXAMPLE", ""},
		{[]string{"https://a.example"}, strings.Repeat("x", 9000), ""},
	} {
		s := ofOrigins(c.origins...)
		for _, method := range []string{"GET", "OPTIONS"} {
			res := request(t, s, method, web.Base+"/ping", "Origin", c.origin,
				"Access-Control-Request-Method", "GET")
			require.Equal(t, c.allowed, res.Header.Get("Access-Control-Allow-Origin"), c)
			require.Equal(t, c.allowed != "",
				res.Header.Get("Access-Control-Expose-Headers") != "", c)
			require.Equal(t, c.allowed != "" && method == "OPTIONS",
				res.Header.Get("Access-Control-Max-Age") != "", c)
			require.Equal(t, len(c.origins) > 0, res.Header.Get("Vary") != "", c)
		}
	}
}

func TestWhatCouldNotBeReadCanBeReadAcrossOrigins(t *testing.T) {
	addr := apiAddress(t, ofOrigins("*"))
	for name, c := range map[string]struct {
		rest   string
		status int
	}{
		"too large": {announcing(web.MaxBody + 1), 413}, "broken": {chunkedEnd + "x\r\n", 400},
	} {
		res, _ := connect(t, addr).
			say("POST ", web.Base, "/presentations HTTP/1.1\r\nHost: x\r\nOrigin: "+
				"https://a.example\r\n", c.rest).hear()
		require.Equal(t, c.status, res.StatusCode, name)
		require.Equal(t, "*", res.Header.Get("Access-Control-Allow-Origin"), name)
	}
}

// A vote of a page of another origin is Fiber's: it has the header fields that its browser looks
// for. One of the API's own page is not.
func TestAVoteFromAnotherOriginIsLeftToFiber(t *testing.T) {
	b := newBooth(t)
	b.Origins = []string{"*"}
	for i, origin := range []string{"http://plenary", "https://plenary", "http://plenary:80",
		"http://a.example", "null"} {
		before := b.byFiber.Load()
		e := connect(t, b.Listener.Addr().String())
		e.say(string(fasttest.Request(fasttest.APath, ballot("counted"), "Origin: "+origin)))
		res, _ := e.hear()
		require.Equal(t, http.StatusNoContent, res.StatusCode)
		require.Equal(t, i > 0, b.byFiber.Load() > before, origin)
		require.Equal(t, i > 0, res.Header.Get("Access-Control-Allow-Origin") == "*", origin)
	}
}
