package httpapi

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
)

func TestATopicIsLookedAtEverMoreRarelyUntilItHearsOfAnything(t *testing.T) {
	const s = time.Second
	begun := time.Now()
	after := func(q quiet) time.Duration { return q.at.Sub(begun) }
	var q quiet
	q.heard(begun)
	for _, want := range []time.Duration{1 * s, 3 * s, 7 * s, 15 * s, 30 * s, 45 * s} {
		require.Equal(t, want, after(q))
		q.looked(q.at, false)
	}
	q.heard(begun.Add(50 * s))
	require.Equal(t, 51*s, after(q), "at once, and not when its time has come")
	for at := 50 * s; at < 60*s; at += s / 10 { // it hears of votes all the time
		if q.heard(begun.Add(at)); after(q) <= at {
			q.looked(begun.Add(at), false)
		}
		require.LessOrEqual(t, after(q), at+2*s)
	}
	q.looked(begun.Add(70*s), true)
	require.Equal(t, 71*s, after(q), "what a look finds is news")
}

func TestATopicReadsWhatItMissedAndNothingElse(t *testing.T) {
	id, shown, left := uuid.New(), uuid.New(), uuid.New()
	now := time.Now()
	knows := &state{
		stand: 3, id: eventID{version: 3, revision: 7}, shown: shown,
		followed: []followed{{left, 5, poll.Final}, {shown, 7, poll.Open}},
	}
	newest := func(version, ofLeft, ofShown int64) poll.Newest {
		return poll.Newest{Versions: map[uuid.UUID]int64{id: version}, Revisions: map[uuid.UUID]int64{left: ofLeft, shown: ofShown}}
	}
	for what, c := range map[string]struct {
		newest poll.Newest
		want   want
	}{
		"nothing":                      {newest(3, 5, 7), want{}},
		"it was quicker than the look": {newest(2, 4, 6), want{}},
		"a transition":                 {newest(4, 5, 7), want{since: now}},
		"votes":                        {newest(3, 5, 8), want{since: now, tallies: true}},
		"an edit of what is final":     {newest(3, 6, 7), want{others: true, finals: true}},
		"all of that":                  {newest(4, 6, 8), want{since: now, tallies: true, others: true, finals: true}},
		"the presentation was deleted": {poll.Newest{}, want{since: now, tallies: true, others: true, finals: true}},
		"a poll that left was deleted": {poll.Newest{Versions: map[uuid.UUID]int64{id: 3}, Revisions: map[uuid.UUID]int64{shown: 7}},
			want{others: true, finals: true}},
	} {
		require.Equal(t, c.want, knows.missed(id, c.newest, now), what)
	}
	require.Equal(t, want{}, (&state{stand: 1, id: eventID{version: 1}}).missed(id, newest(1, 0, 0), now), "an empty slide")
	require.False(t, knows.closing())
	knows.followed[0].status = poll.Closing
	require.True(t, knows.closing())
}

func TestRoomsInWhichNothingHappensAreReadTogetherAndRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rooms, minutes = 510, 4 // with the polls of their slides more ids than one statement takes
		store := building{}
		bus := newRoom(t).bus
		for range rooms {
			r := newRoom(t)
			r.bus = bus
			store[r.id] = r
		}
		h, closeHub := store.hub(t, bus)
		defer closeHub()
		var someone *room
		for _, r := range store {
			view(t, h, r.id).attentive()
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
		require.LessOrEqual(t, perMinute, 2.0*60/quietMost.Seconds()+1, "two statements each quietMost")

		someone.vote() // and nobody says so
		time.Sleep(quietMost + lookEvery)
		synctest.Wait()
		_, talliesNow, _ := store.reads()
		require.Equal(t, talliesThen+1, talliesNow)
		h.mu.Lock()
		require.Equal(t, eventID{1, 2}, h.topics[someone.id].state.Load().id)
		h.mu.Unlock()
	})
}

func TestAQuietRoomHearsAtOnceAndMissesNothingForLong(t *testing.T) {
	inBubble(t, func(t *testing.T, r *room, h *hub) {
		v := view(t, h, r.id).attentive()
		v.until(isResults)
		time.Sleep(5 * time.Minute)

		r.show(1)
		begun := time.Now()
		r.announce(poll.Change{Version: 2})
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
		require.NoError(t, r.bus.Announce(t.Context(), poll.Change{}), "anything may have changed")
		require.EqualValues(t, 3, v.until(isDisplayed).shown(t).Version)
		require.LessOrEqual(t, time.Since(begun), lookEvery)

		time.Sleep(5 * time.Minute)
		r.change(func() { r.states[1].Status, r.states[1].Revision = poll.Final, r.states[1].Revision+1 })
		begun = time.Now()
		v.until(func(e event) bool { return isResults(e) && e.tallies(t).Status == poll.Final })
		require.LessOrEqual(t, time.Since(begun), quietLeast+lookEvery, "a poll that closes is waited for")

		time.Sleep(5 * time.Minute)
		r.change(func() { r.id[0]++ })
		require.Equal(t, event{}, v.until(func(event) bool { return false }), "its stream ends when the presentation is deleted")
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
		r.change(func() { r.err = poll.Errorf(poll.Unavailable, "away") })
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

func TestATopicThatNobodyViewsIsForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T, r *room, h *hub) {
		v := view(t, h, r.id).patient()
		v.next()
		v.next()
		time.Sleep(5 * time.Minute)
		require.NoError(t, v.conn.Close())
		time.Sleep(lingerTime)
		synctest.Wait()
		h.mu.Lock()
		require.Empty(t, h.topics)
		h.mu.Unlock()
		require.Zero(t, h.wanted.Load())
		require.Zero(t, h.wantedBytes.Load())
	})
}
