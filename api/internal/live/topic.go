package live

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plenary-live/plenary/pkg/fault"
)

// topic is something that people watch on this replica. It reads what its source says, encodes
// each change once, and its viewers are sent the same bytes.
type topic struct {
	*replica
	logger *slog.Logger // names the topic
	name   Name
	// follows is what it is told changes of
	follows []any
	state   atomic.Pointer[state]
	wake    chan struct{} // holds a token when there is more to read, or the last viewer has left
	begun   time.Time

	crowd, onStage atomic.Int64  // streams; see admit
	unveiled       atomic.Int64  // those of the crowd from whom nothing is hidden
	seats          seats         // the crowd's
	owed           chan struct{} // holds a token when one of them may have missed its moment

	mu    sync.Mutex // the bus waits for it: nothing is encoded or read under it
	want  Want       // what is still to be read
	asked int        // how often all was asked for

	settling sync.Mutex // of settle alone, which may encode under it
	share    share      // that replica.wanted counts

	// Of run only.
	source Source
	frames []frame
	seq    uint64
}

// state is what a topic knows. It is not changed, but replaced by the next one.
type state struct {
	view   View
	frames []frame       // in the order of their seq
	read   int           // what was asked for up to here has been read
	err    error         // there is no such topic any more
	next   chan struct{} // closed when another state replaces this one
}

// seq is that of the newest frame; 0: there is none.
func (s *state) seq() uint64 {
	if len(s.frames) == 0 {
		return 0
	}
	return s.frames[len(s.frames)-1].seq
}

// head is the seq of the head's frame; 0: there is none.
func (s *state) head() uint64 {
	for _, f := range s.frames {
		if f.part == nil {
			return f.seq
		}
	}
	return 0
}

func newTopic(r *replica, name Name) *topic {
	t := &topic{
		replica: r, logger: r.logger.With("topic", name.Key), name: name,
		source: name.Feature.Open(name.Key), asked: 1, begun: time.Now(),
		wake: make(chan struct{}, 1), owed: make(chan struct{}, 1),
	}
	t.follows = []any{name.Key}
	if f, ok := t.source.(Follower); ok {
		t.follows = f.Follows()
	}
	t.state.Store(&state{view: t.source.View(), next: make(chan struct{})})
	return t
}

// order has more read.
func (t *topic) order(more Want) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if all := t.want.and(more); all != t.want {
		t.want = all
		t.rouse()
	}
}

// ask has all read by reads that begin from now on, and says up to where that is asked then.
func (t *topic) ask() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked++
	t.rouse()
	return t.asked
}

// take gives what is to be read since the last call, and how often all was asked for.
func (t *topic) take() (w Want, asked int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w, t.want = t.want, Want{}
	return w, t.asked
}

// rouse lets run look what there is to do.
func (t *topic) rouse() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// await waits until the topic's state is there and not older than what a client saw last. Whatever
// that is, one read that begins after this call is new enough.
func (t *topic) await(ctx context.Context, lastEventID string) error {
	asked := 1
	if s := t.state.Load(); s.read > 0 && s.view.Behind(lastEventID) {
		asked = t.ask()
	}
	for {
		s := t.state.Load()
		if s.read >= asked || s.err != nil {
			return s.err
		}
		select {
		case <-s.next:
		case <-t.ctx.Done():
			return errStopping
		case <-ctx.Done():
			return fault.Unavailablef(ctx.Err(), "the database did not answer in time")
		}
	}
}

// admit counts a viewer, who is on stage or in the crowd, until leave is called.
func (t *topic) admit(onStage bool) (leave func()) {
	if onStage {
		t.onStage.Add(1)
		return func() { t.onStage.Add(-1) }
	}
	count := func(by int64) {
		t.crowd.Add(by)
		t.settle()
	}
	count(1)
	return func() { count(-1) }
}

