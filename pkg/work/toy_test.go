package work

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/queue"
)

// The types of entries. The body of one has a byte per item.
const (
	usual  byte = iota
	silent      // nobody waits for its reply
	junk        // its envelope cannot be decoded
	newer       // a newer worker can decode it
	odd         // its body cannot be decoded
)

// toy is an Applier that remembers what it is given, unless its test makes it fail.
type toy struct {
	mu      sync.Mutex
	fail    func(entries []Partitioned) error
	applied [][]Partitioned // per transaction
	ids     map[uuid.UUID]bool
	hold    chan struct{} // if not nil, a transaction waits for a token
	holding chan struct{}
	old     int // ids that may be forgotten
}

func (a *toy) Apply(ctx context.Context, entries []Partitioned) (Applied, error) {
	if a.hold != nil {
		a.holding <- struct{}{}
		<-a.hold
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range entries {
		if e.Type == odd {
			return Applied{}, queue.Malformedf("odd")
		}
	}
	if a.fail != nil {
		if err := a.fail(entries); err != nil {
			return Applied{}, err
		}
	}
	a.applied = append(a.applied, entries)
	out := Applied{Changed: []bus.Change{{Thing: talk, Revision: int64(len(a.applied))}}}
	for _, e := range entries {
		var result []byte
		if !a.ids[e.ID] && !e.Halved {
			for range e.Body {
				result = append(result, done)
			}
		}
		a.ids[e.ID] = true
		out.Results = append(out.Results, result)
	}
	return out, ctx.Err()
}

// done is the result of an item; of an unknown one it is 0.
const done = 1

func (a *toy) Size(e queue.Entry) int { return len(e.Body) }

func (a *toy) Halve(e queue.Entry) (first, second queue.Entry, ok bool) {
	half := len(e.Body) / 2
	return queue.Entry{Body: e.Body[:half]}, queue.Entry{Body: e.Body[half:]}, half > 0 &&
		!e.Replayed
}

func (a *toy) Unknown(e queue.Entry) []byte { return make([]byte, len(e.Body)) }

func (a *toy) Describe(e queue.Entry) string { return string(e.Body) }

func (a *toy) Forget(_ context.Context, age time.Duration, limit int) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := min(a.old, limit)
	if age == keepIDs {
		a.old -= n
	}
	return n, nil
}

// spy notes all that is done to a stream in memory, in order, and has some of it fail.
type spy struct {
	queue.Stream
	mu         sync.Mutex
	did        []string
	away       error // of Subscribe
	noDead     error // of DeadLetter
	noAck      error // of Ack
	subscribed int
	closed     int
	last       queue.Subscription
	closing    func() // called when a subscription was closed
	asked      func(partition int)
}

func (s *spy) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.did = append(s.did, what)
}

func (s *spy) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *spy) Subscribe(ctx context.Context, partition int) (queue.Subscription, error) {
	if s.asked != nil {
		s.asked(partition)
	}
	s.mu.Lock()
	away := s.away
	s.mu.Unlock()
	if away != nil {
		return nil, away
	}
	sub, err := s.Stream.Subscribe(ctx, partition)
	if err != nil {
		return nil, err
	}
	watched := &watched{
		Subscription: sub, spy: s, entries: map[uint64]queue.Entry{}, deliveries: make(
			chan queue.Delivery, 9000),
	}
	watched.pump.Go(watched.run)
	s.set(func() { s.subscribed, s.last = s.subscribed+1, sub })
	time.Sleep(time.Nanosecond) // in a bubble: until all that is there is delivered
	return watched, nil
}

func (s *spy) closings() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

type watched struct {
	queue.Subscription
	spy        *spy
	deliveries chan queue.Delivery
	pump       sync.WaitGroup
	mu         sync.Mutex
	entries    map[uint64]queue.Entry
}

func (w *watched) run() {
	defer close(w.deliveries)
	for d := range w.Subscription.Deliveries() {
		w.mu.Lock()
		w.entries[d.Tag] = d.Entry
		w.mu.Unlock()
		switch d.Entry.Type {
		case silent:
			d.ReplyTo = ""
		case junk:
			w.Hold(d.Tag)
			d.Entry, d.Err, d.Raw = queue.Entry{}, queue.ErrMalformed, []byte("?")
		case newer:
			w.Hold(d.Tag)
			d.Entry, d.Err = queue.Entry{}, queue.ErrVersion
		}
		w.deliveries <- d
	}
}

func (w *watched) Deliveries() <-chan queue.Delivery { return w.deliveries }

