package polls

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/poll"
)

// edit changes a poll as an edit does, and announces it.
func (r *room) edit(index int, change func(*poll.Poll, *poll.State)) {
	r.change(func() {
		q := r.polls[index] // whoever read the old one keeps it
		change(&q, &r.states[index])
		r.states[index].Revision++
		r.polls = append([]poll.Poll(nil), r.polls...)
		r.polls[index] = q
	})
	r.announce(bus.Change{})
	r.announce(bus.Change{Part: r.polls[index].ID})
}

// until reads on to an event that is as wanted.
func (v *viewer) until(want func(event) bool) event {
	for {
		if e := v.next(); e == (event{}) || want(e) {
			return e
		}
	}
}

func isResults(e event) bool { return e.event == "results" }

func isDisplayed(e event) bool { return e.event == "displayed" }

func TestWhatIsHiddenIsForThePresenterOnly(t *testing.T) {
	r := newRoom(t)
	r.change(func() { r.polls[0].Visibility = poll.After })
	r.vote()
	h := r.hub()
	presenter, other := viewAs(t, h, r.id, true), view(t, h, r.id)
	shown := presenter.next()
	require.Equal(t, shown, other.next())
	require.Equal(t, poll.After, shown.shown(t).Poll.Visibility)
	all, room := presenter.next(), other.next()
	require.Equal(t, all.id, room.id)
	require.Equal(t, []wireTally{{"A", 1}, {"B", 0}}, all.tallies(t).Options)
	require.Equal(t, wireResults[wireTally]{
		PollID: r.polls[0].ID, Status: poll.Open, Version: 1, Revision: 2, Total: 1,
		Identity: access.ByClient, Options: []wireTally{}, Hidden: true}, room.tallies(t))
	require.NotContains(t, all.data, "hidden")

	r.show(-1)
	r.announce(bus.Change{Version: 2})
	all, room = presenter.until(isResults), other.until(isResults)
	require.Equal(t, all, room, "it is after, now")
	require.Equal(t, []wireTally{{"A", 1}, {"B", 0}}, all.tallies(t).Options)

	r.edit(0, func(q *poll.Poll, _ *poll.State) { q.Visibility = poll.PresenterOnly })
	require.Equal(t, []wireTally{{"A", 1}, {"B", 0}}, presenter.until(isResults).tallies(t).Options)
	require.True(t, other.until(isResults).tallies(t).Hidden)
}

func TestRatingsThatAreHiddenHaveNoMean(t *testing.T) {
	r := newRoom(t)
	r.change(func() { r.polls[1].Visibility = poll.PresenterOnly })
	r.show(1)
	r.vote()
	e := view(t, r.hub(), r.id).until(isResults)
	require.Nil(t, e.tallies(t).Mean)
	require.NotContains(t, e.data, "median")
	require.EqualValues(t, 1, e.tallies(t).Total)
}

func TestAFinalPollThatIsHiddenLaterIsHiddenFromThoseWhoComeThen(t *testing.T) {
	r := newRoom(t)
	r.vote()
	h := r.hub()
	v := view(t, h, r.id)
	require.Equal(t, "displayed", v.next().event)
	v.next()
	r.show(-1)
	r.change(func() { r.states[0].Status = poll.Final; r.states[0].Revision++ })
	r.announce(bus.Change{Version: 2})
	require.Equal(t, poll.Final, v.until(isResults).tallies(t).Status)
	r.edit(0, func(q *poll.Poll, _ *poll.State) { q.Visibility = poll.PresenterOnly })
	require.True(t, v.until(isResults).tallies(t).Hidden)
	late := view(t, h, r.id)
	require.True(t, late.until(isResults).tallies(t).Hidden)
}

