package polls

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
	"golang.org/x/sync/semaphore"

	"github.com/plenary-live/plenary/api/internal/polls/fast"
	"github.com/plenary-live/plenary/api/internal/polls/fast/fasttest"
	"github.com/plenary-live/plenary/api/internal/server"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
)

// echoing serves what says how long its request's body is, beside the API, over a real listener. It
// gives the address.
func echoing(t *testing.T, change func(*whole)) string {
	t.Helper()
	s := newTestServer("database")
	change(s)
	s.app.Post("/length", func(c *fiber.Ctx) error { return c.JSON(len(c.Request().Body())) })
	return apiAddress(t, s)
}

// apiAddress serves until the test ends.
func apiAddress(t *testing.T, s *whole) string {
	t.Helper()
	ln := server.NewListener(listen(t), 999, 0, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		_ = ln.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
		require.NoError(t, <-served)
		s.Close()
	})
	return ln.Addr().String()
}

// exchange is a connection of a client that writes what it likes.
type exchange struct {
	net.Conn
	t       *testing.T
	answers *bufio.Reader
}

func connect(t *testing.T, addr string) *exchange {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	return &exchange{conn, t, bufio.NewReader(conn)}
}

// say writes; the server may have closed the connection by then.
func (e *exchange) say(parts ...string) *exchange {
	_, _ = io.WriteString(e, strings.Join(parts, ""))
	return e
}

