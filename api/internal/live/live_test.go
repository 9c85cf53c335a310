package live

import (
	"context"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
)

func TestAHubTellsWhatAnyFeatureSays(t *testing.T) {
	h := newHall(t)
	hub := h.hub(t)
	v, presenter := h.view(hub, false, false), h.view(hub, true, true)
	for _, v := range []*viewer{v, presenter} {
		require.Equal(t, `head "a title"`, v.next())
		require.Equal(t, `body "a body"`, v.next())
	}
	h.say(uuid.New(), func() { h.body, h.veiled = "a secret", true })
	require.Equal(t, `body "…"`, v.next())
	require.Equal(t, `body "a secret"`, presenter.next())
	h.say(uuid.Nil, func() { h.title = "another" })
	require.Equal(t, `head "another"`, v.next())
	err := hub.Await(t.Context(), h.name(), "2")
	require.NoError(t, err, "a client that knows more waits for one read")
	h.say(uuid.Nil, func() { h.gone = true })
	require.Empty(t, v.next())
	require.Equal(t, `head "another"`, presenter.next())
	require.Empty(t, presenter.next())
}

func TestLeasesAreDroppedBeforeATopicReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		hub := h.hub(t)
		v := h.view(hub, false, false)
		require.Equal(t, []string{`head "a title"`, `body "a body"`}, []string{v.next(), v.next()})
		synctest.Wait()
		h.change(func() { h.did = nil })
		h.say(uuid.Nil, func() { h.title = "another" })
		require.Equal(t, `head "another"`, v.next())
		synctest.Wait()
		inTurn := []string{"leases are dropped", "the head is read", "the body is read"}
		require.Equal(t, inTurn, h.noted())

		require.NoError(t, h.bus.Announce(t.Context(), bus.Change{Thing: uuid.New()}))
		synctest.Wait()
		require.Len(t, h.noted(), 4, "of what nobody views here, too")
		lifetest.Stop(t, hub)
	})
}

// TestLeasesAreDroppedUntilTheHubIsClosed has requests that are answered while streams have ended.
func TestLeasesAreDroppedUntilTheHubIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		ctx, end := context.WithCancel(t.Context())
		heard := 0
		first := func(bus.Change) { heard++ }
		hub := New(ctx, Config{Features: []Feature{h}, Bus: h.bus, First: first})
		require.NoError(t, hub.Start())
		end()
		h.say(uuid.Nil, func() {})
		synctest.Wait()
		require.Equal(t, 1, heard)
		require.Equal(t, errStopping, hub.Await(t.Context(), h.name(), ""))
		lifetest.Stop(t, hub)
		h.say(uuid.Nil, func() {})
		synctest.Wait()
		require.Equal(t, 1, heard)
	})
}

func TestATopicThatIsNotThereIsNotKept(t *testing.T) {
	h := newHall(t)
	hub := h.hub(t)
	err := hub.Await(t.Context(), Name{h, uuid.New()}, "")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	hub.mu.Lock()
	require.Empty(t, hub.topics)
	hub.mu.Unlock()
}

func TestATopicThatNobodyViewsIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t)
		hub := h.hub(t)
		v := h.view(hub, false, false)
		v.next()
		v.next()
		require.NotZero(t, hub.wanted.Load())
		time.Sleep(5 * time.Minute)
		require.NoError(t, v.Close())
		time.Sleep(lingerTime)
		synctest.Wait()
		hub.mu.Lock()
		require.Empty(t, hub.topics)
		hub.mu.Unlock()
		require.Zero(t, hub.wanted.Load())
		require.Zero(t, hub.wantedBytes.Load())
		lifetest.Stop(t, hub)
	})
}

func TestAViewerWhoReadsNothingIsCutOffAndHoldsUpNobody(t *testing.T) {
	h := newHall(t)
	hub := h.hub(t)
	hub.slowest = 20 * time.Millisecond
	h.view(hub, false, false) // reads nothing
	quick := h.view(hub, false, false)
	require.Equal(t, `head "a title"`, quick.next())
	require.Equal(t, `body "a body"`, quick.next())
	require.Eventually(t, func() bool {
		open, _, cut := hub.Streams()
		return cut == 1 && open == 1
	}, 10*time.Second, time.Millisecond)
	h.say(uuid.New(), func() { h.body = "more" })
	require.Equal(t, `body "more"`, quick.next())
}

// counted is data that notes when it is encoded.
type counted struct{ times *int }

func (c counted) Fit(int) Fitting { return c }

func (c counted) MarshalJSON() ([]byte, error) { *c.times++; return []byte("1"), nil }

func TestAnEventIsEncodedOnceForThoseWhoAreSentIt(t *testing.T) {
	var data, veiled int
	e := Event{Name: "body", Data: counted{&data}, Veiled: counted{&veiled}}
	f := newFrame(e, 1, time.Now(), nil, nil)
	require.Zero(t, data+veiled, "nobody wants it")
	first, second := f.to(false), f.to(false)
	require.Same(t, &first[0], &second[0])
	require.Equal(t, []int{0, 1}, []int{data, veiled})
	f.to(true)
	f.to(true)
	require.Equal(t, []int{1, 1}, []int{data, veiled})
	whole := newFrame(Event{Name: "body", Data: counted{&data}}, 1, time.Now(), nil, nil)
	whole.to(true)
	whole.to(false)
	require.Equal(t, 2, data, "where nothing is hidden they are the same bytes")
}

func TestMembershipsEndInTurn(t *testing.T) {
	var all memberships
	var left []int
	for i := range 3 {
		all.add(func() { left = append(left, i) })
	}
	all.leave()
	require.Equal(t, []int{2, 1, 0}, left)
}

func TestAViewersStreamLeavesNoGoroutine(t *testing.T) {
	h := newHall(t)
	hub := h.hub(t)
	before := runtime.NumGoroutine()
	for _, onStage := range []bool{false, true} {
		v := h.view(hub, onStage, onStage)
		require.NotEmpty(t, v.next())
		require.NoError(t, v.Close())
	}
	lifetest.Stop(t, hub)
	ended := func() bool { return runtime.NumGoroutine() <= before }
	require.Eventually(t, ended, 10*time.Second, time.Millisecond)
	ours, theirs := net.Pipe()
	hub.Watch(theirs, Viewer{Topic: h.name()}, nil)
	_, err := ours.Read(make([]byte, 1))
	require.EqualError(t, err, "EOF", "a hub that has ended takes nobody")
}
