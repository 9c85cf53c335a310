package poll_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
)

func ids(n int) (out []uuid.UUID) {
	for i := range n {
		out = append(out, uuid.UUID{15: byte(i + 1)})
	}
	return out
}

func TestMovesOfThePresenter(t *testing.T) {
	three := ids(3)
	start := poll.Slide{Index: -1}
	first := poll.Slide{Version: 1, Index: 0, Displayed: true}
	second := poll.Slide{Version: 2, Index: 1, Displayed: true}
	last := poll.Slide{Version: 3, Index: 2, Displayed: true}
	blank := poll.Slide{Version: 3, Index: 1}
	closed := poll.Slide{Version: 3, Index: 1, Displayed: true, Closed: true}
	reopened := poll.Slide{Version: 4, Index: 1, Displayed: true}
	to := func(i int) poll.Move { return poll.Move{To: poll.ToPoll, PollID: three[i]} }
	for name, c := range map[string]struct {
		from poll.Slide
		move poll.Move
		want poll.Transition
		err  fault.Code
	}{
		"next displays the first": {from: start, move: poll.Move{},
			want: poll.Transition{Changed: true, Slide: first, Left: -1, Shown: 0}},
		"next leaves the present one": {from: first, move: poll.Move{},
			want: poll.Transition{Changed: true, Slide: second, Left: 0, Ended: 1, Shown: 1}},
		"next after the last": {from: last, move: poll.Move{}, err: poll.OutOfPolls},
		"previous before the first": {from: first, move: poll.Move{To: poll.ToPrevious},
			err: poll.OutOfPolls},
		"previous at the start": {from: start, move: poll.Move{To: poll.ToPrevious},
			err: poll.OutOfPolls},
		"a poll that is displayed stays": {from: second, move: to(1),
			want: poll.Transition{Slide: second, Left: -1, Shown: 1}},
		"a poll that is not ours": {from: second,
			move: poll.Move{To: poll.ToPoll, PollID: uuid.UUID{1}}, err: fault.NotFound},
		"nothing empties the slide": {from: second, move: poll.Move{To: poll.ToNothing},
			want: poll.Transition{Changed: true, Slide: blank, Left: 1, Ended: 2, Shown: -1}},
		"nothing on an empty slide": {from: blank, move: poll.Move{To: poll.ToNothing},
			want: poll.Transition{Slide: blank, Left: -1, Shown: -1}},
		"next after an empty slide": {from: blank, move: poll.Move{},
			want: poll.Transition{Changed: true,
				Slide: poll.Slide{Version: 4, Index: 2, Displayed: true}, Left: -1, Shown: 2}},
		"previous after an empty slide": {from: blank, move: poll.Move{To: poll.ToPrevious},
			want: poll.Transition{Changed: true,
				Slide: poll.Slide{Version: 4, Index: 1, Displayed: true}, Left: -1, Shown: 1}},
		"the same poll after an empty one": {from: blank, move: to(1),
			want: poll.Transition{Changed: true,
				Slide: poll.Slide{Version: 4, Index: 1, Displayed: true}, Left: -1, Shown: 1}},
		"a named poll, whatever is between": {from: first, move: to(2),
			want: poll.Transition{Changed: true,
				Slide: poll.Slide{Version: 2, Index: 2, Displayed: true}, Left: 0,
				Ended: 1, Shown: 2}},
		"closing keeps the poll displayed": {from: second, move: poll.Move{To: poll.ToClosed},
			want: poll.Transition{Changed: true, Slide: closed, Left: 1, Ended: 2, Shown: 1}},
		"closing what is closed": {from: closed, move: poll.Move{To: poll.ToClosed},
			want: poll.Transition{Slide: closed, Left: -1, Shown: 1}},
		"closing an empty slide": {from: blank, move: poll.Move{To: poll.ToClosed},
			err: poll.NotDisplayed},
		"opening what is closed": {from: closed, move: poll.Move{To: poll.ToOpen},
			want: poll.Transition{Changed: true, Slide: reopened, Left: -1, Shown: 1}},
		"opening what is open": {from: second, move: poll.Move{To: poll.ToOpen},
			want: poll.Transition{Slide: second, Left: -1, Shown: 1}},
		"opening an empty slide": {from: start, move: poll.Move{To: poll.ToOpen},
			err: poll.NotDisplayed},
		"naming a closed poll opens it": {from: closed, move: to(1),
			want: poll.Transition{Changed: true, Slide: reopened, Left: -1, Shown: 1}},
		"next after a closed one": {from: closed, move: poll.Move{},
			want: poll.Transition{Changed: true,
				Slide: poll.Slide{Version: 4, Index: 2, Displayed: true}, Left: -1, Shown: 2}},
		"nothing after a closed one": {from: closed, move: poll.Move{To: poll.ToNothing},
			want: poll.Transition{Changed: true, Slide: poll.Slide{Version: 4, Index: 1},
				Left: -1, Shown: -1}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.from.Decide(three, c.move, nil)
			require.Equal(t, c.err, fault.CodeOf(err))
			if c.err == (fault.Code{}) {
				require.NoError(t, err)
				require.Equal(t, c.want, got)
			}
			stale := c.from.Version + 1
			_, err = c.from.Decide(three, c.move, &stale)
			require.Equal(t, fault.Stale, fault.CodeOf(err),
				"whatever the move, another version is refused")
		})
	}
}

func TestTheVersionCountsTheTransitions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := ids(rapid.IntRange(1, 5).Draw(t, "polls"))
		slide := poll.Slide{Index: -1}
		for range rapid.IntRange(0, 30).Draw(t, "moves") {
			move := poll.Move{To: poll.Target(rapid.IntRange(0, 5).Draw(t, "to"))}
			if move.To == poll.ToPoll {
				move.PollID = rapid.SampledFrom(all).Draw(t, "poll")
			}
			got, err := slide.Decide(all, move, nil)
			if err != nil {
				continue
			}
			if got.Changed {
				require.Equal(t, slide.Version+1, got.Slide.Version)
				require.Equal(t, got.Slide.Closed, got.Left == got.Shown && got.Left >= 0,
					"a transition displays something else or closes what is displayed")
			} else {
				require.Equal(t, slide, got.Slide)
			}
			require.Equal(t, got.Slide.Displayed, got.Shown >= 0)
			var states []poll.PollState
			for _, id := range got.Polls(all) {
				states = append(states, poll.PollState{PollID: id})
			}
			var seal *poll.Seal
			if got.Changed {
				seal = got.Apply(all, states)
			}
			require.False(t, got.Slide.Closed && !got.Slide.Displayed)
			if got.Left >= 0 {
				require.False(t, slide.Closed, "voting ends once")
				require.Equal(t, &poll.Seal{PollID: all[got.Left], Version: slide.Version}, seal,
					"what ends is the version that displayed the poll")
				require.Equal(t, poll.Closing, states[0].Status)
			} else {
				require.Nil(t, seal)
			}
			if got.Changed && got.Shown >= 0 && !got.Slide.Closed {
				shown := states[len(states)-1]
				require.Equal(t, poll.PollState{PollID: all[got.Shown],
					State: poll.State{Status: poll.Open, Opened: got.Slide.Version,
						Revision: 1}}, shown)
			}
			slide = got.Slide
		}
	})
}