func (w *watched) Ack(tag uint64) error {
	w.spy.mu.Lock()
	err := w.spy.noAck
	w.spy.noAck = nil
	w.spy.mu.Unlock()
	if err != nil {
		return err
	}
	w.spy.note("ack " + string(rune('0'+tag)))
	return w.Subscription.Ack(tag)
}

func (w *watched) Reply(ctx context.Context, to string, replies ...queue.Reply) error {
	w.spy.note("reply to " + to)
	return w.Subscription.Reply(ctx, to, replies...)
}

func (w *watched) DeadLetter(ctx context.Context, d queue.Delivery, reason string) error {
	w.spy.mu.Lock()
	err := w.spy.noDead
	w.spy.mu.Unlock()
	if err != nil {
		return err
	}
	w.spy.note("dead letter " + string(rune('0'+d.Tag)) + ": " + reason)
	if d.Err != nil {
		w.mu.Lock()
		d.Entry = w.entries[d.Tag]
		w.mu.Unlock()
	}
	return w.Subscription.DeadLetter(ctx, d, reason)
}

func (w *watched) Close() error {
	err := w.Subscription.Close()
	w.pump.Wait()
	w.spy.mu.Lock()
	defer w.spy.mu.Unlock()
	w.spy.closed++
	if w.spy.closing != nil {
		w.spy.closing()
	}
	return err
}

// awayBus is a bus that takes nothing, and notes it.
type awayBus struct {
	bus.Bus
	mu        sync.Mutex
	announced [][]bus.Change
}

func (b *awayBus) Announce(_ context.Context, changes ...bus.Change) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.announced = append(b.announced, changes)
	return errors.New("the bus is away")
}

var talk = uuid.UUID{15: 1}

type bench struct {
	*Worker
	toy  *toy
	log  *spy
	bus  *awayBus
	t    *testing.T
	stop context.CancelFunc
	done chan struct{}
}

// newSpy makes a stream of so many partitions, and what closes it.
func newSpy(t *testing.T, partitions int) (s *spy, end func()) {
	log, err := inproc.Open(inproc.Config{Streams: []string{"toys"}, Partitions: partitions})
	require.NoError(t, err)
	stream, err := log.Stream("toys")
	require.NoError(t, err)
	return &spy{Stream: stream}, func() { require.NoError(t, log.Close()) }
}

// run gives f a worker of one partition that is running, in a bubble where time passes only
// while everybody waits. prepare is called before it runs.
func run(t *testing.T, prepare func(*bench), f func(t *testing.T, b *bench)) {
	t.Helper()
	runOf(t, 1, prepare, f)
}

// runOf is run with so many partitions.
func runOf(t *testing.T, partitions int, prepare func(*bench), f func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log, end := newSpy(t, partitions)
		b := &bench{toy: &toy{ids: map[uuid.UUID]bool{}}, log: log, bus: &awayBus{}, t: t,
			done: make(chan struct{})}
		b.Worker = New(Config{
			Stream: log, Partitions: partitions, Applier: b.toy, IDs: b.toy, Bus: b.bus,
			Logger: slog.New(slog.DiscardHandler),
		})
		require.Error(t, b.Ready(), "before it runs nothing is read")
		prepare(b)
		ctx, stop := context.WithCancel(t.Context())
		b.stop = stop
		go func() { defer close(b.done); b.Run(ctx) }()
		// until it has subscribed
		time.Sleep(time.Duration(partitions-1)*maxStep + time.Nanosecond)
		f(t, b)
		stop()
		<-b.done
		end()
	})
}

// publish publishes an entry whose id is its place among all that were published, as its tag is,
// and gives where the outcome comes.
func (b *bench) publish(n byte, kind byte, body string) <-chan error {
	return b.publishTo(0, n, kind, body)
}

// publishTo publishes an entry to a partition.
func (b *bench) publishTo(partition int, n byte, kind byte, body string) <-chan error {
	outcome := make(chan error, 1)
	e := queue.Entry{ID: uuid.UUID{14: byte(partition), 15: n}, Type: kind, Body: []byte(body)}
	require.NoError(b.t, b.log.Publish(b.t.Context(), partition, e,
		func(err error) { outcome <- err }))
	return outcome
}

func (b *bench) letters() (bodies []string) {
	require.NoError(b.t, b.log.VisitDeadLetters(b.t.Context(), func(d queue.DeadLetter) queue.Fate {
		e, err := queue.Decode(d.Raw)
		require.NoError(b.t, err)
		bodies = append(bodies, string(e.Body))
		return queue.Keep
	}, nil))
	return bodies
}

func nothing(*bench) {}
