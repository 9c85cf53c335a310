package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/eventloop"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/poll"
)

const (
	// retryEvery is how soon a topic tries again to read what it wants when the database is away.
	retryEvery = 250 * time.Millisecond
	// paceLeast is the least time between two reads of a poll's results.
	paceLeast = 100 * time.Millisecond
	// paceWrites bounds what a presentation's results cost a replica: about so many socket writes a second. With more than 300
	// viewers there results so come less often than every 100 ms, but still once every paceMost, whatever other rooms do.
	// A transition is not held back by that, nor is a presenter.
	paceWrites = 3_000
	paceMost   = time.Second
	// paceViewerBytes and paceBytes bound them in bytes as well, for each of the crowd and for all of it, however long it then takes.
	paceViewerBytes = 24 << 10
	paceBytes       = 16 << 20
	// paceMoment is how fine the moments of a crowd are told apart. Some dozens of viewers share one: then neither this process nor
	// NGINX has to wake up for each event by itself.
	paceMoment = 10 * time.Millisecond
	// paceAll and paceAllBytes bound what the results of all presentations cost it: when they want more, each comes less often by
	// as much.
	paceAll      = 2 * paceWrites
	paceAllBytes = 2 * paceBytes
	// lingerTime is how long a topic that nobody views is kept: a room comes back all at once.
	lingerTime = 5 * time.Second
	// maxFollowed bounds the polls that a topic follows after they left the slide.
	maxFollowed = 4

	heartbeatEvery = 15 * time.Second
	// slowest is how long a viewer may leave a write waiting before its stream is cut off.
	slowest = 10 * time.Second
)

// slides is where a hub reads what is displayed, as of a read that began at or after since. It is stage.Cache.
type slides interface {
	Display(ctx context.Context, id uuid.UUID, since time.Time) (poll.Display, time.Time, error)
}

// hub has a topic for every presentation that somebody views on this replica. A topic reads, encodes each change once, and
// its viewers write the same bytes. It is safe for use by many goroutines.
type hub struct {
	ctx     context.Context
	stop    context.CancelFunc
	slides  slides
	tallies resultsReader
	present *presence
	keys    streamKeys
	logger  *slog.Logger
	slowest time.Duration // as above, but for tests

	guests          guests
	open, sent, cut atomic.Int64 // streams, events written to them, streams cut off because they were too slow
	wanted          atomic.Int64 // results a second that topics want to write together; see share
	wantedBytes     atomic.Int64 // and their bytes

	mu      sync.Mutex
	closed  bool
	topics  map[uuid.UUID]*topic
	running sync.WaitGroup // topics, viewers, follow and lookout
}

// hubStore is the part of poll.Store that a hub needs beside slides and results.
type hubStore interface {
	presenceStore
	lookoutStore
}

// newHub makes a hub that follows the bus until ctx ends, and its streams with it. Close it in any case.
func newHub(ctx context.Context, s slides, r resultsReader, p hubStore, b bus.Bus, logger *slog.Logger) *hub {
	ctx, stop := context.WithCancel(ctx)
	h := &hub{ctx: ctx, stop: stop, slides: s, tallies: r, logger: logger, slowest: slowest, topics: map[uuid.UUID]*topic{}}
	h.keys.of = map[uuid.UUID]map[net.Conn][32]byte{}
	h.guests.from = map[netip.Prefix][]*guest{}
	h.present = &presence{store: p, logger: logger, replica: uuid.New(), crowds: map[uuid.UUID]*crowd{}}
	h.running.Go(func() { h.follow(b) })
	h.running.Go(func() { h.present.run(ctx) })
	h.running.Go(func() { h.lookout(ctx, p) })
	return h
}

// close ends everything that runs and waits for it. Nothing begins after it.
func (h *hub) close() {
	h.stop()
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.running.Wait()
}

// follow passes on what the bus says. Where that may have said too little the hub looks at all topics at once.
func (h *hub) follow(b bus.Bus) {
	for change := range b.Subscribe(h.ctx) {
		now := time.Now()
		h.mu.Lock()
		if change == (poll.Change{}) {
			for _, t := range h.topics {
				t.quiet = quiet{at: now, every: quietLeast}
			}
		} else if t := h.topics[change.PresentationID]; t != nil {
			t.quiet.heard(now)
			t.changed(change)
		}
		h.mu.Unlock()
	}
}

