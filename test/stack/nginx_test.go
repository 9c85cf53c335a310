package stack

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nginxFor runs NGINX with the repository's configuration before upstreams that the test plays
// itself.
func nginxFor(t *testing.T, upstreams ...string) string {
	t.Helper()
	return nginxWith(t, Config{}, upstreams...)
}

// nginxWith does so with settings.
func nginxWith(t *testing.T, cfg Config, upstreams ...string) string {
	t.Helper()
	skipShort(t)
	cfg.Output = io.Discard
	s := &Stack{cfg: cfg}
	require.NoError(t, s.prepare())
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.runNGINX(t.Context(), upstreams))
	return s.NGINX.URL
}

// upstream plays an API replica and counts what reaches it.
type upstream struct {
	addr        string
	requests    atomic.Int64
	connections atomic.Int64
}

func newUpstream(t *testing.T, handler http.HandlerFunc) *upstream {
	t.Helper()
	up := &upstream{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter,
		r *http.Request) {
		up.requests.Add(1)
		handler(w, r)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			up.connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	up.addr = server.Listener.Addr().String()
	return up
}

func ok(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

// hangUp reads the request and dies, as a replica that crashes in the middle of a request.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// call asks over a connection of its own, so that requests spread over NGINX's workers.
func call(t *testing.T, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	require.NoError(t, err)
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res, string(raw)
}

func requireProblem(t *testing.T, res *http.Response, body string, status int, code string) {
	t.Helper()
	require.Equal(t, status, res.StatusCode)
	require.Equal(t, "application/problem+json", res.Header.Get("Content-Type"))
	require.NotEmpty(t, res.Header.Get("X-Request-Id"))
	var problem struct {
		Type, Title, Code, Detail string
		Status                    int
		RequestID                 string `json:"request_id"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &problem), body)
	require.Equal(t, code, problem.Code)
	require.Equal(t, status, problem.Status)
	require.Equal(t, http.StatusText(status), problem.Title)
	require.Equal(t, res.Header.Get("X-Request-Id"), problem.RequestID)
	require.NotEmpty(t, problem.Detail)
}

// deadAddr is an address where nobody listens.
func deadAddr(t *testing.T) string {
	t.Helper()
	port, err := freePort()
	require.NoError(t, err)
	return loopback(port)
}

const votesPath = "/api/v1/presentations/018f/polls/current/votes"

func TestNGINXKeepsItsConnectionsToTheAPIs(t *testing.T) {
	up := newUpstream(t, ok)
	base := nginxFor(t, up.addr)
	for range 100 {
		res, _ := call(t, http.MethodPost, base+votesPath, `{}`)
		require.Equal(t, http.StatusNoContent, res.StatusCode)
	}
	assert.EqualValues(t, 100, up.requests.Load())
	assert.LessOrEqual(t, up.connections.Load(), int64(nginxWorkers),
		"one per worker is enough for requests one after the other")
}

func TestNGINXSendsMoreToTheAPIThatHasLessToDo(t *testing.T) {
	release, arrived := make(chan struct{}), make(chan struct{}, 16)
	slow := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		ok(w, r)
	})
	fast := newUpstream(t, ok)
	base := nginxFor(t, slow.addr, fast.addr)
	var waiting sync.WaitGroup
	// The first request that the slow one gets stays there; from then on it has more to do than the
	// other.
	for occupied := false; !occupied; {
		done := make(chan struct{})
		waiting.Go(func() { call(t, http.MethodGet, base+"/", ""); close(done) })
		select {
		case <-arrived:
			occupied = true
		case <-done:
		}
	}
	before := fast.requests.Load()
	for range 50 {
		call(t, http.MethodGet, base+"/", "")
	}
	assert.EqualValues(t, before+50, fast.requests.Load())
	close(release)
	waiting.Wait()
}

func TestNGINXRepeatsOnlyWhatIsSafeToRepeat(t *testing.T) {
	for _, c := range []struct {
		method, path, match string
		sent                int64
	}{
		{http.MethodGet, "/api/v1/presentations/018f", "", 2},
		{http.MethodGet, "/api/v1/presentations/018f/polls/current", "", 2},
		{http.MethodGet, "/api/v1/presentations/018f/events", "", 2},
		{http.MethodPost, "/api/v1/presentations", "", 1},
		{http.MethodPost, votesPath, "", 1},
		{http.MethodPatch, "/api/v1/presentations/018f", "", 1},
		{http.MethodPut, "/api/v1/presentations/018f/polls/current", "", 1},
		{http.MethodDelete, "/api/v1/presentations/018f/polls/current", "", 1},
		{http.MethodPut, "/api/v1/presentations/018f/polls/current", `"7"`, 2},
		{http.MethodDelete, "/api/v1/presentations/018f/polls/current", `"7"`, 2},
		{http.MethodPut, "/api/v1/presentations/018f/polls/current", `*`, 1},
		{http.MethodPut, "/api/v1/presentations/018f/polls/current", `"7", "8"`, 1},
		{http.MethodDelete, "/api/v1/presentations/018f/polls/current", `W/"7"`, 1},
	} {
		t.Run(c.method+c.path+c.match, func(t *testing.T) {
			one, other := newUpstream(t, hangUp), newUpstream(t, hangUp)
			res, body := call(t, c.method, nginxFor(t, one.addr, other.addr)+c.path, "",
				"If-Match", c.match)
			requireProblem(t, res, body, http.StatusServiceUnavailable, "unavailable")
			assert.Equal(t, "1", res.Header.Get("Retry-After"))
			assert.Equal(t, c.sent, one.requests.Load()+other.requests.Load())
		})
	}
}

func TestNGINXPassesWhatWasNotSentToAnotherAPI(t *testing.T) {
	up := newUpstream(t, ok)
	base := nginxFor(t, deadAddr(t), up.addr, deadAddr(t))
	for range 30 {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch,
			http.MethodPut, http.MethodDelete} {
			res, _ := call(t, method, base+votesPath, "", "If-Match", `"7"`)
			require.Equal(t, http.StatusNoContent, res.StatusCode, method)
		}
	}
	assert.EqualValues(t, 150, up.requests.Load())
}

// A presenter's "next slide" without If-Match is such a request. In a quiet room least_conn gives
// it to the dead replica, which has no connections, while others hold the room's event streams.
func TestNGINXPassesWhatMayBeSentOnlyOnceToAnotherAPIIfItWasNotSent(t *testing.T) {
	release := make(chan struct{})
	up := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") {
			w.(http.Flusher).Flush()
			<-release
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method == http.MethodPut && string(body) != `{"move":"next"}` {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		ok(w, r)
	})
	var streams sync.WaitGroup
	t.Cleanup(func() {
		close(release)
		http.DefaultClient.CloseIdleConnections()
		streams.Wait()
	})
	base := nginxFor(t, deadAddr(t), up.addr, deadAddr(t))
	for range 10 {
		streams.Go(func() {
			if res, err := http.Get(base + "/api/v1/presentations/018f/events"); err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
		})
	}
	require.Eventually(t, func() bool { return up.requests.Load() == 10 }, 10*time.Second,
		time.Millisecond)
	current := base + "/api/v1/presentations/018f/polls/current"
	for range 20 {
		res, _ := call(t, http.MethodPut, current, `{"move":"next"}`)
		require.Equal(t, http.StatusNoContent, res.StatusCode)
		res, _ = call(t, http.MethodDelete, current, "")
		require.Equal(t, http.StatusNoContent, res.StatusCode)
	}
	assert.EqualValues(t, 10+40, up.requests.Load(), "each once")
}

// A move has a body that comes after its head, and its first replica is dead. The move is done
// once or not at all, and the client knows.
func TestNGINXDoesNotTakeAPartOfABodyForTheWhole(t *testing.T) {
	var whole atomic.Int64
	up := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != "{  }" {
			assert.Error(t, err, "what is no whole body does not end as one")
			return
		}
		whole.Add(1)
		ok(w, r)
	})
	base := nginxFor(t, deadAddr(t), up.addr)
	done := int64(0)
	for range 3 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
		_, err = io.WriteString(conn,
			"PUT /api/v1/presentations/018f/polls/current HTTP/1.1\r\nHost: x\r\nContent-Length: "+
				"4\r\n\r\n{ ")
		require.NoError(t, err)
		time.Sleep(50 * time.Millisecond) // NGINX has the head, and asks a replica
		_, err = io.WriteString(conn, " }")
		require.NoError(t, err)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.NoError(t, conn.Close())
		if res.StatusCode == http.StatusNoContent {
			done++
		} else {
			require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
		}
	}
	require.Equal(t, done, whole.Load())
}

func TestNGINXNeverRepeatsAMoveThatAnAPIDiedOverOnAConnectionThatItKept(t *testing.T) {
	var dies atomic.Bool
	handler := func(w http.ResponseWriter, r *http.Request) {
		if dies.Load() {
			hangUp(w, r)
		}
		ok(w, r)
	}
	one, other := newUpstream(t, handler), newUpstream(t, handler)
	base := nginxFor(t, one.addr, other.addr)
	current := base + "/api/v1/presentations/018f/polls/current"
	for range 20 {
		dies.Store(false)
		call(t, http.MethodPut, current, "")
		before := one.requests.Load() + other.requests.Load()
		dies.Store(true)
		res, body := call(t, http.MethodPut, current, `{"move":"next"}`)
		requireProblem(t, res, body, http.StatusServiceUnavailable, "unavailable")
		require.EqualValues(t, before+1, one.requests.Load()+other.requests.Load())
	}
}

func TestNGINXLeavesADeadAPIAloneForAWhile(t *testing.T) {
	var tried atomic.Int64 // a replica that takes connections and dies at once
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := dead.Accept()
			if err != nil {
				return
			}
			tried.Add(1)
			_ = conn.Close()
		}
	})
	up := newUpstream(t, ok)
	base := nginxFor(t, dead.Addr().String(), up.addr)
	began := time.Now()
	for range 500 {
		res, _ := call(t, http.MethodGet, base+"/", "")
		require.Equal(t, http.StatusNoContent, res.StatusCode, "the other one answers")
	}
	// after fail_timeout it is tried again, once
	windows := int64(time.Since(began)/(2*time.Second)) + 1
	require.NoError(t, dead.Close())
	accepting.Wait()
	assert.LessOrEqual(t, tried.Load(), 100+windows, "max_fails")
	assert.EqualValues(t, 500, up.requests.Load())
}

// NGINX has no time for a whole body; the API has one. So a body goes on as it comes, for whoever
// sends it byte by byte to be cut off.
func TestNGINXPassesABodyOnAsItComes(t *testing.T) {
	begun := make(chan string)
	up := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		first := make([]byte, 2)
		if _, err := io.ReadFull(r.Body, first); err != nil {
			return
		}
		begun <- string(first)
		if rest, err := io.ReadAll(r.Body); err == nil && string(rest) == " }" {
			ok(w, r)
		}
	})
	base := nginxFor(t, up.addr)
	for name, parts := range map[string][2]string{
		"with its length": {"Content-Length: 4\r\n\r\n{ ", " }"},
		"in chunks": {"Transfer-Encoding: chunked\r\n\r\n2\r\n{ ",
			"\r\n2\r\n }\r\n0\r\n\r\n"},
	} {
		// PUT takes the detour to @once
		for _, method := range []string{http.MethodPost, http.MethodPut} {
			conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
			require.NoError(t, err)
			require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
			_, err = io.WriteString(conn, method+" "+votesPath+" HTTP/1.1\r\nHost: x\r\n"+parts[0])
			require.NoError(t, err)
			select {
			case first := <-begun:
				require.Equal(t, "{ ", first)
			case <-time.After(10 * time.Second):
				t.Fatal(name, method, "the API knows nothing of it")
			}
			_, err = io.WriteString(conn, parts[1])
			require.NoError(t, err)
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			assert.Equal(t, http.StatusNoContent, res.StatusCode, name)
			require.NoError(t, conn.Close())
		}
	}
}

// A refusal that comes before the body is whole reaches the client, and what the client sends then
// is not waited for.
func TestNGINXPassesOnARefusalOfABodyThatIsStillSent(t *testing.T) {
	up := newUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestTimeout)
	})
	base := nginxFor(t, up.addr)
	for _, method := range []string{http.MethodPost, http.MethodPut} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
		_, err = io.WriteString(conn,
			method+" "+votesPath+" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
		require.NoError(t, err)
		in := bufio.NewReader(conn)
		res, err := http.ReadResponse(in, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusRequestTimeout, res.StatusCode)
		_, err = in.ReadByte()
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, conn.Close())
	}
}

// As the API allows it: its setting and this one are the same.
func TestNGINXsOwnAnswersCanBeReadByPagesThatMay(t *testing.T) {
	const one, both = "https://a.example", "https://a.example, http://b.example:8080"
	for setting, allowed := range map[string]map[string]string{ // by origin
		"*":    {one: "*", "null": "*", "": ""},
		"none": {one: "", "none": "", "": ""},
		one: {
			one: one, "https://b.example": "", one + ".evil": "", "https://a.exampl": "",
			"ttps://a.example": "", "https://aXexample": "", "": "", "*": "",
			one + "|": "", "|" + one: "", one + "|" + one: "", one + ", https://b.example": "",
		},
		both: {one: one, "http://b.example:8080": "http://b.example:8080", "http://b.example": "",
			both: "", "http://b.example:80": ""},
	} {
		base := nginxWith(t, Config{Output: io.Discard,
			APIEnv: []string{"PLENARY_CORS_ORIGINS=" + setting}}, deadAddr(t))
		for origin, want := range allowed {
			for body, status := range map[string]int{"{}": http.StatusServiceUnavailable,
				strings.Repeat("x", 1<<20+1): http.StatusRequestEntityTooLarge} {
				res, _ := call(t, http.MethodPost, base+votesPath, body, "Origin", origin)
				require.Equal(t, status, res.StatusCode)
				assert.Equal(t, want, res.Header.Get("Access-Control-Allow-Origin"), "%s for %q",
					setting, origin)
				assert.Equal(t, want != "", res.Header.Get("Access-Control-Expose-Headers") != "",
					"%s for %q", setting, origin)
			}
		}
	}
}

func TestNGINXLogsNoLongValue(t *testing.T) {
	skipShort(t)
	up := newUpstream(t, ok)
	s := &Stack{cfg: Config{Output: io.Discard}}
	require.NoError(t, s.prepare())
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	path := s.path("nginx") + "/access.log"
	s.accessLog = path + " json"
	require.NoError(t, s.runNGINX(t.Context(), []string{up.addr}))
	sent := []string{
		"/short", "/" + strings.Repeat("x", 199), "/" + strings.Repeat("x", 200),
		"/" + strings.Repeat("%0A", 2000), "/" + strings.Repeat("%C3%A9", 1000), "/%FF%00",
	}
	for _, path := range sent {
		call(t, http.MethodGet, s.NGINX.URL+path, "")
	}
	call(t, strings.Repeat("X", 300), s.NGINX.URL+"/", "")
	var uris []string
	require.Eventually(t, func() bool {
		uris = nil
		raw, _ := os.ReadFile(path)
		for line := range strings.Lines(string(raw)) {
			var values map[string]any
			if json.Unmarshal([]byte(line), &values) != nil {
				return false
			}
			for name, value := range values {
				text, _ := value.(string)
				// JSON has three bytes for half a character
				require.LessOrEqual(t, len(text), 200+2, "%s: %q", name, text)
			}
			if uri := values["uri"].(string); uri != "/nginx-status" {
				uris = append(uris, uri)
			}
		}
		return len(uris) > len(sent)
	}, 10*time.Second, 10*time.Millisecond)
	require.Contains(t, uris, "/short")
	require.Contains(t, uris, "/"+strings.Repeat("x", 199))
	require.NotContains(t, uris, "/"+strings.Repeat("x", 200))
}

// One mebibyte is the API's own limit: what NGINX lets pass, the API can answer, and nothing that
// the API takes is refused here.
func TestNGINXTakesWhatTheAPITakes(t *testing.T) {
	up := newUpstream(t, ok)
	res, _ := call(t, http.MethodPost, nginxFor(t, up.addr)+"/api/v1/presentations",
		strings.Repeat("x", 1<<20))
	assert.Equal(t, http.StatusNoContent, res.StatusCode)
}

func TestNGINXRefusesFramingsThatTwoServersCouldReadDifferently(t *testing.T) {
	up := newUpstream(t, ok)
	base := nginxFor(t, up.addr)
	const hidden = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, framing := range []string{
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"Transfer-Encoding: chunked\r\nContent-Length: 60\r\n\r\n0\r\n\r\n" + hidden,
		"Content-Length: 3\r\nContent-Length: 0\r\n\r\n" + hidden,
		"Transfer-Encoding: gzip\r\n\r\n" + hidden,
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n" + hidden,
		"Transfer-Encoding: chunked\r\n\r\nz\r\n" + hidden,
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
		require.NoError(t, err)
		_, err = io.WriteString(conn, "POST "+votesPath+" HTTP/1.1\r\nHost: x\r\n"+framing)
		require.NoError(t, err)
		// NGINX lingers for a client that may go on
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
		in := bufio.NewReader(conn)
		res, err := http.ReadResponse(in, nil)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		requireProblem(t, res, string(body), http.StatusBadRequest, "invalid")
		_, err = in.ReadByte()
		require.Error(t, err, "one answer, and the end: %q", framing)
		require.NoError(t, conn.Close())
	}
	assert.Zero(t, up.requests.Load(), "no API sees any of it")
}

func TestNGINXSaysThatNoAPIIsThereAsAProblem(t *testing.T) {
	base := nginxFor(t, deadAddr(t), deadAddr(t))
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut,
		http.MethodDelete} {
		for _, path := range []string{"/api/v1/ping", "/index.html"} {
			res, body := call(t, method, base+path, "", "X-Request-Id", "abc")
			requireProblem(t, res, body, http.StatusServiceUnavailable, "unavailable")
			assert.Equal(t, "1", res.Header.Get("Retry-After"))
			assert.Equal(t, "abc", res.Header.Get("X-Request-Id"))
		}
	}
}

func TestNGINXPassesTheAPIsOwnAnswersUnchanged(t *testing.T) {
	status := http.StatusOK
	handler := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "the API's own words")
	}
	one, other := newUpstream(t, handler), newUpstream(t, handler)
	base := nginxFor(t, one.addr, other.addr)
	for i, status2 := range []int{400, 404, 409, 413, 418, 429, 500, 502, 503, 504} {
		status = status2
		res, body := call(t, http.MethodGet, base+"/", "")
		assert.Equal(t, status, res.StatusCode)
		assert.Equal(t, "the API's own words", body)
		assert.Equal(t, "7", res.Header.Get("Retry-After"))
		assert.EqualValues(t, i+1, one.requests.Load()+other.requests.Load(), "asked once")
	}
}

func TestNGINXPassesRequestIdAndClientAddressOn(t *testing.T) {
	up := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s|%s|%s|%s|%s", r.Header.Get("X-Request-Id"),
			r.Header.Get("X-Forwarded-For"),
			r.Header.Get("X-Real-IP"), r.Header.Get("X-Forwarded-Proto"), r.Host)
	})
	base := nginxFor(t, up.addr)
	host := strings.TrimPrefix(base, "http://")
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
		for _, c := range []struct{ name, sent, want string }{
			{"a sane one is kept", "018f-AB_c.2", `018f-AB_c\.2`},
			{"a missing one is made", "", `[0-9a-f]{32}`},
			{"a long one is replaced", strings.Repeat("x", 65), `[0-9a-f]{32}`},
			{"one with odd characters is replaced", `a" b`, `[0-9a-f]{32}`},
		} {
			_, body := call(t, method, base+"/", "", "X-Request-Id", c.sent, "X-Forwarded-For",
				"6.6.6.6", "X-Real-IP", "6.6.6.6")
			assert.Regexp(t, "^"+c.want+`\|127\.0\.0\.1\|127\.0\.0\.1\|http\|`+
				regexp.QuoteMeta(host)+"$", body, "%s: %s", method, c.name)
		}
	}
}

func TestNGINXPassesOnHowTheClientCameToWhatEndsTLSBeforeIt(t *testing.T) {
	up := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Join(r.Header.Values("X-Forwarded-Proto"), "|"))
	})
	base := nginxWith(t, Config{Trusted: "127.0.0.0/8"}, up.addr)
	for sent, want := range map[string]string{
		"": "http", "http": "http", "https": "https", "HTTPS": "https", "https, http": "https",
		"https,http": "https", "http, https": "http",
		"ftp": "http", "httpsx": "http", "https evil": "http", "javascript:https": "http",
		", https": "http", `"https"`: "http",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPut} {
			_, body := call(t, method, base+"/qr.svg", "", "X-Forwarded-Proto", sent)
			assert.Equal(t, want, body, "%s %q", method, sent)
		}
	}
}