// hear reads an answer, with its body.
func (e *exchange) hear() (*http.Response, string) {
	e.t.Helper()
	res, err := http.ReadResponse(e.answers, nil)
	require.NoError(e.t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(e.t, err)
	return res, string(body)
}

// refused reads a problem, after which the connection is closed.
func (e *exchange) refused(status int, code string) {
	e.t.Helper()
	res, body := e.hear()
	require.Equal(e.t, status, res.StatusCode, body)
	require.Contains(e.t, body, `"code":"`+code+`"`)
	require.Equal(e.t, "application/problem+json", res.Header.Get("Content-Type"))
	require.NotEmpty(e.t, res.Header.Get("X-Request-Id"))
	require.True(e.t, res.Close, "it says that it closes the connection")
	_, err := e.answers.ReadByte()
	require.ErrorIs(e.t, err, io.EOF)
}

func chunks(sizes ...int) string {
	var b strings.Builder
	for _, size := range sizes {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", size, strings.Repeat(" ", size))
	}
	return b.String()
}

const (
	lengthHead = "POST /length HTTP/1.1\r\nHost: x\r\n"
	chunkedEnd = "Transfer-Encoding: chunked\r\n\r\n"
)

func announcing(bytes int) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n", bytes) }

func TestABodyIsReadWholeUpToTheLimit(t *testing.T) {
	addr := echoing(t, func(*whole) {})
	e := connect(t, addr)
	for _, size := range []int{0, 1, 4095, 4096, 4097, 8191, 8192, 8193, 16 << 10, 16<<10 + 1,
		100_000, web.MaxBody - 1, web.MaxBody} {
		go e.say(lengthHead, announcing(size), strings.Repeat(" ", size))
		_, body := e.hear()
		require.Equal(t, fmt.Sprint(size), body)
		inChunks := connect(t, addr)
		go inChunks.say(lengthHead, chunkedEnd, sized(size), "0\r\n\r\n")
		res, body := inChunks.hear()
		require.Equal(t, fmt.Sprint(size), body, "in chunks")
		require.True(t, res.Close, "what comes behind them may be no request")
	}
	e.say(lengthHead, announcing(3), "abc", lengthHead, announcing(2), "ab", lengthHead,
		announcing(1), "x")
	for _, want := range []string{"3", "2", "1"} {
		_, body := e.hear()
		require.Equal(t, want, body, "each of several at once has its own")
	}
	e.say(lengthHead, "Expect: 100-continue\r\n", announcing(5))
	line, err := e.answers.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
	_, _ = e.answers.Discard(2)
	_, body := e.say("abcde").hear()
	require.Equal(t, "5", body)
}

// A trailer's line may end in a bare LF, and what is behind it would be a request for who reads it
// otherwise.
func TestWhatComesBehindABodyInChunksIsNotServed(t *testing.T) {
	addr := echoing(t, func(*whole) {})
	for _, trailer := range []string{"0\r\n\r\n", "0\r\n\n", "0\r\nX: y\n\n", "0\r\nX: y\n\r\n"} {
		e := connect(t, addr).say(lengthHead, chunkedEnd, chunks(2), trailer, lengthHead,
			announcing(1), "x")
		res, _ := e.hear()
		require.True(t, res.Close, "%q", trailer)
		_, err := e.answers.ReadByte()
		require.Error(t, err, "%q", trailer)
	}
}

// sized gives chunks of so many bytes in all.
func sized(size int) string {
	if size == 0 {
		return ""
	}
	return chunks(size)
}

func TestABodyThatIsTooLargeIsRefusedBeforeItIsSent(t *testing.T) {
	addr := echoing(t, func(*whole) {})
	vote := "POST " + fasttest.APath + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	for name, request := range map[string]string{
		"a body": lengthHead + announcing(web.MaxBody+1),
		"4 MiB":  lengthHead + announcing(4<<20),
		"a body that waits for a word": lengthHead + "Expect: 100-continue\r\n" +
			announcing(web.MaxBody+1),
		"a vote": vote + announcing(fast.MaxBody+1),
		"a vote with a query": strings.Replace(vote, " HTTP", "?a=b HTTP", 1) +
			announcing(fast.MaxBody+1),
		"a vote by its whole address": strings.Replace(vote, "/api", "http://x/api", 1) +
			announcing(fast.MaxBody+1),
		"a vote that waits": vote + "Expect: 100-continue\r\n" + announcing(web.MaxBody),
		"GET": "GET /healthz HTTP/1.1\r\nHost: x\r\n" +
			announcing(web.MaxBody+1),
		"no path": "PUT /nowhere HTTP/1.1\r\nHost: x\r\n" + announcing(1<<40),
		"a form": lengthHead +
			"Content-Type: multipart/form-data; boundary=x\r\n" + announcing(web.MaxBody+1),
	} {
		t.Run(name, func(t *testing.T) {
			connect(t, addr).say(request).
				refused(413, "payload_too_large")
		})
	}
	for name, request := range map[string]string{
		"chunks of a body":          lengthHead + chunkedEnd + chunks(web.MaxBody, 1),
		"one chunk":                 lengthHead + chunkedEnd + chunks(web.MaxBody+1),
		"a vote in chunks":          vote + chunkedEnd + chunks(fast.MaxBody, 1),
		"a body that is sent whole": lengthHead + announcing(2<<20) + strings.Repeat(" ", 2<<20),
		"a vote that is sent whole": vote + announcing(1<<20) + strings.Repeat(" ", 1<<20),
		"a body with another behind": lengthHead + announcing(web.MaxBody+9) +
			strings.Repeat(" ", web.MaxBody+9) + lengthHead + announcing(0),
	} {
		t.Run(name, func(t *testing.T) {
			e := connect(t, addr)
			go e.say(request)
			e.refused(413, "payload_too_large")
		})
	}
}

func TestABodyThatIsNotWholeIsRefused(t *testing.T) {
	addr := echoing(t, func(*whole) {})
	for name, request := range map[string]string{
		"shorter than announced":         announcing(10) + "abc",
		"a large one":                    announcing(100_000) + strings.Repeat(" ", 50_000),
		"no last chunk":                  chunkedEnd + chunks(3),
		"half a chunk":                   chunkedEnd + "5\r\nab",
		"no size":                        chunkedEnd + "\r\n",
		"a size that is none":            chunkedEnd + "x\r\nabc\r\n0\r\n\r\n",
		"a chunk longer than its size":   chunkedEnd + "2\r\nabc\r\n0\r\n\r\n",
		"a field that no trailer may be": chunkedEnd + chunks(3) + "0\r\nContent-Length: 3\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			e := connect(t, addr).say(lengthHead, request)
			require.NoError(t, e.Conn.(*net.TCPConn).CloseWrite())
			e.refused(400, "invalid")
		})
	}
}

