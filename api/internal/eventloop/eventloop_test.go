package eventloop

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/life/lifetest"
)

func TestMain(m *testing.M) {
	// fasthttp's clock for the Date header runs as long as the process, and its pool notices its
	// end with a delay.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

const soon = 30 * time.Second // for whatever happens at once, on a busy machine too

var quiet = Silence{First: time.Hour, Then: time.Hour}

// house is a server behind a loop. It answers each request with its body, and says who answered in
// the header By.
type house struct {
	*Listener
	t      testing.TB
	server *fasthttp.Server
	alone  bool          // nobody accepts but the test
	limit  time.Duration // the server's, for reading and writing; 0: long enough
	asked  chan string   // what the Answerer was asked about; nil: nobody wants to know
	taken  chan *visit   // what it took; nil: answer has it
	answer func(*visit)  // nil: it is answered at once
	// what the server handles, until done is closed; nil: it is answered at once
	served chan *visit
	stream func(c net.Conn) // has the connection of a request for /stream
	// bodies are streams, and here are those that arrive; nil: they are read before the handler
	bodies chan *upload
}

// visit is a request that waits for its answer.
type visit struct {
	conn    *Conn
	request []byte
	body    []byte
	done    chan struct{} // the server's: closed when it may answer
}

// upload is a request whose body is a stream.
type upload struct {
	read  chan struct{} // closed when the handler may say what it has read
	err   error         // what reading gave
	whole bool          // what Whole said
	done  chan struct{} // closed when both are known
}

func answerOf(by string, body []byte) []byte {
	return append(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nBy: %s\r\nContent-Length: %d\r\n\r\n", by,
		len(body)), body...)
}

func (v *visit) reply(last bool) { v.conn.Reply(answerOf("loop", v.body), last) }
func (v *visit) pass()           { v.conn.pass(v.request) }

// request makes one of the sort that the Answerer takes.
func request(path string, body []byte) []byte {
	return append(fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n",
		path, len(body)), body...)
}

func quick(body string) []byte { return request("/quick", []byte(body)) }
func slow(body string) []byte  { return request("/slow", []byte(body)) }

// bodyOf gives the body of one whole request for /quick.
func bodyOf(request []byte) ([]byte, bool) {
	if !bytes.HasPrefix(request, []byte("POST /quick ")) {
		return nil, false
	}
	r := bufio.NewReader(bytes.NewReader(request))
	req, err := http.ReadRequest(r)
	if err != nil {
		return nil, false
	}
	body, err := io.ReadAll(req.Body)
	return body, err == nil && r.Buffered() == 0
}

func (h *house) take(c *Conn, request []byte) bool {
	if h.asked != nil {
		h.asked <- string(request)
	}
	body, ok := bodyOf(request)
	if !ok {
		return false
	}
	v := &visit{conn: c, request: bytes.Clone(request), body: body}
	if h.taken != nil {
		h.taken <- v
	} else {
		go h.answer(v)
	}
	return true
}

func (h *house) handler(ctx *fasthttp.RequestCtx) {
	v := &visit{done: make(chan struct{})}
	if h.bodies == nil {
		v.body = bytes.Clone(ctx.Request.Body())
	}
	if turn, ok := ctx.Conn().(*Turn); ok {
		v.conn = turn.Conn
	}
	if h.bodies != nil && ctx.Request.IsBodyStream() {
		u := &upload{read: make(chan struct{}), done: make(chan struct{})}
		h.bodies <- u
		v.body, u.err = io.ReadAll(ctx.RequestBodyStream())
		<-u.read
		u.whole = ctx.Conn().(*Turn).Whole()
		close(u.done)
		if u.err != nil || !u.whole {
			ctx.SetConnectionClose()
			return
		}
	}
	if string(ctx.Path()) == "/stream" {
		ctx.HijackSetNoResponse(true)
		ctx.Hijack(func(c net.Conn) {
			h.stream(c.(interface{ UnsafeConn() net.Conn }).
				UnsafeConn())
		})
		return
	}
	if h.served != nil {
		h.served <- v
		<-v.done
	}
	ctx.Response.Header.Set("By", "server")
	ctx.SetBody(v.body)
}

