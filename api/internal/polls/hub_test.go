package polls

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/api/internal/server"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/stage"
)

// room is a presentation in memory, and the store that a hub reads it from.
type room struct {
	poll.Store
	t   *testing.T
	bus *inproc.Bus

	mu      sync.Mutex
	id      uuid.UUID
	slide   poll.Slide
	polls   []poll.Poll
	states  []poll.State
	err     error
	slides  int // reads
	tallies int
	looks   int
	words   []question.WordCount // of the first poll
	said    *said                // of viewers
	access  *access.Tokens       // nil: nobody has said
}

func newRoom(t *testing.T) *room {
	p, err := poll.New("", []poll.Poll{
		{Question: question.Question{Text: "One?\nTwo?",
			Options: []question.Option{{Key: "A", Value: "a"}, {Key: "B", Value: "b"}}}},
		{Question: question.Question{Text: "Stars?", Kind: question.Rating}},
	})
	require.NoError(t, err)
	r := &room{t: t, said: &said{}, bus: inproc.NewBus(), id: p.ID, slide: p.Slide, polls: p.Polls,
		states: []poll.State{p.State(0), p.State(1)}}
	t.Cleanup(func() { require.NoError(t, r.bus.Close()) })
	r.show(0)
	return r
}

func (r *room) Display(_ context.Context, id uuid.UUID) (poll.Display, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slides++
	if r.err != nil {
		return poll.Display{}, r.err
	}
	if id != r.id {
		return poll.Display{}, fault.Errorf(fault.NotFound, "no presentation")
	}
	d := poll.Display{PresentationID: id, Slide: r.slide, Tokens: r.access}
	if r.slide.Displayed {
		d.Poll = &r.polls[r.slide.Index]
	}
	return d, nil
}

func (r *room) Results(_ context.Context, _, pollID uuid.UUID) (poll.Results, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tallies++
	if r.err != nil {
		return poll.Results{}, r.err
	}
	for i, p := range r.polls {
		if p.ID == pollID {
			s := r.states[i]
			s.Counts = append([]int64(nil), s.Counts...)
			results := poll.Results{Poll: p, State: s}
			if i == 0 {
				results.Words = r.words
			}
			return results, nil
		}
	}
	return poll.Results{}, fault.Errorf(fault.NotFound, "no poll")
}

func (r *room) Newest(_ context.Context, presentations, polls []uuid.UUID) (poll.Newest, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looks++
	newest, err := poll.NewNewest(presentations, polls)
	if err == nil {
		err = r.err
	}
	if slices.Contains(presentations, r.id) {
		newest.Add(r.id, true, r.slide.Version)
	}
	for i, p := range r.polls {
		if slices.Contains(polls, p.ID) {
			newest.Add(p.ID, false, r.states[i].Revision)
		}
	}
	return newest, err
}

func (r *room) Present(ctx context.Context, replica uuid.UUID, rooms map[uuid.UUID]poll.Presence,
	age time.Duration) error {
	return r.said.Present(ctx, replica, rooms, age)
}

func (r *room) Audiences(ctx context.Context, ids []uuid.UUID,
	age time.Duration) (map[uuid.UUID]poll.Audience, error) {
	return r.said.Audiences(ctx, ids, age)
}

func (r *room) Access(_ context.Context, id uuid.UUID) (a access.Tokens, err error) {
	if id != r.id {
		return a, fault.Errorf(fault.NotFound, "no presentation")
	}
	return access.Tokens{TokenHash: r.said.hash}, nil
}

