package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

const otherPage = "https://page.example"

// TestAPageOfAnotherOriginUsesTheAPI as a browser lets it: it asks first, votes, watches, and reads
// what went wrong.
func TestAPageOfAnotherOriginUsesTheAPI(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Who wins?"))
		votes := r.Path("/polls/current/votes")
		from := func(method, path, body string, header ...string) *Answer {
			t.Helper()
			h := map[string]string{"Origin": otherPage, "Content-Type": jsonEnc}
			for i := 0; i < len(header); i += 2 {
				h[header[i]] = header[i+1]
			}
			a := s.Do(Request{Method: method, Path: path, Body: body, Header: h, Wrong: true})
			require.Equal(t, []string{"*"}, a.Header.Values("Access-Control-Allow-Origin"),
				"%s %s: %v", method, path, a)
			require.Contains(t, a.Header.Get("Access-Control-Expose-Headers"), "X-Vote-Id")
			return a
		}
		for path, takes := range map[string]string{votes: "OPTIONS, POST",
			r.Path("/polls/current"): "DELETE, GET, HEAD, OPTIONS, PUT"} {
			res := preflight(t, s.base+path)
			require.Equal(t, http.StatusNoContent, res.StatusCode)
			require.Equal(t, "*", res.Header.Get("Access-Control-Allow-Origin"))
			require.Equal(t, takes, res.Header.Get("Access-Control-Allow-Methods"))
			require.Equal(t, "86400", res.Header.Get("Access-Control-Max-Age"))
			require.Contains(t, res.Header.Get("Access-Control-Allow-Headers"), "Content-Type")
		}
		a := from("POST", votes, ballotJSON(r.Polls[0].PollID, aVoter, `,"key":"A"`))
		require.Equal(t, http.StatusNoContent, a.Status)
		require.NotEmpty(t, a.Header.Get("X-Vote-Id"))
		require.Equal(t, http.StatusOK,
			from("GET", r.Path("/polls/"+r.Polls[0].PollID+"/results"), "").Status)
		require.Equal(t, "400 invalid key",
			from("POST", votes, ballotJSON(r.Polls[0].PollID, aVoter, "")).Code())
		require.Equal(t, "405 method_not_allowed", from("GET", votes, "").Code())
		require.Equal(t, "413 payload_too_large",
			from("POST", votes, strings.Repeat(" ", 5000)).Code())
		require.Equal(t, "404 not_found", from("GET", Base+"/nowhere", "").Code())
		require.EqualValues(t, 1, r.Recount(r.Polls[0].PollID).Total)

		conn, err := net.DialTimeout("tcp", strings.TrimPrefix(s.base, "http://"), wait)
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		require.NoError(t, conn.SetDeadline(time.Now().Add(wait)))
		_, err = io.WriteString(conn,
			"GET "+r.Path("/events")+" HTTP/1.1\r\nHost: x\r\nOrigin: "+otherPage+"\r\n\r\n")
		require.NoError(t, err)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
		require.Equal(t, []string{"*"}, res.Header.Values("Access-Control-Allow-Origin"))
	})
}

// preflight asks as a browser does before it sends what no form could.
func preflight(t *testing.T, url string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, url, nil)
	require.NoError(t, err)
	req.Header.Set("Origin", otherPage)
	req.Header.Set("Access-Control-Request-Method", "POST")
	req.Header.Set("Access-Control-Request-Headers", "content-type")
	res, err := (&http.Client{Transport: transport}).Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res
}

func TestAPageThatIsNotAllowedIsLeftOut(t *testing.T) {
	s, _ := own(t, stack.Config{Parts: stack.API, APIs: 1,
		APIEnv: []string{"PLENARY_CORS_ORIGINS=https://one.example, http://two.example:8080"}})
	for origin, allowed := range map[string]string{otherPage: "",
		"https://one.example":     "https://one.example",
		"http://two.example:8080": "http://two.example:8080"} {
		a := s.Do(Request{Method: "GET", Path: Base + "/ping",
			Header: map[string]string{"Origin": origin}})
		require.Equal(t, http.StatusOK, a.Status)
		require.Equal(t, allowed, a.Header.Get("Access-Control-Allow-Origin"))
		require.Equal(t, "Origin", a.Header.Get("Vary"))
	}
}