func TestLargeBodiesShareABoundAndSmallOnesNeedNone(t *testing.T) {
	addr := echoing(t, func(s *whole) { s.Bodies = semaphore.NewWeighted(64 << 10) })
	holds := connect(t, addr).say(lengthHead, announcing(60_000), strings.Repeat(" ", 50_000))
	full := func() bool {
		e := connect(t, addr).say(lengthHead, announcing(60_000), strings.Repeat(" ", 60_000))
		res, _ := e.hear()
		if res.StatusCode == 503 {
			require.Equal(t, "1", res.Header.Get("Retry-After"))
			require.True(t, res.Close)
		}
		return res.StatusCode == 503
	}
	require.Eventually(t, full, 10*time.Second, 10*time.Millisecond,
		"the first one has its share when it has arrived")
	e := connect(t, addr)
	_, body := e.say(lengthHead, announcing(web.SmallBody),
		strings.Repeat(" ", web.SmallBody)).hear()
	require.Equal(t, fmt.Sprint(web.SmallBody), body)
	_, body = holds.say(strings.Repeat(" ", 10_000)).hear()
	require.Equal(t, "60000", body)
	require.Eventually(t, func() bool { return !full() }, 10*time.Second, 10*time.Millisecond,
		"and has given it back when it is answered")
}

// TestAClientThatGoesIsNoFault: it is told where somebody looks for it, and with the status that it
// has everywhere.
func TestAClientThatGoesIsNoFault(t *testing.T) {
	var mu sync.Mutex
	var out bytes.Buffer
	statuses := make(chan int, 99)
	s := newTestServer()
	s.AccessLog = true
	s.Logger = slog.New(slog.NewJSONHandler(locked{&mu, &out},
		&slog.HandlerOptions{Level: slog.LevelDebug}))
	s.Observe = func(_, _ string, status int, _ time.Duration) { statuses <- status }
	addr := apiAddress(t, s)
	for _, request := range []string{
		lengthHead + announcing(100) + "a",
		lengthHead + announcing(100_000) + strings.Repeat(" ", 50_000),
		lengthHead + chunkedEnd + "5\r\nab",
		lengthHead + chunkedEnd, "GET /healthz HT", "POST " + fasttest.APath +
			" HTTP/1.1\r\nHost: x\r\n" + announcing(100) + "{",
	} {
		conn := connect(t, addr).say(request)
		// it has what was sent, of which the reset takes away what nobody has read
		server := s.app.Server()
		require.Eventually(t, func() bool { return server.GetCurrentConcurrency() == 1 },
			10*time.Second, time.Millisecond)
		require.NoError(t, conn.Conn.(*net.TCPConn).SetLinger(0))
		require.NoError(t, conn.Close())
		require.Equal(t, web.StatusAborted, <-statuses, request)
		require.Eventually(t, func() bool { return server.GetCurrentConcurrency() == 0 },
			10*time.Second, time.Millisecond)
	}
	mu.Lock()
	defer mu.Unlock()
	require.NotEmpty(t, out.String())
	for line := range strings.Lines(out.String()) {
		require.Contains(t, line, `"level":"DEBUG"`)
		require.Contains(t, line, `"status":499`)
	}
}