// join gives a presentation's topic, which lives until leave, or nil if the hub ends. close then waits for so many goroutines
// of the caller's, too.
func (h *hub) join(id uuid.UUID, goroutines int) *topic {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.ctx.Err() != nil {
		return nil
	}
	t := h.topics[id]
	if t == nil {
		t = &topic{hub: h, id: id, used: time.Now(), wake: make(chan struct{}, 1), owed: make(chan struct{}, 1), begun: time.Now()}
		t.state.Store(&state{next: make(chan struct{})})
		t.want.asked = 1
		h.topics[id] = t
		ctx, cancel := context.WithCancel(h.ctx)
		h.running.Go(func() {
			defer cancel()
			t.run(ctx)
		})
		h.running.Go(func() { t.usher(ctx) })
	}
	t.quiet.heard(time.Now()) // who comes sees what is not much older
	t.viewers++
	h.running.Add(goroutines)
	return t
}

func (h *hub) leave(t *topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t.left = time.Now()
	if t.viewers--; t.viewers == 0 {
		t.rouse()
	}
}

// forget takes a topic out if nobody has viewed it for a while, or for good if it ends; else it says when to ask again.
func (h *hub) forget(t *topic, ends bool) (forgotten bool, again time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !ends && t.viewers > 0 {
		return false, never
	}
	if again := t.left.Add(lingerTime); !ends && time.Now().Before(again) {
		return false, again
	}
	if h.topics[t.id] == t {
		delete(h.topics, t.id)
	}
	return true, never
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

// share is what a topic's results want of the replica in a second, if other topics let it: writes to its crowd, and their bytes.
type share struct{ writes, bytes int64 }

func (t *topic) wants() share {
	crowd, each := t.crowd.Load(), t.weight()
	return share{
		writes: min(crowd*int64(time.Second/paceLeast), paceWrites),
		bytes:  min(crowd*min(each*int64(time.Second/paceLeast), paceViewerBytes), paceBytes),
	}
}

// settle tells the hub what the topic wants now.
func (t *topic) settle() {
	t.hub.mu.Lock()
	defer t.hub.mu.Unlock()
	now := t.wants()
	t.hub.wanted.Add(now.writes - t.share.writes)
	t.hub.wantedBytes.Add(now.bytes - t.share.bytes)
	t.share = now
}

// weight is how many bytes of results one of the crowd is sent at a time: those of the displayed poll, and of others that have
// just changed.
func (t *topic) weight() (bytes int64) {
	s := t.state.Load()
	for _, f := range s.frames {
		if f.poll != uuid.Nil && (f.poll == s.shown || time.Since(f.made) < paceMost) {
			bytes += int64(len(f.to(t.unveiled.Load() > 0)))
		}
	}
	return bytes
}

// pace is the least time between two results of a poll for one of the crowd.
func (t *topic) pace() time.Duration {
	pace := max(paceLeast, time.Duration(t.crowd.Load())*time.Second/paceWrites)
	if all := t.hub.wanted.Load(); all > paceAll {
		pace = pace * time.Duration(all) / paceAll
	}
	slow := t.paceOf(t.weight())
	if all := t.hub.wantedBytes.Load(); all > paceAllBytes {
		slow = time.Duration(float64(slow) * float64(all) / paceAllBytes)
	}
	return max(min(pace, paceMost), slow)
}

// paceOf is how long the crowd may take for so many bytes each.
func (t *topic) paceOf(each int64) time.Duration {
	crowd := max(1, t.crowd.Load())
	return max(lasting(each, paceViewerBytes), lasting(each*crowd, paceBytes))
}

// lasting is how long bytes last at so many a second.
func lasting(bytes, aSecond int64) time.Duration {
	return time.Duration(float64(bytes) / float64(aSecond) * float64(time.Second))
}

// readPace is the least time between two reads of a poll's results: who is on stage sees each.
func (t *topic) readPace() time.Duration {
	if t.onStage.Load() > 0 {
		return paceLeast
	}
	return t.pace()
}

// eventID is an event's id: the presentation's version, and the revision of the poll that it displays, which rises with every
// change of its results. All replicas mean the same by it, and on one stream it never falls.
type eventID struct{ version, revision int64 }

func (e eventID) String() string {
	return strconv.FormatInt(e.version, 10) + "." + strconv.FormatInt(e.revision, 10)
}

func (e eventID) after(other eventID) bool {
	return e.version > other.version || e.version == other.version && e.revision > other.revision
}

// parseEventID reads what a client saw last. Anything that is no id of ours is the zero one: it saw nothing.
func parseEventID(s string) eventID {
	version, revision, _ := strings.Cut(s, ".")
	var e eventID
	var errs [2]error
	e.version, errs[0] = strconv.ParseInt(version, 10, 64)
	e.revision, errs[1] = strconv.ParseInt(revision, 10, 64)
	if errs != [2]error{} || e.version < 0 || e.revision < 0 || e.String() != s {
		return eventID{}
	}
	return e
}

// topic is a presentation that is viewed on this replica.
type topic struct {
	hub   *hub
	id    uuid.UUID
	state atomic.Pointer[state]
	wake  chan struct{} // holds a token when want has changed, or the last viewer has left
	begun time.Time

	crowd, onStage atomic.Int64  // streams; see admit
	unveiled       atomic.Int64  // those of the crowd that see what is hidden
	seats          seats         // the crowd's
	owed           chan struct{} // holds a token when one of them may have missed its moment
	viewers        int           // under hub.mu
	left           time.Time     // when the last of them left; under hub.mu
	quiet          quiet         // when it is looked at next; under hub.mu
	used           time.Time     // when its slide was read last for no other reason than that; under hub.mu
	share          share         // that hub.wanted counts; under hub.mu

	mu   sync.Mutex
	want want

	// Of run only.
	display  poll.Display
	frames   []frame
	seq      uint64
	followed []*followed // the displayed poll comes last
}

// want is what a topic has to read.
type want struct {
	since   time.Time // the slide, by a read that began then or later; zero: any
	tallies bool      // results of the displayed poll
	others  bool      // and of those that left
	finals  bool      // and of those among them that are final
	asked   int       // everything, as often as this
}

// add wants more, but does not ask.
func (w *want) add(more want) {
	if more.since.After(w.since) {
		w.since = more.since
	}
	w.tallies, w.others, w.finals = w.tallies || more.tallies, w.others || more.others, w.finals || more.finals
}

// state is what a topic knows. It is not changed, but replaced by the next one.
type state struct {
	id       eventID
	stand    int64         // of the slide that was read last
	shown    uuid.UUID     // the displayed poll
	followed []followed    // that and those that left
	frames   []frame       // in the order of their seq
	read     int           // what was asked for up to here has been read
	err      error         // the presentation is gone, and so is the topic
	next     chan struct{} // closed when another state replaces this one
}

// seq is that of the newest frame; 0: there is none.
func (s *state) seq() uint64 {
	if len(s.frames) == 0 {
		return 0
	}
	return s.frames[len(s.frames)-1].seq
}

// display is the seq of the frame that says what is displayed; 0: there is none.
func (s *state) display() uint64 {
	for _, f := range s.frames {
		if f.poll == uuid.Nil {
			return f.seq
		}
	}
	return 0
}

// frame is an event, encoded. A topic has one for what is displayed and one for each poll that it follows.
type frame struct {
	seq    uint64
	made   time.Time
	poll   uuid.UUID // nil for what is displayed
	data   []byte
	veiled []byte // for others than the presenter; nil: data is for all
}

// to gives what a viewer is sent.
func (f frame) to(presenter bool) []byte {
	if f.veiled != nil && !presenter {
		return f.veiled
	}
	return f.data
}

// followed is a poll whose results are shown: the displayed one, and those that left.
type followed struct {
	id       uuid.UUID
	revision int64 // of the newest results; every change raises it
	status   poll.Status
}

// final says that no vote changes the results any more.
func (f *followed) final() bool { return f.status == poll.Final || f.status == poll.Pending }

// changed hears what the bus says.
func (t *topic) changed(c poll.Change) {
	known := t.state.Load()
	t.order(func(w *want) {
		switch {
		case c.PollID == uuid.Nil && c.Version == 0: // an edit
			w.since, w.tallies, w.others, w.finals = time.Now(), true, true, true
		case c.PollID == uuid.Nil:
			if c.Version > known.id.version {
				w.since = time.Now()
			}
		case c.PollID == known.shown:
			w.tallies = true
		case known.read == 0 || slices.ContainsFunc(known.followed, func(f followed) bool { return f.id == c.PollID && !f.final() }):
			w.others = true
		}
	})
}

// order changes what a topic has to read.
func (t *topic) order(change func(*want)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.want
	if change(&t.want); t.want != before {
		t.rouse()
	}
}

// rouse lets run look what there is to do.
func (t *topic) rouse() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// await waits until a presentation's state is known and not older than what a client saw last. Errors: NotFound, Unavailable.
func (h *hub) await(ctx context.Context, id uuid.UUID, seen eventID) error {
	t := h.join(id, 0)
	if t == nil {
		return errStopping
	}
	defer h.leave(t)
	return t.await(ctx, seen)
}

// errStopping is what a hub that ends says.
var errStopping = poll.Errorf(poll.Unavailable, "stopping: send it again")

// await waits until the topic's state is there and not older than what a client saw last. Whatever that is, one read that
// begins after this call is new enough.
func (t *topic) await(ctx context.Context, seen eventID) error {
	asked := 1
	if s := t.state.Load(); s.read > 0 && seen.after(s.id) {
		t.order(func(w *want) {
			w.asked++
			asked = w.asked
		})
	}
	for {
		s := t.state.Load()
		if s.read >= asked || s.err != nil {
			return s.err
		}
		select {
		case <-s.next:
		case <-t.hub.ctx.Done():
			return errStopping
		case <-ctx.Done():
			return poll.Unavailablef(ctx.Err(), "the database did not answer in time")
		}
	}
}

// never is when there is nothing to do.
var never = time.Unix(1<<40, 0)

// run reads what is wanted, when it is due, until ctx ends or nobody views the topic. Nothing is read that nobody wants: that
// something may have changed unheard of is the lookout's care.
func (t *topic) run(ctx context.Context) {
	var (
		since              time.Time           // see want
		others, finals     bool                // see want
		slideAt, talliesAt = time.Now(), never // when to read them
		lastTallies        time.Time           // when that began last
		asked              int
		timer              = time.NewTimer(0)
	)
	defer timer.Stop()
	for {
		forgotten, idleAt := t.hub.forget(t, ctx.Err() != nil)
		if forgotten {
			return
		}
		now := time.Now()
		t.mu.Lock()
		w := t.want
		t.want.since, t.want.tallies, t.want.others, t.want.finals = time.Time{}, false, false, false
		t.mu.Unlock()
		slideReady := t.slideReady()
		if w.since.After(since) {
			since, slideAt = w.since, latest(now, slideReady)
		}
		everything := false
		if w.asked > asked { // at a pace, too: anybody can ask
			at := latest(lastTallies.Add(paceLeast), slideReady)
			talliesAt = earlier(talliesAt, at)
			if everything = !now.Before(at); everything {
				since, slideAt = now, now
			}
		}
		if w.tallies || w.others {
			talliesAt = earlier(talliesAt, lastTallies.Add(t.readPace()))
		}
		finals = finals || w.finals || everything
		others = others || w.others || finals
		var err error
		if !now.Before(slideAt) {
			var moved bool
			moved, err = t.readSlide(ctx, since)
			if poll.KindOf(err) == poll.NotFound {
				t.end(err)
				return
			}
			if slideAt = never; err != nil {
				slideAt = now.Add(retryEvery)
			}
			if moved {
				talliesAt, others = now, true
			}
		}
		if !now.Before(talliesAt) {
			lastTallies, talliesAt = now, never
			if e := t.readTallies(ctx, others, finals); e != nil {
				err, talliesAt = e, now.Add(retryEvery)
			} else {
				others, finals = false, false
			}
			if err == nil && everything {
				asked = w.asked
				t.publish(asked)
			}
		}
		timer.Reset(time.Until(earlier(idleAt, earlier(slideAt, talliesAt))))
		select {
		case <-ctx.Done():
		case <-t.wake:
		case <-timer.C:
		}
	}
}

// slideReady is when the slide may be read again: at once, unless it has just changed, and much was sent to many for that.
func (t *topic) slideReady() time.Time {
	for _, f := range t.frames {
		if f.poll == uuid.Nil {
			return f.made.Add(t.paceOf(int64(len(f.data))))
		}
	}
	return time.Time{}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// readSlide reads what is displayed, and says whether that has changed. It is published before its results are read.
func (t *topic) readSlide(ctx context.Context, since time.Time) (moved bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	d, _, err := t.hub.slides.Display(ctx, t.id, since)
	if err == nil {
		t.hub.keys.check(t.id, d.Access)
	}
	if err != nil || len(t.frames) > 0 && d.Version < t.display.Version {
		return false, err
	}
	if len(t.frames) > 0 && d.Edits != t.display.Edits {
		t.hub.present.edited(t.id)
	}
	if len(t.frames) > 0 && d.Version == t.display.Version {
		t.redisplay(d)
		return false, nil
	}
	t.display = d
	// Those that are final stay as well, for a while: a viewer whose turn to hear that has not come must hear it.
	t.followed = slices.DeleteFunc(t.followed, func(f *followed) bool { return d.Poll != nil && f.id == d.Poll.ID })
	t.followed = t.followed[max(0, len(t.followed)-maxFollowed):]
	t.frames = slices.DeleteFunc(slices.Clone(t.frames), func(f frame) bool {
		return !slices.ContainsFunc(t.followed, func(p *followed) bool { return p.id == f.poll })
	})
	if d.Poll != nil {
		t.followed = append(t.followed, &followed{id: d.Poll.ID})
	}
	t.encode(uuid.Nil, "displayed", eventID{version: d.Version}, toShown(d), nil)
	if t.state.Load().read > 0 { // else it waits for its results
		t.publish(0)
	}
	return true, nil
}

// redisplay takes note of what an edit has changed of the slide under its version.
func (t *topic) redisplay(d poll.Display) {
	before := t.display
	same := reflect.DeepEqual(toShown(before), toShown(d))
	if t.display = d; same && d.Stand() == before.Stand() {
		return
	}
	if !same {
		t.encode(uuid.Nil, "displayed", t.current(), toShown(d), nil)
	}
	if t.state.Load().read > 0 {
		t.publish(0)
	}
}

// readTallies reads the results of the displayed poll, or of every poll that is not final, or of all, and publishes what has
// changed.
func (t *topic) readTallies(ctx context.Context, others, finals bool) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	changed := false
	for _, f := range slices.Backward(slices.Clone(t.followed)) { // the displayed one first
		shown := t.display.Poll != nil && f.id == t.display.Poll.ID
		if !shown && (!others || f.final() && !finals) {
			continue
		}
		r, err := t.hub.tallies.Results(ctx, t.id, f.id)
		if !shown && poll.KindOf(err) == poll.NotFound { // it was deleted
			t.unfollow(f.id)
			changed = true
			continue
		}
		if err != nil {
			return err
		}
		if r.Revision <= f.revision {
			continue
		}
		f.revision, f.status, changed = r.Revision, r.Status, true
		all := toTallies(r)
		var veiled fitting
		if r.Hidden() {
			veiled = all.hide()
		}
		t.encode(f.id, "results", t.current(), all, veiled)
	}
	if changed && t.state.Load().read > 0 {
		t.publish(0)
	}
	return nil
}

// unfollow forgets a poll.
func (t *topic) unfollow(id uuid.UUID) {
	t.followed = slices.DeleteFunc(slices.Clone(t.followed), func(f *followed) bool { return f.id == id })
	t.frames = slices.DeleteFunc(slices.Clone(t.frames), func(f frame) bool { return f.poll == id })
}

// current is the id of what is known now.
func (t *topic) current() eventID {
	e := eventID{version: t.display.Version}
	if t.display.Poll != nil {
		e.revision = t.followed[len(t.followed)-1].revision
	}
	return e
}

// encode makes the newest frame of what is displayed or of a poll's results: of v, and for others than the presenter of veiled,
// if that is not nil.
func (t *topic) encode(pollID uuid.UUID, event string, id eventID, v, veiled fitting) {
	f := frame{poll: pollID, made: time.Now()}
	var err error
	if f.data, err = encodeEvent(event, id, v); err == nil && veiled != nil {
		f.veiled, err = encodeEvent(event, id, veiled)
	}
	if err != nil {
		t.hub.logger.Error("an event cannot be encoded", "presentation_id", t.id, "event", event, "error", err)
		return
	}
	t.seq++
	f.seq = t.seq
	others := slices.DeleteFunc(slices.Clone(t.frames), func(f frame) bool { return f.poll == pollID }) // viewers read the old ones
	t.frames = append(others, f)
}

// publish shows viewers what is known now, which answers everything that was asked for up to asked.
func (t *topic) publish(asked int) {
	old := t.state.Load()
	s := &state{id: t.current(), stand: t.display.Stand(), frames: t.frames, read: max(old.read, asked), next: make(chan struct{})}
	for _, f := range t.followed {
		s.followed = append(s.followed, *f)
	}
	if t.display.Poll != nil {
		s.shown = t.display.Poll.ID
	}
	t.state.Store(s)
	t.settle()
	close(old.next)
}

// end tells viewers that there is no such presentation (any more).
func (t *topic) end(err error) {
	t.hub.forget(t, true)
	old := t.state.Load()
	t.state.Store(&state{err: err, next: make(chan struct{})})
	close(old.next)
}

// heartbeat is a comment: a connection that leads nowhere fails, sooner or later.
var heartbeat = []byte(":\n\n")

// watch takes over a connection and sends what a presentation's topic shows to a presenter or to others, after head, until the
// client is gone or too slow or the hub ends; then it closes the connection.
func (h *hub) watch(conn net.Conn, client netip.Addr, id uuid.UUID, head []byte, presenter, onStage bool) {
	t := h.join(id, 1)
	if t == nil {
		h.keys.forget(conn, id)
		_ = conn.Close()
		return
	}
	if onStage { // the token may have ended since it was looked at
		t.order(func(w *want) { w.since = time.Now() })
	}
	h.open.Add(1)
	guest := h.guests.join(conn, client)
	leaveAudience := t.admit(onStage)
	news, leavePresence := h.present.join(id, onStage)
	var leave func()
	if onStage {
		leave = t.stage(guest, head, news, presenter)
	} else {
		leave = t.seat(guest, head, presenter)
	}
	forgetEnd := context.AfterFunc(h.ctx, func() { _ = conn.Close() }) // which ends a read and a write that wait
	ended := func() {
		defer h.running.Done()
		forgetEnd()
		h.keys.forget(conn, id)
		leave()
		leavePresence()
		leaveAudience()
		h.guests.leave(guest)
		h.open.Add(-1)
		h.leave(t)
	}
	// A client has nothing more to say: what it does is to go. A goroutine for each that waits for this is much for the collector of
	// garbage to look at (docs/benchmarks.md).
	if turn, ok := conn.(*eventloop.Turn); ok && turn.Watch(ended) {
		return
	}
	go func() {
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.Close()
		ended()
	}()
}

// stage is seat for who is on stage: few, who hear of the audience, too, and wait for nothing.
func (t *topic) stage(g *guest, head []byte, news <-chan []byte, presenter bool) (leave func()) {
	ctx, cancel := context.WithCancel(t.hub.ctx)
	t.hub.running.Go(func() {
		_ = t.play(ctx, g, head, news, presenter) // however it ends, so does the stream
		_ = g.conn.Close()
	})
	return cancel
}

// play writes head and what the topic shows at first in one, and then whatever is new, there and in news. Of what changed
// several times while a write waited there is only the newest.
func (t *topic) play(ctx context.Context, g *guest, head []byte, news <-chan []byte, presenter bool) error {
	hearts := time.NewTicker(heartbeatEvery)
	defer hearts.Stop()
	conn := g.conn
	v := seat{conn: conn, guest: g, presenter: presenter}
	for {
		s := t.state.Load()
		if s.err != nil {
			return s.err
		}
		if data := append(head, v.news(t.hub, s)...); len(data) > 0 {
			if err := t.write(conn, data); err != nil {
				return err
			}
			head = nil
			if err := t.rest(ctx, len(data)); err != nil {
				return err
			}
		}
		select {
		case <-s.next:
		case event := <-news:
			t.hub.sent.Add(1)
			if err := t.write(conn, event); err != nil {
				return err
			}
		case <-hearts.C:
			if err := t.write(conn, heartbeat); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// rest waits where very many are on stage, each of whom was sent so many bytes: anybody can have a presentation of their own.
func (t *topic) rest(ctx context.Context, bytes int) error {
	wait := lasting(int64(bytes)*t.onStage.Load(), paceBytes)
	if wait < paceLeast {
		return nil
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write gives a client the time that it may take.
func (t *topic) write(conn net.Conn, data []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(t.hub.slowest)); err != nil {
		return err
	}
	_, err := conn.Write(data)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.hub.cut.Add(1)
		t.hub.logger.Debug("an event stream is cut off: its client is too slow", "presentation_id", t.id)
	}
	return err
}
