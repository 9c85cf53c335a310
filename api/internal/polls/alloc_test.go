package polls

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/server"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/intake"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/queue"
)

// alwaysDisplayed is a cache that knows one poll.
type alwaysDisplayed struct{ poll *poll.Poll }

func (d alwaysDisplayed) Known(id uuid.UUID) (poll.Display, time.Time, bool) {
	return poll.Display{PresentationID: id, Slide: poll.Slide{Version: 1, Displayed: true},
		Poll: d.poll}, time.Now(), true
}

func (d alwaysDisplayed) Display(_ context.Context, id uuid.UUID, _ time.Time) (poll.Display,
	time.Time, error) {
	display, now, _ := d.Known(id)
	return display, now, nil
}

// countingLog counts votes at once.
type countingLog struct{ replies chan queue.Reply }

var counted = slices.Repeat([]byte{byte(poll.Counted)}, 500)

func (l countingLog) Publish(_ context.Context, _ int, e queue.Entry, confirmed func(error)) error {
	confirmed(nil)
	l.replies <- queue.Reply{EntryID: e.ID, Body: counted[:poll.VotesIn(e)]}
	return nil
}

func (l countingLog) Replies() <-chan queue.Reply { return l.replies }

// hidden is a listener whose connections show no descriptor: Fiber answers all that they ask.
type hidden struct{ net.Listener }

func (l hidden) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return struct{ net.Conn }{conn}, err
}

// votingBooth serves one poll with everything on the way of a vote but the log and the store. It
// gives a function that connects another voter, and what that one does: send a vote, and read the
// answer.
func votingBooth(tb testing.TB, way string) (connect func() (send, receive func())) {
	log := countingLog{make(chan queue.Reply, 10)}
	shown := &poll.Poll{
		ID: uuid.MustParse("01941f29-7c00-7aaa-8aaa-aaaaaaaaaaaa"),
		Question: question.Question{Kind: question.Choice, MaxChoices: 1,
			Options: []question.Option{{Key: "A"}, {Key: "B"}}},
	}
	in := intake.New(alwaysDisplayed{shown}, thePasses, log, 1, 10_000, time.Now)
	require.NoError(tb, in.Start())
	s := newWhole(wholeConfig{
		FastVotes: true,
		Logger:    slog.New(slog.DiscardHandler),
		Observe:   func(string, string, int, time.Duration) {},
		Away:      func(context.Context) []string { return nil },
	})
	s.Start(Services{Intake: in, Bus: inproc.NewBus()})
	ln := net.Listener(server.NewListener(listen(tb), 0, 0, s.Logger))
	if strings.HasPrefix(way, "Fiber") {
		ln = hidden{ln}
	}
	served := make(chan error)
	go func() { served <- s.Serve(ln) }()
	tb.Cleanup(func() { // after the connections'
		require.NoError(tb, ln.Close())
		require.NoError(tb, s.Shutdown(context.Background()))
		require.NoError(tb, <-served)
		s.Close()
		lifetest.Stop(tb, in)
		close(log.replies)
	})
	return func() (send, receive func()) {
		conn, err := net.Dial("tcp", ln.Addr().String())
		require.NoError(tb, err)
		tb.Cleanup(func() { require.NoError(tb, conn.Close()) })
		body := fmt.Sprintf(`{"poll_id":%q,"key":"A","client_id":%q}`, shown.ID, uuid.New())
		if strings.HasSuffix(way, "passes") {
			pass := thePasses.Draw(uuid.MustParse("01941f29-7c00-7ccc-8ccc-cccccccccccc"),
				uuid.Nil, time.Now())
			body = fmt.Sprintf(`{"poll_id":%q,"key":"A","pass":%q}`, shown.ID, pass.Text)
		}
		request := []byte(
			"POST /api/v1/presentations/01941f29-7c00-7ccc-8ccc-cccccccccccc/polls/current/votes " +
				"HTTP/1.1\r\n" +
				"Host: plenary\r\nContent-Type: application/json\r\nContent-Length: " +
				strconv.Itoa(len(body)) + "\r\n\r\n" + body)
		answer := bufio.NewReaderSize(conn, 1<<10)
		return func() {
				if _, err := conn.Write(request); err != nil {
					tb.Fatal(err)
				}
			}, func() {
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
}

var ways = []string{"event loop", "Fiber", "event loop, passes", "Fiber, passes"}

// The bound is what was measured when it was written, and some more for -race, which throws away
// pooled things. What allocates is:
//   - reading the request and checking the vote
//   - taking it
//   - a batch of its own (most of all, which voters in a crowd share)
//   - the answer
func TestAWholeRequestForAVoteAllocatesLittle(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			send, receive := votingBooth(t, way)()
			vote := func() { send(); receive() }
			vote()
			require.LessOrEqual(t, testing.AllocsPerRun(1000, vote), 28.0)
		})
	}
}

// BenchmarkVote is a vote from its request to its answer, without a log or a store. The votes are
// of one voter after the other, and of a crowd that votes at once and waits. The benchmark holds
// the voters' work, too, which is the same on both ways.
func BenchmarkVote(b *testing.B) {
	for _, voters := range []int{1, 1000} {
		for _, way := range ways {
			b.Run(fmt.Sprintf("%d/%s", voters, way), func(b *testing.B) {
				connect := votingBooth(b, way)
				send, receive := make([]func(), voters), make([]func(), voters)
				for i := range voters {
					send[i], receive[i] = connect()
				}
				b.ReportAllocs()
				for n := 0; b.Loop(); n++ {
					if n%voters == 0 {
						for i := range voters {
							send[i]()
						}
					}
					receive[n%voters]()
				}
			})
		}
	}
}
