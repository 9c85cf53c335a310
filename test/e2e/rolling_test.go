package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// book keeps what voters were told, to be compared with the votes lists. It is safe for use by many
// goroutines.
type book struct {
	mu    sync.Mutex
	polls map[string]map[string]standing // by poll, by voter
}

// standing is what a voter knows of their vote in a poll.
type standing struct {
	acknowledged string // the last answer that was; empty: none
	unknown      string // one that was sent after it, which was told 503 and is not given up
}

func (b *book) write(pollID, voter string, change func(*standing)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.polls == nil {
		b.polls = map[string]map[string]standing{}
	}
	if b.polls[pollID] == nil {
		b.polls[pollID] = map[string]standing{}
	}
	s := b.polls[pollID][voter]
	change(&s)
	b.polls[pollID][voter] = s
}

// told writes down what became of an answer that a voter sent. After a 409 the book stays as it is:
// an earlier answer may stand.
func (b *book) told(pollID, voter, key string, status int) {
	switch status {
	case http.StatusNoContent, http.StatusAccepted:
		b.write(pollID, voter, func(s *standing) { *s = standing{acknowledged: key} })
	case http.StatusServiceUnavailable:
		b.write(pollID, voter, func(s *standing) { s.unknown = key })
	}
}

// check compares the book with the votes list and the tallies of every poll. Everything must be
// counted.
func (b *book) check(t *testing.T, r *Room) (votes int) {
	t.Helper()
	for _, p := range r.Polls {
		book := b.polls[p.PollID]
		res, list := r.Results(p.PollID), r.Votes(p.PollID)
		r.recount(res, list)
		there := map[string]bool{}
		for _, v := range list {
			there[v.ClientID] = true
			if s := book[v.ClientID]; v.Key != s.acknowledged && v.Key != s.unknown {
				t.Errorf("%s in %q: %s is counted, acknowledged is %q and unknown %q", v.ClientID,
					p.Question, v.Key, s.acknowledged, s.unknown)
			}
		}
		for voter, s := range book {
			if s.acknowledged != "" && !there[voter] {
				t.Errorf("%s in %q: %s was acknowledged and is lost", voter,
					p.Question, s.acknowledged)
			}
		}
		votes += len(list)
	}
	return votes
}

// audience is a room full of people who do what they can all the time while the service is
// restarted.
type audience struct {
	t    *testing.T
	room *Room
	book book

	// asked is the index of the poll that the presenter asked for last, shown of the one that is
	// known to be on the slide.
	asked, shown atomic.Int32

	acknowledged, retried, refused atomic.Int64 // votes
	// votes that were sent on a connection that ended before any answer
	unheard           atomic.Int64
	reads, again      atomic.Int64 // by readers, and how many had to be repeated
	moves, movedAgain atomic.Int64 // by the presenter, likewise

	transitions sync.Map // version → when its transition was acknowledged
	stop        chan struct{}
	done        sync.WaitGroup
}

func newAudience(t *testing.T, r *Room) *audience {
	return &audience{t: t, room: r, stop: make(chan struct{})}
}

// leave ends what everybody does.
func (x *audience) leave() {
	close(x.stop)
	x.done.Wait()
}

func (x *audience) pause(d time.Duration) {
	select {
	case <-x.stop:
	case <-time.After(d):
	}
}

func (x *audience) left() bool {
	select {
	case <-x.stop:
		return true
	default:
		return false
	}
}

// ballot is a vote for the poll on the slide.
func (x *audience) ballot(voter string, seq int) (index int32, key, body string) {
	index, key = x.shown.Load(), []string{"A", "B"}[seq%2]
	return index, key, ballotJSON(x.room.Polls[index].PollID, voter,
		fmt.Sprintf(`,"key":%q,"seq":%d`, key, seq))
}

// hear judges the answer to a vote. done: the voter has not to send it again.
func (x *audience) hear(index int32, voter, key string, status int) (done bool) {
	x.book.told(x.room.Polls[index].PollID, voter, key, status)
	switch {
	case status == http.StatusNoContent || status == http.StatusAccepted:
		x.acknowledged.Add(1)
		return true
	case status == http.StatusServiceUnavailable:
		x.retried.Add(1)
		return false
	case status == http.StatusConflict && x.asked.Load() > index:
		x.refused.Add(1)
		return true
	}
	x.t.Errorf("a voter in the poll %d was told %d while the poll %d was displayed", index,
		status, x.shown.Load())
	return true
}