// from makes a client that asks from one of this machine's own addresses.
func from(address string) *http.Client {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: dialer.DialContext}, Timeout: 30 * time.Second}
}

func TestNGINXBelievesOnlyThoseThatAreTrusted(t *testing.T) {
	up := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		h := r.Header
		_, _ = fmt.Fprint(w, strings.Join([]string{
			strings.Join(h.Values("X-Forwarded-For"), "|"), h.Get("X-Real-IP"),
			strings.Join(h.Values("X-Forwarded-Proto"), "|"),
			strings.Join(h.Values("X-Forwarded-Host"), "|"),
			strings.TrimPrefix(r.Host, "127.0.0.1:"),
		}, " "))
	})
	for trusted, believed := range map[string][]string{"": nil, "127.0.0.7": {"127.0.0.7"},
		"127.0.0.8/31, 10.0.0.0/8 ::1": {"127.0.0.8", "127.0.0.9"}} {
		base := nginxWith(t, Config{Trusted: trusted}, up.addr)
		port := base[strings.LastIndexByte(base, ':')+1:]
		for _, peer := range []string{"127.0.0.1", "127.0.0.7", "127.0.0.8", "127.0.0.9"} {
			for _, method := range []string{http.MethodGet, http.MethodPut} {
				for forwarded, client := range map[string]string{
					"": peer, "6.6.6.6, 203.0.113.7": "203.0.113.7", "2001:db8::5": "2001:db8::5",
					"x": peer, "6.6.6.6, x": peer, "203.0.113.7:55": "203.0.113.7",
				} {
					req, err := http.NewRequestWithContext(t.Context(), method, base+"/", nil)
					require.NoError(t, err)
					req.Header.Set("X-Forwarded-Proto", "https")
					req.Header.Set("X-Forwarded-Host", "vote.example")
					req.Header.Set("X-Real-IP", "6.6.6.6")
					if forwarded != "" {
						req.Header.Set("X-Forwarded-For", forwarded)
					}
					res, err := from(peer).Do(req)
					require.NoError(t, err)
					got, err := io.ReadAll(res.Body)
					require.NoError(t, err)
					require.NoError(t, res.Body.Close())
					want := fmt.Sprintf("%[1]s %[1]s http  %[2]s", peer, port)
					if slices.Contains(believed, peer) {
						want = fmt.Sprintf("%[1]s %[1]s https vote.example %[2]s", client, port)
					}
					require.Equal(t, want, string(got), "%q: %s says %q", trusted, peer, forwarded)
				}
			}
		}
	}
}