// TestNoRouteRunsForAConnectionThatGaveWay, whether its body was whole by then or not.
func TestNoRouteRunsForAConnectionThatGaveWay(t *testing.T) {
	statuses := make(chan int, 9)
	called, proceed := make(chan struct{}), make(chan struct{})
	var s *whole
	addr := echoing(t, func(it *whole) {
		s = it
		s.Observe = func(_, _ string, status int, _ time.Duration) { statuses <- status }
		s.app.Use("/length", func(*fiber.Ctx) error { panic("it runs") })
		handler := s.app.Server().Handler
		s.app.Server().Handler = func(fctx *fasthttp.RequestCtx) {
			if bytes.Equal(fctx.Path(), []byte("/length")) {
				called <- struct{}{}
				<-proceed
			}
			handler(fctx)
		}
	})
	t.Cleanup(func() { close(proceed) })
	for what, body := range map[string]string{
		"whole":         announcing(3) + "abc",
		"whole, chunks": chunkedEnd + chunks(3) + "0\r\n\r\n",
		"no chunk":      chunkedEnd,
		"half":          announcing(20_000) + strings.Repeat(" ", 9000),
	} {
		e := connect(t, addr).say(lengthHead, body)
		<-called
		require.True(t, s.server.MakeRoom(false), what)
		proceed <- struct{}{}
		require.Equal(t, web.StatusAborted, soonOf(statuses), what)
		_, err := io.ReadAll(e)
		if !errors.Is(err, syscall.ECONNRESET) { // nobody has read its body
			require.NoError(t, err, what)
		}
	}
	res, _ := connect(t, addr).say("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").hear()
	require.Equal(t, 200, res.StatusCode, "the server goes on")
}

// TestABodyThatIsBeingReadGivesWay in the middle of its read.
func TestABodyThatIsBeingReadGivesWay(t *testing.T) {
	const shared = 64 << 10
	statuses := make(chan int, 9)
	var s *whole
	addr := echoing(t, func(it *whole) {
		s, it.Bodies = it, semaphore.NewWeighted(shared)
		it.Observe = func(_, _ string, status int, _ time.Duration) { statuses <- status }
	})
	for what, body := range map[string]string{
		"half":   announcing(60_000) + strings.Repeat(" ", 50_000),
		"chunks": chunkedEnd + chunks(50_000),
	} {
		connect(t, addr).say(lengthHead, body)
		require.Eventually(t, func() bool {
			if !s.Bodies.TryAcquire(shared) {
				return true
			}
			s.Bodies.Release(shared)
			return false
		}, 10*time.Second, time.Millisecond, "it is being read")
		require.True(t, s.server.MakeRoom(false), what)
		require.Equal(t, web.StatusAborted, soonOf(statuses), what)
	}
	require.True(t, s.Bodies.TryAcquire(shared), "its share is given back")
}

// soonOf gives the next status; 0: there is none.
func soonOf(statuses <-chan int) int {
	select {
	case status := <-statuses:
		return status
	case <-time.After(10 * time.Second):
		return 0
	}
}

type locked struct {
	*sync.Mutex
	io.Writer
}

func (l locked) Write(b []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.Writer.Write(b)
}

// To decode a megabyte takes as long as some thousand votes, and anybody may send one.
func TestLargeBodiesAreDecodedInTurns(t *testing.T) {
	app := fiber.New()
	c := app.AcquireCtx(&fasthttp.RequestCtx{})
	defer app.ReleaseCtx(c)
	c.Request().Header.SetContentType(fiber.MIMEApplicationJSON)
	asked := calling(c)
	var cut context.CancelFunc
	asked.Site.Requests, cut = context.WithCancel(t.Context())
	end, err := asked.Site.Costly.Take(t.Context())
	require.NoError(t, err)
	var v any
	c.Request().SetBodyString(`"` + strings.Repeat("x", web.SmallBody-2) + `"`)
	require.NoError(t, asked.Decode(&v), "a small one waits for nobody")
	c.Request().AppendBodyString(" ")
	cut()
	require.Equal(t, fault.Unavailable, fault.CodeOf(asked.Decode(&v)))
	end()
	asked.Site.Requests = t.Context()
	require.NoError(t, asked.Decode(&v))
	require.True(t, asked.Site.Costly.Free(), "it gives its turn back")
}