// thought is how long a voter's mind stays the same. Some hundred votes a second are under way at
// any time, and the processors have time for what starts and stops.
const thought = 50 * time.Millisecond

// vote makes people who change their mind with every vote, and send each one until it is
// acknowledged or the poll has left.
func (x *audience) vote(client *fast, voters int) {
	for range voters {
		x.done.Go(func() {
			voter := NewVoter()
			for seq := 1; !x.left(); seq++ {
				index, key, body := x.ballot(voter, seq)
				for done := false; !done; {
					a, err := client.post(x.room.Path("/polls/current/votes"), body)
					if err != nil {
						x.t.Errorf("a voter's connection ended without an answer: %v", err)
						return
					}
					if done = x.hear(index, voter, key, a.Status); !done {
						// a client's own pause, shorter than Retry-After asks for
						time.Sleep(20 * time.Millisecond)
					}
				}
				x.pause(thought)
			}
		})
	}
}

// present makes a presenter who goes from slide to slide and repeats what is not answered; If-Match
// makes that safe.
func (x *audience) present(every time.Duration) {
	x.done.Go(func() {
		for version := int64(1); int(version) < len(x.room.Polls); version++ {
			if x.pause(every); x.left() {
				return
			}
			x.asked.Store(int32(version))
			if !x.next(version) {
				return
			}
			x.moves.Add(1)
			x.transitions.Store(version+1, time.Now())
			x.shown.Store(int32(version))
		}
	})
}

// next moves on from a version, which is the number of polls that were displayed.
func (x *audience) next(version int64) bool {
	for tries := 1; ; tries++ {
		a := x.room.Move(nil, map[string]string{"If-Match": fmt.Sprintf(`"%d"`, version)})
		switch {
		case a.Status == http.StatusOK:
			var d Displayed
			if err := a.Decode(&d); err != nil || d.Version != version+1 ||
				d.PollID != x.room.Polls[version].PollID {
				x.t.Errorf("after version %d the presenter was shown %v (%v)", version, a, err)
				return false
			}
			return true
		case a.Status == http.StatusPreconditionFailed && tries > 1:
			return true // an unanswered try was the one
		case a.Status != http.StatusServiceUnavailable:
			x.t.Errorf("the presenter was told %v", a)
			return false
		}
		x.movedAgain.Add(1)
		time.Sleep(50 * time.Millisecond)
	}
}

// read makes somebody who looks at the slide and at its results: neither may be older than a lease,
// and no result goes back.
func (x *audience) read() {
	const lease = time.Second
	x.done.Go(func() {
		var last Results
		for ; !x.left(); x.pause(tick) {
			begun := time.Now()
			if a, ok := x.look("/polls/current"); ok {
				var d Displayed
				if err := a.Decode(&d); err != nil {
					x.t.Errorf("%v in %v", err, a)
				}
				if at, ok := x.transitions.Load(d.Version + 1); ok &&
					begun.Sub(at.(time.Time)) > lease {
					x.t.Errorf("the slide of version %d was shown %s after it had been left",
						d.Version, begun.Sub(at.(time.Time)))
				}
			}
			pollID := x.room.Polls[x.shown.Load()].PollID
			if a, ok := x.look("/polls/" + pollID + "/results"); ok {
				var res Results
				if err := a.Decode(&res); err != nil {
					x.t.Errorf("%v in %v", err, a)
				}
				if res.PollID == last.PollID &&
					(res.Version < last.Version || res.Revision < last.Revision ||
						res.Total < last.Total) {
					x.t.Errorf("results went back from %+v to %+v", last, res)
				}
				last = res
			}
		}
	})
}

// look reads something once; a refusal is counted, and the next look is the retry.
func (x *audience) look(path string) (*Answer, bool) {
	x.reads.Add(1)
	a := x.room.Do(Request{Method: http.MethodGet, Path: x.room.Path(path)})
	switch a.Status {
	case http.StatusOK:
		return a, true
	case http.StatusServiceUnavailable:
		x.again.Add(1)
	default:
		x.t.Errorf("a reader was told %v", a)
	}
	return nil, false
}

// announced is how long, at least, a client that uses its connection has to hear that it will be
// closed. It is half of what a stopping API keeps its connections for. The other half is for a
// busy machine.
const announced = 500 * time.Millisecond

