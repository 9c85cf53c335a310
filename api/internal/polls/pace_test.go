package polls

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/poll"
)

// building is a store of several rooms.
type building struct {
	poll.Store
	rooms map[uuid.UUID]*room
}

func (b building) Display(ctx context.Context, id uuid.UUID) (poll.Display, error) {
	return b.rooms[id].Display(ctx, id)
}

func (b building) Results(ctx context.Context, id, pollID uuid.UUID) (poll.Results, error) {
	return b.rooms[id].Results(ctx, id, pollID)
}

func (b building) Newest(
	ctx context.Context, presentations, polls []uuid.UUID,
) (poll.Newest, error) {
	all, err := poll.NewNewest(presentations, polls)
	for _, r := range b.rooms {
		n, roomErr := r.Newest(ctx, presentations, polls)
		maps.Copy(all.Versions, n.Versions)
		maps.Copy(all.Revisions, n.Revisions)
		err = errors.Join(err, roomErr)
	}
	return all, err
}

func (b building) Present(context.Context, uuid.UUID, map[uuid.UUID]poll.Presence,
	time.Duration) error {
	return nil
}

func (b building) Audiences(context.Context, []uuid.UUID,
	time.Duration) (map[uuid.UUID]poll.Audience, error) {
	return nil, nil
}

// hub makes a hub over all of them.
func (b building) hub(t *testing.T, all bus.Bus) (h *hub, end func()) {
	return newHub(t.Context(), b, all)
}

// reads is how often any of them was read. A look at several is one at each.
func (b building) reads() (slides, tallies, looks int) {
	for _, r := range b.rooms {
		r.change(func() {
			slides, tallies, looks = slides+r.slides, tallies+r.tallies,
				max(looks, r.looks)
		})
	}
	return slides, tallies, looks
}

// audience counts what viewers get.
type audience struct {
	mu    sync.Mutex
	seats [][]time.Time // of results, by viewer
	shown []time.Time   // of what is displayed
}

// listen lets a viewer read until its stream ends.
func (l *audience) listen(v *viewer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seat := len(l.seats)
	l.seats = append(l.seats, nil)
	go func() {
		for e := v.next(); e != (event{}); e = v.next() {
			l.mu.Lock()
			switch e.event {
			case "results":
				l.seats[seat] = append(l.seats[seat], time.Now())
			case "displayed":
				l.shown = append(l.shown, time.Now())
			}
			l.mu.Unlock()
		}
	}()
}

// forget begins anew.
func (l *audience) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seats, l.shown = make([][]time.Time, len(l.seats)), nil
}

func TestALargeRoomIsSentResultsEvenlyAndSlowsDownNeitherItsPresenterNorASmallRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const crowd, lasts, pace, moment = 1500, 3 * time.Second, 500 * time.Millisecond,
			10 * time.Millisecond
		large, small := newRoom(t), newRoom(t)
		small.bus = large.bus
		store := building{rooms: map[uuid.UUID]*room{large.id: large, small.id: small}}
		h, closeHub := store.hub(t, large.bus)
		many, few, presenter := &audience{}, &audience{}, &audience{}
		for range crowd {
			many.listen(view(t, h, large.id))
		}
		for range 3 {
			few.listen(view(t, h, small.id))
		}
		presenter.listen(viewAs(t, h, large.id, true))
		voting := func() {
			for begun := time.Now(); time.Since(begun) < lasts; time.Sleep(moment) {
				for _, r := range store.rooms {
					r.vote()
					r.announce(bus.Change{Part: r.polls[0].ID, Version: 1})
				}
			}
		}
		voting() // until everybody is there
		for _, l := range []*audience{many, few, presenter} {
			l.forget()
		}
		voting()
		synctest.Wait()

		for _, l := range []*audience{few, presenter} {
			for _, times := range l.seats {
				require.InDelta(t, int(lasts/live.Pace), len(times), 3)
			}
		}
		moments := map[time.Time]int{}
		for _, times := range many.seats {
			require.InDelta(t, int(lasts/pace), len(times), 1)
			for _, at := range times {
				moments[at.Truncate(moment)]++
			}
		}
		for _, n := range moments {
			require.Less(t, n, 4*int(crowd*moment/pace), "that many at once are a burst")
		}

		many.forget()
		time.Sleep(time.Nanosecond) // a read of this very instant would count as new enough
		large.show(1)
		moved := time.Now()
		large.announce(bus.Change{Version: 2})
		time.Sleep(moment)
		synctest.Wait()
		require.Len(t, many.shown, crowd)
		for _, at := range many.shown {
			require.Equal(t, moved, at, "what is displayed waits for nothing")
		}
		closeHub()
	})
}