func TestNGINXIsNotStartedWithSettingsThatAreNone(t *testing.T) {
	for _, cfg := range []Config{
		{Trusted: "everybody"}, {Trusted: "10.0.0.0/8; allow all"}, {Trusted: "*"},
		{Trusted: "$(id)"}, {Trusted: "10.0.0.0/8 {"}, {AddressConnections: -1},
	} {
		s := &Stack{cfg: cfg}
		_, err := s.renderNGINX("/", 1, nil)
		require.ErrorContains(t, err, "NGINX_", "%+v", cfg)
	}
}

// TestNGINXBoundsWhatOneAddressHasUnderWay: event streams count, and others are not concerned.
func TestNGINXBoundsWhatOneAddressHasUnderWay(t *testing.T) {
	began, end := make(chan struct{}), make(chan struct{})
	up := newUpstream(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") {
			w.(http.Flusher).Flush()
			began <- struct{}{}
			<-end
		}
	})
	base := nginxWith(t, Config{AddressConnections: 3}, up.addr)
	var streams sync.WaitGroup
	for range 3 {
		streams.Go(func() {
			res, err := from("127.0.0.7").Get(base + "/api/v1/presentations/x/events")
			if assert.NoError(t, err) {
				_, _ = io.Copy(io.Discard, res.Body)
				assert.NoError(t, res.Body.Close())
			}
		})
		<-began
	}
	res, err := from("127.0.0.7").Get(base + "/")
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	requireProblem(t, res, string(body), 429, "too_many_requests")
	require.Equal(t, "1", res.Header.Get("Retry-After"))
	res, err = from("127.0.0.8").Get(base + "/")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, 200, res.StatusCode)
	close(end)
	streams.Wait()
}