// dial makes people who talk to one API without a proxy, each over a connection that they keep.
// Each vote is another voter's. What the API reads it answers, and it says so before it closes a
// connection. HTTP/1.1 leaves one race: a request is sent on a connection while the API closes it.
// That connection is idle, or it is one that the kernel took and the API did not. Such a request
// finds not one byte of an answer. It must not have been handled either: the book does not have
// it, so its vote must not be counted.
func (x *audience) dial(addr string, clients int) {
	for range clients {
		x.done.Go(func() {
			d := &direct{addr: addr}
			defer d.close()
			for !x.left() {
				voter := NewVoter()
				index, key, body := x.ballot(voter, 1)
				status, idle, err := d.post(x.room.Path("/polls/current/votes"), body)
				switch {
				case err == nil:
					x.hear(index, voter, key, status)
				case errors.Is(err, errUnheard) && (idle == 0 || idle > announced):
					x.unheard.Add(1)
				case !errors.Is(err, errRefused):
					x.t.Errorf("an API that stops: %v; the answer before was read %s ago",
						err, idle)
				}
				x.pause(10 * time.Millisecond)
			}
		})
	}
}

// direct is a client of HTTP/1.1 that tells apart how a request can fail.
type direct struct {
	addr   string
	conn   net.Conn
	reader *bufio.Reader
	heard  time.Time // when the last answer on conn was read; zero: there was none
}

var (
	errRefused = errors.New("no connection") // nothing was sent
	errUnheard = errors.New("the connection ended before the first byte of an answer")
	errTorn    = errors.New("the answer is not whole")
	errSilent  = errors.New("there is no answer, and the connection does not end")
)

// post sends a request and reads its answer. idle is for how long the connection had not been used;
// 0: never before.
func (d *direct) post(path, body string) (status int, idle time.Duration, err error) {
	if d.conn == nil {
		conn, err := net.Dial("tcp", d.addr)
		if err != nil {
			return 0, 0, fmt.Errorf("%w: %w", errRefused, err)
		}
		*d = direct{addr: d.addr, conn: conn, reader: bufio.NewReader(conn)}
	}
	if !d.heard.IsZero() {
		idle = max(time.Since(d.heard), 1)
	}
	status, last, err := d.exchange(
		fmt.Sprintf(
			"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
			path, jsonEnc, len(body), body))
	if d.heard = time.Now(); err != nil || last {
		d.close()
	}
	return status, idle, err
}

func (d *direct) exchange(request string) (status int, last bool, err error) {
	_ = d.conn.SetDeadline(time.Now().Add(wait))
	if _, err := io.WriteString(d.conn, request); err != nil {
		return 0, true, fmt.Errorf("%w: %w", errUnheard, err)
	}
	if _, err := d.reader.Peek(1); errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, true, errSilent
	} else if err != nil {
		return 0, true, fmt.Errorf("%w: %w", errUnheard, err)
	}
	res, err := http.ReadResponse(d.reader, nil)
	if err != nil {
		return 0, true, fmt.Errorf("%w: %w", errTorn, err)
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0, true, fmt.Errorf("%w: %w", errTorn, err)
	}
	return res.StatusCode, res.Close, nil
}

func (d *direct) close() {
	if d.conn != nil {
		_ = d.conn.Close()
		d.conn = nil
	}
}

// pauseBetween is what a rolling restart leaves between two processes. NGINX takes a replica that
// refused a hundred connections up again after two seconds (fail_timeout). If all were restarted
// within that time, it would know none.
const pauseBetween = 3 * time.Second

