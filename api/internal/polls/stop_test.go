package polls

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/server"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/intake"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/stage"
)

// hangingStore answers nothing until its context ends. Using it after it was closed is a panic.
type hangingStore struct {
	poll.Store
	asked  chan struct{} // a token per call
	closed chan struct{}
}

func (s *hangingStore) hang(ctx context.Context) error {
	select {
	case <-s.closed:
		panic("the store is used after it was closed")
	default:
	}
	s.asked <- struct{}{}
	<-ctx.Done()
	time.Sleep(10 * time.Millisecond) // a driver takes a moment to give up
	select {
	case <-s.closed:
		panic("the store was closed while it was used")
	default:
	}
	return fault.Unavailablef(ctx.Err(), "away")
}

func (s *hangingStore) Display(ctx context.Context, _ uuid.UUID) (poll.Display, error) {
	return poll.Display{}, s.hang(ctx)
}

func (s *hangingStore) Access(ctx context.Context, _ uuid.UUID) (access.Tokens, error) {
	return access.Tokens{}, s.hang(ctx)
}

func (s *hangingStore) Results(ctx context.Context, _, _ uuid.UUID) (r poll.Results, err error) {
	return poll.Results{}, s.hang(ctx)
}

// deadLog takes nothing.
type deadLog struct {
	queue.Publisher
	replies chan queue.Reply
}

func (l deadLog) Replies() <-chan queue.Reply { return l.replies }

// raw is a client that sends its request as slowly as it likes.
type raw struct {
	net.Conn
	t *testing.T
}

func dial(t *testing.T, ln net.Listener) raw {
	conn, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	return raw{conn, t}
}

func (r raw) send(text string) raw {
	_, err := io.WriteString(r, text)
	require.NoError(r.t, err)
	return r
}

func (r raw) requireRefused(what string) {
	res, err := http.ReadResponse(bufio.NewReader(r), nil)
	require.NoError(r.t, err, what)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(r.t, err, what)
	require.Equal(r.t, 503, res.StatusCode, "%s: %s", what, body)
	require.Equal(r.t, "1", res.Header.Get("Retry-After"), what)
	require.Equal(r.t, "application/problem+json", res.Header.Get("Content-Type"), what)
	require.True(r.t, res.Close, "%s: the connection closes", what)
}

func TestRequestsThatOutlastTheShutdownAreRefusedAndMeetNothingThatIsClosed(t *testing.T) {
	store := &hangingStore{asked: make(chan struct{}, 99), closed: make(chan struct{})}
	log := deadLog{replies: make(chan queue.Reply)}
	cache := stage.NewCache(store, time.Now)
	in := intake.New(cache, nil, log, 1, 99, time.Now)
	require.NoError(t, in.Start())
	s := newWhole(wholeConfig{
		Logger: slog.New(slog.DiscardHandler), Observe: func(string, string, int, time.Duration) {},
		Away: func(context.Context) []string { return nil },
	})
	s.Start(Services{
		Store: store, Cache: cache, Intake: in, Bus: inproc.NewBus(),
		Stage: stage.New(store, nil, log, cache, slog.New(slog.DiscardHandler)),
	})
	ln := server.NewListener(listen(t), 99, 0, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()

	id := uuid.New()
	ballot := fmt.Sprintf(`{"poll_id":%q,"key":"A","client_id":%q}`, uuid.New(), uuid.New())
	vote := fmt.Sprintf(
		"POST %s/presentations/%s/polls/current/votes HTTP/1.1\r\nHost: x\r\nContent-Type: "+
			"application/json\r\nContent-Length: %d\r\n\r\n%s",
		web.Base, id, len(ballot), ballot)
	results := fmt.Sprintf("GET %s/presentations/%s/polls/%s/results HTTP/1.1\r\nHost: x\r\n\r\n",
		web.Base, id, uuid.New())
	move := fmt.Sprintf(
		"PUT %s/presentations/%s/polls/current HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		web.Base, id)

	// Some wait for the database, and two have sent a part only: of the headers, and of the body.
	waiting := map[string]raw{"a vote": dial(t, ln).send(vote),
		"results": dial(t, ln).send(results), "a transition": dial(t, ln).send(move)}
	for range waiting {
		<-store.asked
	}
	slowHeaders, slowBody := dial(t, ln).send(vote[:30]), dial(t, ln).send(vote[:len(vote)-5])
	open := s.app.Server().GetOpenConnectionsCount // fasthttp takes one off for the listener
	require.Eventually(t, func() bool { return open() == 5 }, 10*time.Second, time.Millisecond)

	require.NoError(t, ln.Close())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Shutdown(ctx), context.DeadlineExceeded)
	require.NoError(t, <-served)
	s.Close()
	lifetest.Stop(t, in)
	lifetest.Stop(t, cache)
	close(store.closed)
	close(log.replies)

	for what, client := range waiting {
		client.requireRefused(what)
	}
	slowHeaders.send(vote[30:]).requireRefused("slow headers")
	slowBody.send(vote[len(vote)-5:]).requireRefused("a slow body")
	require.Empty(t, store.asked, "nobody asks a store that may be closed")
	require.Eventually(t, func() bool { return open() < 0 }, 10*time.Second, time.Millisecond)
}

// mute is a bus whose broker does not answer: a subscription waits for it until its end.
type mute struct {
	bus.Bus
	asked chan struct{}
}

func (b mute) Subscribe(ctx context.Context) <-chan bus.Change {
	close(b.asked)
	<-ctx.Done()
	return b.Bus.Subscribe(ctx)
}

func TestAStopEndsAStartThatWaitsForTheBus(t *testing.T) {
	r := newRoom(t)
	cache := stage.NewCache(r, time.Now)
	defer lifetest.Stop(t, cache)
	s, waits := newTestServer(), mute{r.bus, make(chan struct{})}
	started := make(chan struct{})
	go func() {
		defer close(started)
		s.Start(Services{Store: r, Cache: cache, Bus: waits})
	}()
	<-waits.asked
	require.NoError(t, s.Shutdown(t.Context()))
	<-started
	s.Close()
}