func TestNGINXPassesAnEventOnAtOnce(t *testing.T) {
	next := make(chan string)
	up := newUpstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for event := range next {
			_, _ = io.WriteString(w, "data: "+event+"\n")
			w.(http.Flusher).Flush()
		}
	})
	base := nginxFor(t, up.addr)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { next <- "1" }()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet,
		base+"/api/v1/presentations/018f/events", nil)
	require.NoError(t, err)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	require.NoError(t, err)
	lines := bufio.NewScanner(res.Body)
	require.True(t, lines.Scan())
	require.Equal(t, "data: 1", lines.Text())
	next <- "2" // written only now, while the stream is open
	require.True(t, lines.Scan())
	require.Equal(t, "data: 2", lines.Text())
	close(next)
	require.False(t, lines.Scan())
	require.NoError(t, res.Body.Close())
}

func TestNGINXRefusesWhatIsAbsurdAsAProblem(t *testing.T) {
	up := newUpstream(t, ok)
	base := nginxFor(t, up.addr)

	res, body := call(t, http.MethodPost, base+votesPath, strings.Repeat("x", 1<<20+1))
	requireProblem(t, res, body, http.StatusRequestEntityTooLarge, "payload_too_large")
	res, body = call(t, http.MethodGet, base+"/"+strings.Repeat("x", 9000), "")
	requireProblem(t, res, body, http.StatusRequestURITooLong, "uri_too_long")
	res, body = call(t, http.MethodGet, base+"/", "", "X-Long", strings.Repeat("x", 9000))
	requireProblem(t, res, body, http.StatusRequestHeaderFieldsTooLarge, "headers_too_large")

	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	require.NoError(t, err)
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: \x01bad\r\n\r\n")
	require.NoError(t, err)
	raw, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	text, err := io.ReadAll(raw.Body)
	require.NoError(t, err)
	requireProblem(t, raw, string(text), http.StatusBadRequest, "invalid")
	require.NoError(t, conn.Close())
	assert.Zero(t, up.requests.Load())
}

func TestNGINXHasRoomFor30000ClientsAndTheirRequests(t *testing.T) {
	if hardOpenFiles() < 20000 {
		t.Skipf("a process may hold only %d descriptors here", hardOpenFiles())
	}
	s := &Stack{}
	conf, err := s.renderNGINX(t.TempDir(), 8080, []string{"127.0.0.1:1"})
	require.NoError(t, err)
	found := regexp.MustCompile(`worker_connections (\d+);`).FindStringSubmatch(conf)
	require.NotNil(t, found)
	connections, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	assert.GreaterOrEqual(t, connections*nginxWorkers, 2*30000)
}