// TestARollingRestartUnderLoadIsHardlyNoticed restarts every API and worker, one after the other,
// while people vote, read and move through the slides.
func TestARollingRestartUnderLoadIsHardlyNoticed(t *testing.T) {
	s, st := own(t, stack.Config{AMQPURL: stack.RabbitMQURL(t),
		APIEnv: []string{"PLENARY_ACCESS_LOG=false"}})
	r := show(s.Client, slides(200)...)
	client := newFast(s.base, 64)
	defer client.close()
	x := newAudience(t, r)
	x.vote(client, 40)
	x.present(400 * time.Millisecond)
	x.read()
	for _, replica := range st.APIs {
		x.dial(strings.TrimPrefix(replica.URL, "http://"), 4)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for _, processes := range [][]*stack.Process{st.APIs, st.Workers} {
		for _, p := range processes {
			begun := time.Now()
			require.NoError(t, p.Stop())
			took := time.Since(begun)
			t.Logf("%s stopped in %s", p.Name, took.Round(time.Millisecond))
			require.Less(t, took, 10*time.Second)
			require.NoError(t, p.Start(ctx))
			time.Sleep(pauseBetween)
		}
	}
	x.leave()
	t.Logf("votes: %d acknowledged, %d retried, %d for a poll that had left, %d unheard; %d "+
		"moves, %d repeated; %d reads, %d repeated",
		x.acknowledged.Load(), x.retried.Load(), x.refused.Load(), x.unheard.Load(), x.moves.Load(),
		x.movedAgain.Load(),
		x.reads.Load(), x.again.Load())

	shown := int(x.shown.Load())
	require.Greater(t, shown, 10)
	for i, p := range r.Polls[:shown+1] {
		require.EqualValues(t, i+1, r.Results(p.PollID).Version, "every slide was shown once")
	}
	require.EqualValues(t, shown+1, r.Presentation(true).Version)
	require.Equal(t, http.StatusNoContent, r.Clear().Status)
	// one presentation is one log: then everything before is counted
	finalOf(t, r, r.Polls[shown].PollID)
	t.Logf("%d votes are counted", x.book.check(t, r))
	require.Less(t, x.retried.Load(), x.acknowledged.Load())
	require.Less(t, x.again.Load(), x.reads.Load())
}

func slides(n int) []NewPoll {
	polls := make([]NewPoll, n)
	for i := range polls {
		polls[i] = choice(fmt.Sprintf("Slide %d", i))
	}
	return polls
}

// TestAnAPIThatStopsAnswersWhatItRead stops an API again and again under the load of clients that
// have no proxy between.
func TestAnAPIThatStopsAnswersWhatItRead(t *testing.T) {
	s, st := own(t, stack.Config{Parts: stack.API, APIs: 1,
		APIEnv: []string{"PLENARY_ACCESS_LOG=false"}})
	r := show(s.Client, choice("Who wins?"))
	api := st.APIs[0]
	x := newAudience(t, r)
	x.dial(strings.TrimPrefix(api.URL, "http://"), 30)
	refusing := 0
	for range 4 {
		before := x.acknowledged.Load()
		require.Eventually(t, func() bool { return x.acknowledged.Load() > before+300 }, wait, tick)
		transport.CloseIdleConnections() // on which nobody would hear that they close
		begun, refused := time.Now(), x.retried.Load()
		require.NoError(t, api.Stop())
		if refused != x.retried.Load() {
			refusing++
		}
		t.Logf("stopped in %s; %d unheard so far", time.Since(begun).Round(time.Millisecond),
			x.unheard.Load())
		require.NoError(t, api.Start(t.Context())) // it answers 503 until it is ready
	}
	require.LessOrEqual(t, refusing, 1,
		"an API that only stops refuses nothing; a disk that takes a second does")
	x.leave()
	t.Logf("%d acknowledged, %d counted, %d unheard", x.acknowledged.Load(), x.book.check(t, r),
		x.unheard.Load())
}

// TestAWorkerThatStopsHandsOverAtOnce measures how long counting pauses when the worker that counts
// is asked to stop.
func TestAWorkerThatStopsHandsOverAtOnce(t *testing.T) {
	s, st := own(t, stack.Config{AMQPURL: stack.RabbitMQURL(t), APIs: 1,
		APIEnv: []string{"PLENARY_ACCESS_LOG=false"}})
	r := show(s.Client, choice("Who wins?"))
	client := newFast(s.base, 64)
	defer client.close()
	x := newAudience(t, r)
	x.vote(client, 20)
	defer x.leave()
	fastest := time.Hour
	for range 2 {
		fastest = min(fastest, handsOver(t, r, st))
	}
	require.Less(t, fastest, 2*time.Second)
}

// handsOver stops each worker, one of which counts this presentation's partition, and gives the
// longest pause.
func handsOver(t *testing.T, r *Room, st *stack.Stack) (longest time.Duration) {
	for _, w := range st.Workers {
		begun := time.Now()
		require.NoError(t, w.Stop())
		stopped := time.Since(begun)
		before := r.Results(r.Polls[0].PollID).Revision
		require.Eventually(t, func() bool { return r.Results(r.Polls[0].PollID).Revision > before },
			wait, 5*time.Millisecond)
		t.Logf("%s stopped in %s, counting went on after %s", w.Name,
			stopped.Round(time.Millisecond), time.Since(begun).Round(time.Millisecond))
		longest = max(longest, time.Since(begun))
		require.NoError(t, w.Start(t.Context()))
	}
	return longest
}
