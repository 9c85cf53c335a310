package e2e

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatIsNotThereIsAProblem(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Who wins?"))
		for _, path := range []string{"/nowhere", "/api", "/api/v1", "/api/v2/ping",
			"/api/v1/presentation", "/api/v1/ping/pong",
			r.Path("/poll"), r.Path("/polls/current/vote"), "/favicon.ico.txt"} {
			require.Equal(t, "404 not_found",
				s.Do(Request{Method: http.MethodGet, Path: path, Wrong: true}).Code(), path)
		}
		for _, c := range []struct{ method, path, allow string }{
			{"GET", Base + "/presentations", "POST"},
			{"PUT", r.Path(""), "GET PATCH DELETE"},
			{"GET", r.Path("/polls"), "POST"},
			{"POST", r.Path("/polls/order"), "PUT"},
			{"PUT", r.Path("/polls/" + r.Polls[0].PollID), "PATCH DELETE"},
			{"GET", r.Path("/polls/" + r.Polls[0].PollID + "/reset"), "POST"},
			{"POST", r.Path("/export"), "GET"},
			{"POST", r.Path("/polls/current"), "GET PUT DELETE"},
			{"PUT", r.Path("/polls/current/votes"), "POST"},
			{"POST", r.Path("/polls/" + r.Polls[0].PollID + "/results"), "GET"},
			{"POST", Base + "/ping", "GET"},
			{"GET", r.Path("/polls/current/votes"), "POST"},
			{"PATCH", r.Path("/polls/current"), "GET PUT DELETE"},
			{"DELETE", r.Path("/polls/order"), "PUT"},
		} {
			a := s.Do(Request{Method: c.method, Path: c.path, Wrong: true})
			require.Equal(t, "405 method_not_allowed", a.Code(), "%s %s: %v", c.method, c.path, a)
			takes := append(strings.Fields(c.allow), "OPTIONS")
			if slices.Contains(takes, "GET") {
				takes = append(takes, "HEAD")
			}
			require.ElementsMatch(t, takes, strings.Split(a.Header.Get("Allow"), ", "), "%s %s",
				c.method, c.path)
		}
	})
}

func TestHeadIsAnsweredWhereGetIs(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Who wins?"))
		for path, status := range map[string]int{
			Base + "/ping":           http.StatusOK,
			r.Path(""):               http.StatusOK,
			r.Path("/polls/current"): http.StatusOK,
			Base + "/join/nobody":    http.StatusNotFound,
			"/nowhere":               http.StatusNotFound,
		} {
			a := s.Do(Request{Method: http.MethodHead, Path: path, Wrong: true})
			require.Equal(t, status, a.Status, path)
			require.NotEmpty(t, a.Header.Get("X-Request-Id"), path)
		}
	})
}

func TestProblemSaysWhatHappenedAndNothingOfTheInside(t *testing.T) {
	inside := regexp.MustCompile(`(?i)sql|pq:|\.go:|goroutine|amqp|fiber|0x[0-9a-f]{6}`)
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Who wins?"))
		for _, req := range []Request{
			{Method: "GET", Path: "/nowhere"},
			{Method: "GET", Path: Base + "/presentations/" + nobody},
			{Method: "GET", Path: Base + "/join/%27%3B%20DROP%20TABLE%20polls"},
			{Method: "PUT", Path: r.Path("/polls/current")},
			{Method: "POST", Path: r.Path("/polls/current/votes"), Body: "{",
				Header: contentType("{")},
			{Method: "POST", Path: Base + "/presentations", Body: `{"polls":7}`,
				Header: contentType("{")},
		} {
			req.Wrong = true
			a := s.Do(req)
			p := a.Problem()
			require.Equal(t, a.Status, p.Status)
			require.Equal(t, http.StatusText(a.Status), p.Title)
			require.Equal(t, a.Header.Get("X-Request-Id"), p.RequestID)
			require.NotRegexp(t, inside, string(a.Body))
		}
	})
}

func TestRequestIdIsKeptWhenItIsOneAndReplacedWhenNot(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		for _, c := range []struct {
			id   string
			kept bool
		}{
			{"a", true}, {"abc-DEF_1.2", true}, {strings.Repeat("x", 64), true},
			{strings.Repeat("x", 65), false}, {"two words", false}, {"a/b", false}, {`"a"`, false},
			{"é", false}, {"", false},
		} {
			for _, path := range []string{Base + "/ping", "/nowhere"} {
				got := s.Do(Request{Method: "GET", Path: path,
					Header: map[string]string{"X-Request-Id": c.id}, Wrong: true}).
					Header.Get("X-Request-Id")
				require.Equal(t, c.kept, got == c.id, "%q became %q", c.id, got)
			}
		}
		one, two := s.Do(Request{Method: "GET", Path: Base + "/ping"}),
			s.Do(Request{Method: "GET", Path: Base + "/ping"})
		require.NotEqual(t, one.Header.Get("X-Request-Id"), two.Header.Get("X-Request-Id"))
	})
}