func (r *room) change(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

func (r *room) announce(c bus.Change) {
	c.Thing = r.id
	require.NoError(r.t, r.bus.Announce(r.t.Context(), c))
}

// show displays a poll; -1: none.
func (r *room) show(index int) {
	r.change(func() {
		if r.slide.Displayed {
			r.states[r.slide.Index].Leave()
		}
		r.slide.Version++
		if r.slide.Displayed = index >= 0; index >= 0 {
			r.slide.Index = index
			r.states[index].Show(r.slide.Version)
		}
	})
}

// vote counts one for the first option of the displayed poll, and gives the total.
func (r *room) vote() (total int64) {
	r.change(func() {
		s := &r.states[r.slide.Index]
		s.Voters++
		s.Counts[0]++
		s.Revision++
		total = s.Voters
	})
	return total
}

func (r *room) reads() (slides, tallies int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.slides, r.tallies
}

// hub is a hub of nothing but presentations.
type hub struct {
	*live.Hub
	topics *topics
}

// newHub makes a hub over a store. Its streams end with ctx; close it in any case.
func newHub(ctx context.Context, store poll.Store, all bus.Bus) (h *hub, end func()) {
	cache, logger := stage.NewCache(store, time.Now), slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(ctx)
	h = &hub{topics: newTopics(ctx, cache, store, store, logger)}
	h.Hub = live.New(ctx,
		live.Config{Features: []live.Feature{h.topics}, Bus: all, First: cache.Heard,
			Logger: logger})
	running := life.InOrder(cache, h.topics.present, h.Hub)
	if err := running.Start(); err != nil {
		panic(err)
	}
	return h, func() {
		cancel()
		if err := running.Stop(context.Background()); err != nil {
			panic(err)
		}
	}
}

// await waits for a presentation's state.
func (h *hub) await(ctx context.Context, id uuid.UUID, seen eventID) error {
	return h.Await(ctx, live.Name{Feature: h.topics, Key: id}, seen.String())
}

// hub makes a hub over the room, which ends with the test.
func (r *room) hub() *hub {
	h, end := newHub(context.Background(), r, r.bus)
	r.t.Cleanup(end)
	return h
}

// event is what a viewer gets.
type event struct {
	id, event, data string
}

func (e event) shown(t *testing.T) (s wireShown) {
	t.Helper()
	require.Equal(t, "displayed", e.event)
	require.NoError(t, json.Unmarshal([]byte(e.data), &s))
	return s
}

func (e event) tallies(t *testing.T) (w wireResults[wireTally]) {
	t.Helper()
	require.Equal(t, "results", e.event, e.data)
	require.NoError(t, json.Unmarshal([]byte(e.data), &w))
	return w
}

// viewer is a client of a stream.
type viewer struct {
	t    *testing.T
	conn net.Conn
	*bufio.Reader
}

// view makes a viewer over a pipe, which holds nothing back: a write waits until it is read.
func view(t *testing.T, h *hub, id uuid.UUID) *viewer { return viewAs(t, h, id, false) }

func viewAs(t *testing.T, h *hub, id uuid.UUID, presenter bool) *viewer {
	return viewFrom(t, h, id, presenter, presenter)
}

func viewFrom(t *testing.T, h *hub, id uuid.UUID, presenter, onStage bool) *viewer {
	ours, theirs := net.Pipe()
	h.Watch(theirs, h.topics.viewer(id, netip.Addr{}, presenter, onStage, nil),
		[]byte("retry: 1000\n\n"))
	return newViewer(t, ours)
}

func newViewer(t *testing.T, conn net.Conn) *viewer {
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	return &viewer{t, conn, bufio.NewReader(conn)}
}

// patient lets the viewer wait for ever.
func (v *viewer) patient() *viewer {
	require.NoError(v.t, v.conn.SetDeadline(time.Time{}))
	return v
}

// attentive is a viewer that reads whatever happens, for claims about what comes much later.
type attentive chan event

func (v *viewer) attentive() attentive {
	v.patient()
	events := make(attentive, 1000)
	go func() {
		defer close(events)
		for e := v.next(); e != (event{}); e = v.next() {
			events <- e
		}
	}()
	return events
}

// until is as a viewer's.
func (a attentive) until(want func(event) bool) event {
	for e := range a {
		if want(e) {
			return e
		}
	}
	return event{}
}

// next gives the next event. It may be called by any goroutine; the zero event: the stream has
// ended.
func (v *viewer) next() (e event) {
	for {
		line, err := v.ReadString('\n')
		if err != nil {
			return event{}
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case name == "id":
			e.id = value
		case name == "event":
			e.event = value
		case name == "data":
			e.data = value
		case name == "" && e != event{}:
			return e
		}
	}
}

func TestAViewerSeesWhatThereIsAndThenWhatChanges(t *testing.T) {
	r := newRoom(t)
	r.vote()
	v := view(t, r.hub(), r.id)
	e := v.next()
	require.Equal(t, "1.0", e.id)
	require.Equal(t, "One?\nTwo?", e.shown(t).Poll.Question)
	require.EqualValues(t, 1, e.shown(t).Version)
	e = v.next()
	require.Equal(t, "1.2", e.id)
	require.Equal(t, wireResults[wireTally]{PollID: r.polls[0].ID, Status: poll.Open, Version: 1,
		Revision: 2, Total: 1, Identity: access.ByClient,
		Options: []wireTally{{"A", 1}, {"B", 0}}}, e.tallies(t))

	r.vote()
	r.announce(bus.Change{Part: r.polls[0].ID, Version: 1, Revision: 3})
	e = v.next()
	require.Equal(t, "1.3", e.id)
	require.EqualValues(t, 2, e.tallies(t).Total)

	r.show(-1)
	r.announce(bus.Change{Version: 2})
	e = v.next()
	require.Equal(t, "2.0", e.id)
	require.Equal(t, wireShown{Version: 2}, e.shown(t))
	require.Equal(t, poll.Closing, v.next().tallies(t).Status)

	r.show(1)
	r.vote()
	r.announce(bus.Change{Version: 3})
	require.Equal(t, question.Rating, v.next().shown(t).Poll.Kind)
	require.Equal(t, 1.0, *v.next().tallies(t).Mean)
}

func TestThePollThatLeftIsFollowedUntilItIsFinal(t *testing.T) {
	r := newRoom(t)
	h := r.hub()
	v := view(t, h, r.id)
	require.Equal(t, "displayed", v.next().event)
	require.Equal(t, poll.Open, v.next().tallies(t).Status)
	r.show(-1)
	r.announce(bus.Change{Version: 2})
	require.Equal(t, "displayed", v.next().event)
	require.Equal(t, poll.Closing, v.next().tallies(t).Status)
	r.change(func() { r.states[0].Status, r.states[0].Revision = poll.Final, 9 })
	e := v.next() // without any announcement
	require.Equal(t, poll.Final, e.tallies(t).Status)
	require.Equal(t, "2.0", e.id, "an id does not fall and names what is displayed")
	_, before := r.reads()
	r.announce(bus.Change{Part: r.polls[0].ID})
	r.show(1)
	r.announce(bus.Change{Version: 3})
	require.Equal(t, r.polls[1].ID, v.next().shown(t).Poll.PollID)
	require.Equal(t, r.polls[1].ID, v.next().tallies(t).PollID)
	_, after := r.reads()
	require.LessOrEqual(t, after, before+2, "what is final is not read again")

	r.show(0)
	r.announce(bus.Change{Version: 4})
	require.Equal(t, r.polls[0].ID, v.next().shown(t).Poll.PollID)
	again := v.next().tallies(t)
	require.Equal(t, r.polls[0].ID, again.PollID)
	require.Equal(t, poll.Open, again.Status)
}

func TestHoweverManyViewTheDatabaseIsReadForOne(t *testing.T) {
	const viewers, votes = 300, 5
	r := newRoom(t)
	h := r.hub()
	begun := time.Now()
	var seeing, done sync.WaitGroup
	seeing.Add(viewers)
	var mu sync.Mutex
	var seen [votes + 1]map[string]bool // the bytes of every total
	for i := range seen {
		seen[i] = map[string]bool{}
	}
	for range viewers {
		v := view(t, h, r.id)
		done.Go(func() {
			first := true
			for {
				e := v.next()
				if e == (event{}) {
					return
				}
				if e.event != "results" {
					continue
				}
				total := e.tallies(t).Total
				mu.Lock()
				seen[total][e.id+e.data] = true
				mu.Unlock()
				if first {
					first = false
					seeing.Done()
				}
				if total == votes {
					return
				}
			}
		})
	}
	seeing.Wait()
	for range votes {
		r.vote()
		r.announce(bus.Change{Part: r.polls[0].ID, Version: 1})
	}
	done.Wait()
	slides, tallies := r.reads()
	took := time.Since(begun)
	t.Logf("%d viewers: %d reads of the slide and %d of results in %s", viewers,
		slides, tallies, took)
	require.LessOrEqual(t, slides, 3+int(3*took/poll.Lease))
	require.LessOrEqual(t, tallies, 3+int(took/live.Pace))
	require.Len(t, seen[votes], 1)
	open, _, _ := h.Streams()
	require.EqualValues(t, viewers, open)
}

func TestResultsComeAtMostTenTimesASecond(t *testing.T) {
	r := newRoom(t)
	v := view(t, r.hub(), r.id)
	require.Equal(t, "displayed", v.next().event)
	v.next()
	begun := time.Now()
	stop := make(chan struct{})
	var voting sync.WaitGroup
	voting.Go(func() {
		for {
			r.vote()
			r.announce(bus.Change{Part: r.polls[0].ID, Version: 1})
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	const events = 6
	for range events {
		require.Equal(t, "results", v.next().event)
	}
	require.GreaterOrEqual(t, time.Since(begun), (events-1)*live.Pace)
	r.show(1) // a transition is not held back by that
	r.announce(bus.Change{Version: 2})
	for e := v.next(); e.event != "displayed"; e = v.next() {
		require.Equal(t, "results", e.event)
	}
	close(stop)
	voting.Wait()
}

func TestASlowViewerKeepsOnlyTheNewest(t *testing.T) {
	r := newRoom(t)
	h := r.hub()
	slow, quick := view(t, h, r.id), view(t, h, r.id)
	for _, v := range []*viewer{slow, quick} {
		require.Equal(t, "displayed", v.next().event)
		require.Equal(t, "results", v.next().event)
	}
	for total := range int64(5) { // the slow one reads none of it
		r.vote()
		r.announce(bus.Change{Part: r.polls[0].ID, Version: 1})
		require.Equal(t, total+1, quick.next().tallies(t).Total)
	}
	require.EqualValues(t, 1, slow.next().tallies(t).Total, "it was being written")
	require.EqualValues(t, 5, slow.next().tallies(t).Total)
	_, _, cut := h.Streams()
	require.Zero(t, cut)
}

func TestAViewerWhoGoesIsNoticedAtOnce(t *testing.T) {
	r := newRoom(t)
	h := r.hub()
	v := view(t, h, r.id)
	v.next()
	open, _, _ := h.Streams()
	require.EqualValues(t, 1, open)
	require.NoError(t, v.conn.Close())
	require.Eventually(t, func() bool { open, _, _ := h.Streams(); return open == 0 },
		10*time.Second, time.Millisecond)
}

func TestALostAnnouncementIsMadeGood(t *testing.T) {
	r := newRoom(t)
	v := view(t, r.hub(), r.id)
	require.Equal(t, "displayed", v.next().event)
	require.Equal(t, "results", v.next().event)
	r.vote()
	require.EqualValues(t, 1, v.next().tallies(t).Total)
	r.show(-1)
	for e := v.next(); e.event != "displayed"; e = v.next() {
		require.Equal(t, poll.Closing, e.tallies(t).Status)
	}
	r.show(1)
	r.announce(bus.Change{}) // which no presentation has, as after a lost connection
	require.NoError(t, r.bus.Announce(t.Context(), bus.Change{}))
	for e := v.next(); e.event != "displayed"; e = v.next() {
		require.Equal(t, "results", e.event)
	}
}

func TestResultsNeverGoBack(t *testing.T) {
	r := newRoom(t)
	r.vote()
	r.vote()
	v := view(t, r.hub(), r.id)
	require.Equal(t, "displayed", v.next().event)
	require.Equal(t, "1.3", v.next().id)
	// an answer that was overtaken
	r.change(func() { r.states[0].Revision, r.states[0].Voters = 2, 1 })
	_, before := r.reads()
	r.announce(bus.Change{Part: r.polls[0].ID, Version: 1})
	require.Eventually(t, func() bool { _, now := r.reads(); return now > before }, 10*time.Second,
		time.Millisecond)
	r.change(func() { r.states[0].Revision, r.states[0].Voters = 4, 3 })
	require.Equal(t, "1.4", v.next().id)
}

func TestWhoWasAwayNeverSeesLessThanBefore(t *testing.T) {
	r := newRoom(t)
	h := r.hub()
	require.NoError(t, h.await(t.Context(), r.id, eventID{}))
	r.vote()
	r.show(1) // neither is announced, but another replica has shown it
	require.NoError(t, h.await(t.Context(), r.id, eventID{2, 1}))
	require.Equal(t, "2.0", view(t, h, r.id).next().id)
	r.vote()
	require.NoError(t, h.await(t.Context(), r.id, eventID{2, 2}))
	v := view(t, h, r.id)
	require.Equal(t, "2.0", v.next().id)
	require.Equal(t, r.polls[0].ID, v.next().tallies(t).PollID, "the poll that left")
	require.Equal(t, "2.2", v.next().id)
	require.NoError(t, h.await(t.Context(), r.id, eventID{99, 99}),
		"an id that we never gave holds up nobody")

	r.change(func() { r.err = fault.Errorf(fault.Unavailable, "away") })
	require.NoError(t, h.await(t.Context(), r.id, eventID{2, 2}), "what is known needs no database")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.Equal(t, fault.Unavailable, fault.CodeOf(h.await(ctx, r.id, eventID{2, 3})))
	r.change(func() { r.err = nil })
	require.NoError(t, h.await(t.Context(), r.id, eventID{2, 3}))
}

func TestAPresentationThatIsNotThereHasNoTopic(t *testing.T) {
	r := newRoom(t)
	h := r.hub()
	require.Equal(t, fault.NotFound, fault.CodeOf(h.await(t.Context(), uuid.New(), eventID{})))
	require.Equal(t, event{}, view(t, h, uuid.New()).next())
}

func TestEventIDs(t *testing.T) {
	require.Equal(t, eventID{12, 345}, parseEventID("12.345"))
	require.Equal(t, "12.345", eventID{12, 345}.String())
	require.True(t, eventID{2, 0}.after(eventID{1, 9}))
	require.True(t, eventID{2, 1}.after(eventID{2, 0}))
	require.False(t, eventID{2, 1}.after(eventID{2, 1}))
	for _, s := range []string{"", ".", "1", "1.", ".1", "-1.2", "1.-2", "+1.2", "01.2", "1.2.3",
		"1.2 ", "a.b", "9223372036854775808.1",
		"\x00", "١.١", strings.Repeat("9", 9999), "1.2\n"} {
		require.Equal(t, eventID{}, parseEventID(s), s)
	}
}

// serving starts a server over the room.
func (r *room) serving(most int) (*whole, *server.Listener, func()) {
	cache := stage.NewCache(r, time.Now)
	s := newTestServer()
	s.Start(Services{Store: r, Cache: cache, Bus: r.bus})
	ln := server.NewListener(listen(r.t), most, 0, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	return s, ln, sync.OnceFunc(func() {
		require.NoError(r.t, ln.Close())
		require.NoError(r.t, s.Shutdown(r.t.Context()))
		require.NoError(r.t, <-served)
		s.Close()
		lifetest.Stop(r.t, cache)
	})
}

// ask sends a request for the stream and reads the answer's head.
func (r *room) ask(ln net.Listener, method string, id uuid.UUID,
	header string) (*http.Response, *viewer) {
	conn := dial(r.t, ln)
	conn.send(method + " " + web.Base + "/presentations/" + id.String() +
		"/events HTTP/1.1\r\nHost: x\r\n" + header + "\r\n")
	reader := bufio.NewReader(conn)
	res, err := http.ReadResponse(reader, &http.Request{Method: method})
	require.NoError(r.t, err)
	return res, &viewer{r.t, conn, bufio.NewReader(res.Body)}
}

// enter opens a stream and reads what there is.
func (r *room) enter(ln net.Listener) *viewer {
	_, v := r.ask(ln, "GET", r.id, "")
	require.Equal(r.t, "displayed", v.next().event)
	require.Equal(r.t, "results", v.next().event)
	return v
}

func TestTheStreamOverHTTP(t *testing.T) {
	r := newRoom(t)
	s, ln, stop := r.serving(99)
	defer stop()
	res, v := r.ask(ln, "GET", r.id, "Last-Event-ID: what?\r\nX-Request-Id: mine\r\n")
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	require.Equal(t, "no", res.Header.Get("X-Accel-Buffering"))
	require.Equal(t, "mine", res.Header.Get("X-Request-Id"))
	require.EqualValues(t, -1, res.ContentLength)
	line, err := v.ReadString('\n')
	require.NoError(t, err)
	require.Regexp(t, `^retry: 1\d\d\d\n$`, line)
	require.Equal(t, "displayed", v.next().event)
	require.Equal(t, "results", v.next().event)

	head, _ := r.ask(ln, "HEAD", r.id, "")
	require.Equal(t, 200, head.StatusCode)
	require.Equal(t, "text/event-stream", head.Header.Get("Content-Type"))
	require.NoError(t, v.conn.Close())
	require.Eventually(t,
		func() bool {
			open, _, _ := s.Streams()
			return open == 0 &&
				ln.Open() == 0
		}, 10*time.Second, time.Millisecond,
		"a stream counts as a connection, and no longer than it lives")

	res, _ = r.ask(ln, "GET", uuid.New(), "")
	require.Equal(t, 404, res.StatusCode)
	require.Equal(t, "application/problem+json", res.Header.Get("Content-Type"))
}

func TestStreamsLeaveConnectionsForVotes(t *testing.T) {
	r := newRoom(t)
	s, ln, stop := r.serving(5)
	defer stop()
	for i := range 4 {
		res, _ := r.ask(ln, "GET", r.id, "")
		require.Equal(t, 200, res.StatusCode)
		require.Eventually(t, func() bool { open, _, _ := s.Streams(); return open == int64(i+1) },
			10*time.Second, time.Millisecond)
	}
	res, _ := r.ask(ln, "GET", r.id, "")
	require.Equal(t, 503, res.StatusCode, "said, where it would otherwise wait in the dark")
	require.NotEmpty(t, res.Header.Get("Retry-After"))
}

func TestAStreamTakesLittleMemory(t *testing.T) {
	const streams, kilobytes = 200, 20 // without the race detector it is some 10
	r := newRoom(t)
	s, ln, stop := r.serving(2 * streams)
	defer stop()
	used := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	request := "GET " + web.Base + "/presentations/" + r.id.String() +
		"/events HTTP/1.1\r\nHost: x\r\n\r\n"
	dial(t, ln).send(request)
	before := used()
	for range streams {
		dial(t, ln).send(request)
	}
	require.Eventually(t, func() bool { open, _, _ := s.Streams(); return open == streams+1 },
		10*time.Second, time.Millisecond)
	each := int64(used()-before) / streams
	t.Logf("%d bytes a stream, its client included", each)
	require.Less(t, each, int64(kilobytes<<10))
}

func TestAServerThatStopsEndsItsStreamsAtOnce(t *testing.T) {
	r := newRoom(t)
	s, ln, stop := r.serving(99)
	var viewers []*viewer
	for range 20 {
		_, v := r.ask(ln, "GET", r.id, "")
		require.Equal(t, "displayed", v.next().event)
		viewers = append(viewers, v)
	}
	begun := time.Now()
	stop()
	require.Less(t, time.Since(begun), 5*time.Second)
	for _, v := range viewers {
		_, err := io.Copy(io.Discard, v)
		require.NoError(t, err, "the end of a stream is no fault")
	}
	open, _, cut := s.Streams()
	require.Zero(t, open)
	require.Zero(t, cut)
}