// open serves, as the API does, until the test is over; then there must be no connection left.
func (h *house) open(t testing.TB, inner net.Listener, silence Silence) *house {
	if h.answer == nil {
		h.answer = func(v *visit) { v.reply(false) }
	}
	h.t = t
	h.limit = cmp.Or(h.limit, soon)
	h.server = &fasthttp.Server{
		Handler: Handle(h.handler), ReadTimeout: h.limit, WriteTimeout: h.limit,
		IdleTimeout: h.limit, CloseOnShutdown: true, ConnState: State,
		KeepHijackedConns: true, ReadBufferSize: maxRequest, StreamRequestBody: h.bodies != nil,
		Logger: log.New(io.Discard, "", 0),
	}
	h.Listener = Wrap(inner, silence, h.take, h.server.ServeConn)
	require.NoError(t, h.Start())
	served := make(chan error, 1)
	if h.alone {
		served <- nil
	} else {
		go func() { served <- h.server.Serve(h.Listener) }()
	}
	t.Cleanup(func() {
		_ = inner.Close()
		h.Retire()
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		require.NoError(t, h.server.ShutdownWithContext(ctx))
		require.NoError(t, h.Close())
		require.NoError(t, <-served)
		h.requireEmpty()
		lifetest.Stop(t, h)
	})
	return h
}

// openTCP is open on an address of its own.
func (h *house) openTCP(t testing.TB, silence Silence) *house {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return h.open(t, ln, silence)
}

// requireEmpty waits until no connection is left.
func (h *house) requireEmpty() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	h.Wait(ctx)
	require.Zero(h.t, h.Open())
}

// client is one connection's other end.
type client struct {
	net.Conn
	answers *bufio.Reader
	t       testing.TB
}

func (h *house) dial() *client {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.Addr().String())
	require.NoError(h.t, err)
	return newClient(h.t, conn)
}

func newClient(t testing.TB, conn net.Conn) *client {
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(2*soon)))
	return &client{conn, bufio.NewReader(conn), t}
}

func (c *client) send(request []byte) *client {
	c.t.Helper()
	_, err := c.Write(request)
	require.NoError(c.t, err)
	return c
}

// answer reads one, and says who gave it.
func (c *client) answer() (by, body string, err error) {
	res, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = res.Body.Close() }()
	all, err := io.ReadAll(res.Body)
	return res.Header.Get("By"), string(all), err
}

func (c *client) require(by, body string) *client {
	c.t.Helper()
	gotBy, got, err := c.answer()
	require.NoError(c.t, err)
	require.Equal(c.t, by, gotBy)
	require.True(c.t, body == got, "%.100q is not %.100q", got, body)
	return c
}

// requireEnd waits until the other side has closed, and has said no more.
func (c *client) requireEnd() {
	c.t.Helper()
	_, err := c.answers.ReadByte()
	require.ErrorIs(c.t, err, io.EOF)
}

func TestAConnectionWithoutADescriptorIsTheServersForGood(t *testing.T) {
	ln := fasthttputil.NewInmemoryListener()
	h := (&house{asked: make(chan string, 9)}).open(t, ln, quiet)
	conn, err := ln.Dial()
	require.NoError(t, err)
	c := newClient(t, conn)
	for range 3 {
		c.send(quick("a")).require("server", "a").send(slow("b")).require("server", "b")
	}
	require.Equal(t, 1, h.Open())
	require.Empty(t, h.asked, "no Answerer can answer there")
	require.NoError(t, c.Close())
	h.requireEmpty()
}

func TestAStreamWithoutADescriptorIsNotWatched(t *testing.T) {
	ln := fasthttputil.NewInmemoryListener()
	streams := make(chan net.Conn)
	(&house{stream: func(c net.Conn) { streams <- c }}).open(t, ln, quiet)
	conn, err := ln.Dial()
	require.NoError(t, err)
	newClient(t, conn).send(request("/stream", nil))
	stream := (<-streams).(*Turn)
	require.False(t, stream.Watch(func() { t.Error("it is nobody's to tell") }))
	require.NoError(t, stream.Close())
}
