package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/intake"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

// alwaysDisplayed is a cache that knows one poll.
type alwaysDisplayed struct{ poll *poll.Poll }

func (d alwaysDisplayed) Known(id uuid.UUID) (poll.Display, time.Time, bool) {
	return poll.Display{PresentationID: id, Slide: poll.Slide{Version: 1, Displayed: true}, Poll: d.poll}, time.Now(), true
}

func (d alwaysDisplayed) Display(_ context.Context, id uuid.UUID, _ time.Time) (poll.Display, time.Time, error) {
	display, now, _ := d.Known(id)
	return display, now, nil
}

// countingLog counts single votes at once.
type countingLog struct{ replies chan queue.Reply }

var counted = []poll.Verdict{poll.Counted}

func (l countingLog) Publish(_ context.Context, _ int, b poll.Batch, confirmed func(error)) error {
	confirmed(nil)
	l.replies <- queue.Reply{BatchID: b.ID, Verdicts: counted}
	return nil
}

func (l countingLog) Replies() <-chan queue.Reply { return l.replies }

// votingBooth serves one poll with everything on the way of a vote but the log and the store, and gives a function that votes
// once and reads the answer: by the event loop where the connection has a descriptor, by Fiber where it is in memory.
func votingBooth(tb testing.TB, inMemory bool) (vote func()) {
	log := countingLog{make(chan queue.Reply, 10)}
	shown := &poll.Poll{
		ID: uuid.MustParse("01941f29-7c00-7aaa-8aaa-aaaaaaaaaaaa"), Kind: poll.Choice, MaxChoices: 1,
		Options: []poll.Option{{Key: "A"}, {Key: "B"}},
	}
	in := intake.New(alwaysDisplayed{shown}, log, 1, 100, time.Now)
	s := New(Config{
		Logger: slog.New(slog.DiscardHandler), Metrics: http.NotFoundHandler(),
		Observe: func(string, string, int, time.Duration) {},
		Away:    func(context.Context) []string { return nil },
	})
	s.Start(Services{Intake: in, Bus: inproc.NewBus()})
	memory := fasthttputil.NewInmemoryListener()
	ln, dial := net.Listener(memory), memory.Dial
	if !inMemory {
		ln = NewListener(listen(tb), 9, 0, s.Logger)
		dial = func() (net.Conn, error) { return net.Dial("tcp", ln.Addr().String()) }
	}
	served := make(chan error)
	go func() { served <- s.Serve(ln) }()
	conn, err := dial()
	require.NoError(tb, err)
	tb.Cleanup(func() {
		require.NoError(tb, conn.Close())
		require.NoError(tb, ln.Close())
		require.NoError(tb, s.Shutdown(context.Background()))
		require.NoError(tb, <-served)
		s.Close()
		in.Close()
		close(log.replies)
		in.Wait()
	})
	request := []byte("POST /api/v1/presentations/01941f29-7c00-7ccc-8ccc-cccccccccccc/polls/current/votes HTTP/1.1\r\n" +
		"Host: plenary\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(aBody)) + "\r\n\r\n" + aBody)
	answer := bufio.NewReader(conn)
	return func() {
		if _, err := conn.Write(request); err != nil {
			tb.Fatal(err)
		}
		line, err := answer.ReadSlice('\n')
		if !bytes.Contains(line, []byte(" 204 ")) {
			tb.Fatalf("%q, %v", line, err)
		}
		for len(line) > len("\r\n") {
			if line, err = answer.ReadSlice('\n'); err != nil {
				tb.Fatal(err)
			}
		}
	}
}

// The bounds are what was measured when they were written, and two more for -race, which throws away pooled things: reading the
// request and checking the vote, taking it, a batch of its own (most of all, which voters in a crowd share), the answer.
func TestAWholeRequestForAVoteAllocatesLittle(t *testing.T) {
	for way, bound := range map[string]float64{"event loop": 24, "Fiber": 22} {
		t.Run(way, func(t *testing.T) {
			vote := votingBooth(t, way == "Fiber")
			vote()
			require.LessOrEqual(t, testing.AllocsPerRun(1000, vote), bound)
		})
	}
}

// BenchmarkVote is a vote from its request's bytes to its answer's, one after the other, without a log or a store, and by Fiber
// without a network.
func BenchmarkVote(b *testing.B) {
	for _, way := range []string{"event loop", "Fiber"} {
		b.Run(way, func(b *testing.B) {
			vote := votingBooth(b, way == "Fiber")
			b.ReportAllocs()
			for b.Loop() {
				vote()
			}
		})
	}
}