func TestOperatorsAreAnswered(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		show(s.Client, choice("Who wins?"))
		for _, replica := range s.replicas { // not through NGINX, which may keep these to itself
			for _, path := range []string{Base + "/ping", "/healthz", "/readyz",
				Base + "/openapi.yaml"} {
				require.Equal(t, http.StatusOK,
					replica.Do(Request{Method: "GET", Path: path}).Status, path)
			}
			for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
				require.Equal(t, http.StatusOK, replica.Operators(path).Status, path)
			}
		}
	})
}

// TestMetricsAreNotForTheAudience asks the front door and each API, from this machine and under
// every name.
func TestMetricsAreNotForTheAudience(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		for _, client := range append([]*Client{s.Client}, s.replicas...) {
			for _, path := range []string{"/metrics", "/metrics/", "/METRICS", "/Metrics/",
				"/%6detrics", "//metrics", "/x/../metrics"} {
				a := client.Do(Request{Method: "GET", Path: path, Wrong: true})
				require.Equal(t, http.StatusNotFound, a.Status, path)
				require.NotContains(t, string(a.Body), "go_goroutines")
			}
		}
	})
}

// TestConnectionThatBreaksInTheMiddleHurtsNobody speaks TCP: an HTTP library would not send such
// things.
func TestConnectionThatBreaksInTheMiddleHurtsNobody(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Who wins?"))
		pollID := r.Polls[0].PollID
		head := "POST " + r.Path("/polls/current/votes") +
			" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		body := ballotJSON(pollID, NewVoter(), `,"key":"A"`)
		for name, text := range map[string]string{
			"a body shorter than its Content-Length": head + "Content-Length: 500\r\n\r\n" + body,
			"a chunk that never ends": head +
				"Transfer-Encoding: chunked\r\n\r\nff\r\n" + body,
			"no HTTP":                            "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
			"half a head":                        head[:40],
			"a Content-Length that is no number": head + "Content-Length: many\r\n\r\n" + body,
		} {
			for _, replica := range append([]*Client{s.Client}, s.replicas...) {
				raw(t, replica.base, text, true)
				r.Through(replica).Vote(pollID, NewVoter(), "B")
			}
			require.Zero(t, r.Recount(pollID).Counts()["A"], "%s became a vote", name)
		}
	})
}

func TestRequestThatIsWrongAsHTTPIsAProblemToo(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		for _, c := range []struct{ name, head, status, code string }{
			{"headers of 64 KiB", "GET " + Base + "/ping HTTP/1.1\r\nHost: x\r\nX-Long: " +
				strings.Repeat("x", 64<<10) + "\r\n\r\n", "431", "headers_too_large"},
			{"a Content-Length that is no number",
				"POST " + Base + "/presentations HTTP/1.1\r\nHost: x\r\nContent-Length: " +
					"many\r\n\r\n", "400", "invalid"},
		} {
			for _, client := range append([]*Client{s.Client}, s.replicas...) {
				answer := raw(t, client.base, c.head, false)
				require.Contains(t, answer, "HTTP/1.1 "+c.status, c.name)
				require.Contains(t, answer, "\"code\":\""+c.code+"\"", c.name)
				require.Regexp(t, `(?i)\r\nX-Request-Id: .`, answer, c.name)
				require.Regexp(t, `(?i)\r\nContent-Type: application/problem\+json`, answer, c.name)
			}
		}
	})
}

func TestVoteMayComeInChunks(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Who wins?"))
		pollID := r.Polls[0].PollID
		chunked := func(chunks ...string) string {
			text := "POST " + r.Path("/polls/current/votes") +
				" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" +
				"Content-Type: application/json\r\nPrefer: wait=5\r\nTransfer-Encoding: " +
				"chunked\r\n\r\n"
			for _, c := range append(chunks, "") {
				text += strconv.FormatInt(int64(len(c)), 16) + "\r\n" + c + "\r\n"
			}
			return text
		}
		body := ballotJSON(pollID, NewVoter(), `,"key":"A"`)
		require.Contains(t, raw(t, s.base, chunked(body[:10], body[10:]), false), "HTTP/1.1 204")
		require.EqualValues(t, 1, r.Recount(pollID).Total)
		require.Contains(t, raw(t, s.base, chunked(body, strings.Repeat(" ", 5000)),
			false), "HTTP/1.1 413")
	})
}

// raw sends text over a connection of its own. It breaks the connection at once, or gives the
// answer's first bytes.
func raw(t *testing.T, base, text string, breaks bool) string {
	t.Helper()
	u, err := url.Parse(base)
	require.NoError(t, err)
	conn, err := net.Dial("tcp", u.Host)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	if breaks {
		return ""
	}
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(wait)))
	answer := make([]byte, 1024)
	n, err := conn.Read(answer)
	require.NoError(t, err)
	return string(answer[:n])
}