// hear takes what a read has brought, and shows it to viewers who have seen something already.
func (t *topic) hear(news News) {
	if len(news.Gone)+len(news.Events) > 0 {
		frames := slices.Clone(t.frames) // viewers read the old ones
		frames = slices.DeleteFunc(frames, func(f frame) bool {
			return slices.Contains(news.Gone, f.part)
		})
		for _, e := range news.Events {
			var before *shown
			same := func(f frame) bool { return f.part == e.Part }
			if i := slices.IndexFunc(frames, same); i >= 0 {
				before = frames[i].shown
				frames = slices.Delete(frames, i, i+1)
			}
			t.seq++
			frames = append(frames, newFrame(e, t.seq, time.Now(), before, t.logger))
		}
		t.frames = frames
	}
	if news.Changed && t.state.Load().read > 0 {
		t.publish(0)
	}
}

// publish shows viewers what is known now, which answers all that was asked for up to asked.
func (t *topic) publish(asked int) {
	old := t.state.Load()
	t.state.Store(&state{
		view: t.source.View(), frames: t.frames,
		read: max(old.read, asked), next: make(chan struct{}),
	})
	t.settle()
	close(old.next)
}

// end tells viewers that there is no such topic (any more).
func (t *topic) end(err error) {
	old := t.state.Load()
	t.state.Store(&state{view: old.view, err: err, next: make(chan struct{})})
	close(old.next)
}

// share is what a topic's body wants of the replica in a second, if other topics let it: writes to
// its crowd, and their bytes.
type share struct{ writes, bytes int64 }

func (t *topic) wants() share {
	const aSecond = int64(time.Second / Pace)
	crowd, each := t.crowd.Load(), t.weight()
	return share{
		writes: min(crowd*aSecond, paceWrites),
		bytes:  min(crowd*min(each*aSecond, paceViewerBytes), paceBytes),
	}
}

// settle tells the replica what the topic wants now.
func (t *topic) settle() {
	t.settling.Lock()
	defer t.settling.Unlock()
	now := t.wants()
	t.wanted.Add(now.writes - t.share.writes)
	t.wantedBytes.Add(now.bytes - t.share.bytes)
	t.share = now
}

// weight is how many bytes of a body one of the crowd is sent at a time. These are its main part,
// and others that have just changed.
func (t *topic) weight() (bytes int64) {
	if t.crowd.Load() == 0 { // nobody needs that encoded
		return 0
	}
	s := t.state.Load()
	for _, f := range s.frames {
		if f.part != nil && (f.part == s.view.Main() || time.Since(f.made) < paceMost) {
			bytes += int64(len(f.to(t.unveiled.Load() > 0)))
		}
	}
	return bytes
}

// pace is the least time between two events about a part for one of the crowd.
func (t *topic) pace() time.Duration {
	pace := max(Pace, time.Duration(t.crowd.Load())*time.Second/paceWrites)
	if all := t.wanted.Load(); all > paceAll {
		pace = pace * time.Duration(all) / paceAll
	}
	slow := t.paceOf(t.weight())
	if all := t.wantedBytes.Load(); all > paceAllBytes {
		slow = time.Duration(float64(slow) * float64(all) / paceAllBytes)
	}
	return max(min(pace, paceMost), slow)
}

// paceOf is how long the crowd may take for so many bytes each.
func (t *topic) paceOf(each int64) time.Duration {
	crowd := max(1, t.crowd.Load())
	return max(lasting(each, paceViewerBytes), lasting(each*crowd, paceBytes))
}

// readPace is the least time between two reads of the body: the stage sees each.
func (t *topic) readPace() time.Duration {
	if t.onStage.Load() > 0 {
		return Pace
	}
	return t.pace()
}

// headReady is when the head may be read again: at once, unless it has just changed, and much was
// sent to many for that.
func (t *topic) headReady() time.Time {
	for _, f := range t.frames {
		if f.part == nil {
			return f.made.Add(t.paceOf(int64(len(f.to(true)))))
		}
	}
	return time.Time{}
}

// write gives a client the time that it may take.
func (t *topic) write(conn net.Conn, data []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(t.slowest)); err != nil {
		return err
	}
	_, err := conn.Write(data)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.cut.Add(1)
		t.logger.Debug("an event stream is cut off: its client is too slow")
	}
	return err
}
