package polls

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
)

// What live promises where an announcement is lost.
const (
	lookEvery  = 250 * time.Millisecond
	quietLeast = time.Second
	quietMost  = 15 * time.Second
)

func TestATopicReadsWhatItMissedAndNothingElse(t *testing.T) {
	id, shown, left := uuid.New(), uuid.New(), uuid.New()
	now := time.Now()
	knows := &known{
		presentation: id, stand: 3, id: eventID{version: 3,
			revision: 7}, shown: shown, keys: &streamKeys{},
		followed: []followed{{left, 5, poll.Final}, {shown, 7, poll.Open}},
	}
	newest := func(version, ofLeft, ofShown int64) poll.Newest {
		return poll.Newest{Versions: map[uuid.UUID]int64{id: version},
			Revisions: map[uuid.UUID]int64{left: ofLeft, shown: ofShown}}
	}
	for what, c := range map[string]struct {
		newest poll.Newest
		want   live.Want
	}{
		"nothing":                      {newest(3, 5, 7), live.Want{}},
		"it was quicker than the look": {newest(2, 4, 6), live.Want{}},
		"a transition":                 {newest(4, 5, 7), live.Want{Since: now}},
		"votes":                        {newest(3, 5, 8), live.Want{Since: now, Depth: live.Main}},
		"an edit of what is final":     {newest(3, 6, 7), live.Want{Depth: live.All}},
		"all of that":                  {newest(4, 6, 8), live.Want{Since: now, Depth: live.All}},
		"the presentation was deleted": {poll.Newest{}, live.Want{Since: now, Depth: live.All}},
		"a poll that left was deleted": {poll.Newest{Versions: map[uuid.UUID]int64{id: 3},
			Revisions: map[uuid.UUID]int64{shown: 7}},
			live.Want{Depth: live.All}},
	} {
		require.Equal(t, c.want, knows.missed(c.newest, now), what)
	}
	require.Equal(t, live.Want{},
		(&known{presentation: id, stand: 1, id: eventID{version: 1}}).missed(newest(1, 0, 0),
			now), "an empty slide")
	require.False(t, knows.Soon())
	knows.followed[0].status = poll.Closing
	require.True(t, knows.Soon())
}

func TestRoomsInWhichNothingHappensAreReadTogetherAndRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// with the polls of their slides more ids than one statement takes
		const rooms, minutes = 510, 4
		store := building{rooms: map[uuid.UUID]*room{}}
		bus := newRoom(t).bus
		for range rooms {
			r := newRoom(t)
			r.bus = bus
			store.rooms[r.id] = r
		}
		h, closeHub := store.hub(t, bus)
		defer closeHub()
		viewers := map[uuid.UUID]attentive{}
		var someone *room
		for _, r := range store.rooms {
			viewers[r.id] = view(t, h, r.id).attentive()
			someone = r
		}
		time.Sleep(time.Minute)
		slides, tallies, looks := store.reads()
		time.Sleep(minutes * time.Minute)
		slidesThen, talliesThen, looksThen := store.reads()
		require.Equal(t, slides, slidesThen, "no slide was read")
		require.Equal(t, tallies, talliesThen, "nor any results")
		perMinute := float64(looksThen-looks) / minutes
		t.Logf("%d rooms: %.1f looks a minute", rooms, perMinute)
		require.LessOrEqual(t, perMinute, 2.0*60/quietMost.Seconds()+1,
			"two statements each quietMost")

		someone.vote() // and nobody says so
		time.Sleep(quietMost + lookEvery)
		synctest.Wait()
		_, talliesNow, _ := store.reads()
		require.Equal(t, talliesThen+1, talliesNow)
		viewers[someone.id].until(func(e event) bool { return e.id == eventID{1, 2}.String() })
	})
}

func TestAQuietRoomHearsAtOnceAndMissesNothingForLong(t *testing.T) {
	inBubble(t, func(t *testing.T, r *room, h *hub) {
		v := view(t, h, r.id).attentive()
		v.until(isResults)
		time.Sleep(5 * time.Minute)

		r.show(1)
		begun := time.Now()
		r.announce(bus.Change{Version: 2})
		require.EqualValues(t, 2, v.until(isDisplayed).shown(t).Version)
		require.Zero(t, time.Since(begun), "the bus wakes it")
		v.until(isResults)
		v.until(isResults)

		time.Sleep(5 * time.Minute)
		r.vote() // unheard of
		begun = time.Now()
		require.EqualValues(t, 1, v.until(isResults).tallies(t).Total)
		require.LessOrEqual(t, time.Since(begun), quietMost+lookEvery)
		begun = time.Now()
		r.vote()
		require.EqualValues(t, 2, v.until(isResults).tallies(t).Total)
		require.LessOrEqual(t, time.Since(begun), quietLeast+lookEvery, "there was news lately")

		time.Sleep(5 * time.Minute)
		r.show(0)
		r.change(func() { r.states[1].Status = poll.Closing })
		begun = time.Now()
		require.NoError(t, r.bus.Announce(t.Context(), bus.Change{}), "anything may have changed")
		require.EqualValues(t, 3, v.until(isDisplayed).shown(t).Version)
		require.LessOrEqual(t, time.Since(begun), lookEvery)

		time.Sleep(5 * time.Minute)
		r.change(func() {
			r.states[1].Status, r.states[1].Revision = poll.Final,
				r.states[1].Revision+1
		})
		begun = time.Now()
		v.until(func(e event) bool { return isResults(e) && e.tallies(t).Status == poll.Final })
		require.LessOrEqual(t, time.Since(begun), quietLeast+lookEvery,
			"a poll that closes is waited for")

		time.Sleep(5 * time.Minute)
		r.change(func() { r.id[0]++ })
		require.Equal(t, event{}, v.until(func(event) bool { return false }),
			"its stream ends when the presentation is deleted")
	})
}

func TestWhoComesToAQuietRoomSoonSeesWhatItMissed(t *testing.T) {
	inBubble(t, func(t *testing.T, r *room, h *hub) {
		first := view(t, h, r.id).attentive()
		first.until(isResults)
		time.Sleep(5 * time.Minute)
		r.show(1) // unheard of
		begun := time.Now()
		late := view(t, h, r.id).attentive()
		late.until(func(e event) bool { return isDisplayed(e) && e.shown(t).Version == 2 })
		require.LessOrEqual(t, time.Since(begun), quietLeast+lookEvery)
		first.until(func(e event) bool { return isDisplayed(e) && e.shown(t).Version == 2 })
	})
}

func TestWhileTheDatabaseIsAwayRoomsAskTogether(t *testing.T) {
	inBubble(t, func(t *testing.T, r *room, h *hub) {
		v := view(t, h, r.id).attentive()
		v.until(isResults)
		r.change(func() { r.err = fault.Errorf(fault.Unavailable, "away") })
		time.Sleep(time.Minute)
		slides, tallies := r.reads()
		time.Sleep(time.Minute)
		slidesThen, talliesThen := r.reads()
		require.Equal(t, [2]int{slides, tallies}, [2]int{slidesThen, talliesThen})
		r.change(func() { r.err = nil })
		r.vote()
		begun := time.Now()
		require.EqualValues(t, 1, v.until(isResults).tallies(t).Total)
		require.LessOrEqual(t, time.Since(begun), lookEvery)
	})
}