func TestAClosedPollStaysInView(t *testing.T) {
	r := newRoom(t)
	r.vote()
	v := view(t, r.hub(), r.id)
	require.Equal(t, "open", v.next().shown(t).Voting)
	v.next()
	r.change(func() {
		r.slide.Version++
		r.slide.Closed = true
		r.states[0].Leave()
	})
	r.announce(bus.Change{Version: 2})
	e := v.next()
	require.Equal(t, "closed", e.shown(t).Voting)
	require.Equal(t, r.polls[0].ID, e.shown(t).Poll.PollID)
	require.Equal(t, "2.0", e.id)
	e = v.next()
	require.Equal(t, poll.Closing, e.tallies(t).Status)
	require.EqualValues(t, 1, e.tallies(t).Version, "the version that ended")
	require.Equal(t, "2.3", e.id)
	r.change(func() { r.states[0].Status = poll.Final; r.states[0].Revision++ })
	require.Equal(t, poll.Final, v.next().tallies(t).Status)

	r.edit(0, func(_ *poll.Poll, s *poll.State) { s.Forget() })
	e = v.next()
	require.Equal(t, poll.Pending, e.tallies(t).Status)
	require.Zero(t, e.tallies(t).Total, "a reset poll is empty at once")
	r.change(func() {
		r.slide.Version++
		r.slide.Closed = false
		r.states[0].Show(3)
	})
	r.announce(bus.Change{Version: 3})
	require.Equal(t, "open", v.next().shown(t).Voting)
	require.Equal(t, poll.Open, v.next().tallies(t).Status)
}

func TestAnEditOfWhatIsDisplayedIsSeenUnderTheSameVersion(t *testing.T) {
	r := newRoom(t)
	v := view(t, r.hub(), r.id)
	require.Equal(t, poll.Live, v.next().shown(t).Poll.Visibility)
	v.next()
	r.edit(0, func(q *poll.Poll, _ *poll.State) { q.Visibility = poll.PresenterOnly })
	e := v.until(isDisplayed)
	require.Equal(t, poll.PresenterOnly, e.shown(t).Poll.Visibility)
	require.True(t, strings.HasPrefix(e.id, "1."))
	require.EqualValues(t, 1, e.shown(t).Version)

	// and nobody else hears of that
	r.edit(0, func(q *poll.Poll, _ *poll.State) { q.Banned = []string{"secret"} })
	r.vote()
	e = v.until(func(e event) bool {
		return isDisplayed(e) ||
			strings.Contains(e.data, `"total":1`)
	})
	require.Equal(t, "results", e.event)
	require.NotContains(t, e.data, "secret")
}

func TestADeletedPollIsNotReadOnAndADeletedPresentationEndsItsStreams(t *testing.T) {
	r := newRoom(t)
	h := r.hub()
	v := view(t, h, r.id)
	require.Equal(t, "displayed", v.next().event)
	v.next()
	r.show(1)
	r.announce(bus.Change{Version: 2})
	v.until(func(e event) bool { return isResults(e) && e.tallies(t).Status == poll.Closing })
	r.change(func() { r.polls, r.states, r.slide.Index = r.polls[1:], r.states[1:], 0 })
	r.announce(bus.Change{})
	r.vote()
	r.announce(bus.Change{Part: r.polls[0].ID})
	v.until(func(e event) bool { return isResults(e) && e.tallies(t).Total == 1 })
	late := view(t, h, r.id)
	require.Equal(t, r.polls[0].ID, late.next().shown(t).Poll.PollID)
	require.Equal(t, r.polls[0].ID, late.next().tallies(t).PollID)
	r.vote()
	r.announce(bus.Change{Part: r.polls[0].ID})
	require.EqualValues(t, 2, late.next().tallies(t).Total,
		"nothing of the deleted poll comes before")

	r.change(func() { r.id[0]++ })
	require.NoError(t, r.bus.Announce(t.Context(), bus.Change{Thing: r.polls[0].PresentationID}))
	require.Equal(t, event{}, v.until(func(event) bool { return false }), "the streams have ended")
	require.Equal(t, event{}, late.until(func(event) bool { return false }))
}
