package polltest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
)

func (s *suite) transitions(t *testing.T) {
	store := s.store(t)

	t.Run("the slide goes where the presenter says", func(t *testing.T) {
		p := created(t, store)
		statuses := func() (all []poll.Status) {
			_, states, err := store.Presentation(t.Context(), p.ID)
			require.NoError(t, err)
			for _, s := range states {
				all = append(all, s.Status)
			}
			return all
		}
		const pending, open, closing = poll.Pending, poll.Open, poll.Closing
		for i, step := range []struct {
			move    poll.Move
			version int64
			index   int
			shown   bool
			left    int // index of the poll that is to be sealed; -1: none
			states  []poll.Status
		}{
			{poll.Move{To: poll.ToNext}, 1, 0, true, -1, []poll.Status{open, pending, pending}},
			{poll.Move{To: poll.ToNext}, 2, 1, true, 0, []poll.Status{closing, open, pending}},
			{poll.Move{To: poll.ToPrevious}, 3, 0, true, 1, []poll.Status{open, closing, pending}},
			{poll.Move{To: poll.ToNothing}, 4, 0, false, 0,
				[]poll.Status{closing, closing, pending}},
			{poll.Move{To: poll.ToPrevious}, 5, 0, true, -1, []poll.Status{open, closing, pending}},
			{poll.Move{To: poll.ToPoll, PollID: p.Polls[2].ID}, 6, 2, true, 0,
				[]poll.Status{closing, closing, open}},
			{poll.Move{To: poll.ToNothing}, 7, 2, false, 2,
				[]poll.Status{closing, closing, closing}},
		} {
			before := step.version - 1
			turn, err := store.Transit(t.Context(), p.ID, step.move, &before)
			require.NoError(t, err, "step %d", i)
			require.True(t, turn.Changed, "step %d", i)
			require.Equal(t, poll.Slide{Version: step.version, Index: step.index,
				Displayed: step.shown}, turn.Slide, "step %d", i)
			if step.left < 0 {
				require.Nil(t, turn.Ended, "step %d", i)
			} else {
				require.Equal(t, &poll.Seal{PollID: p.Polls[step.left].ID, Version: before},
					turn.Ended, "step %d", i)
				r := results(t, store, p, step.left)
				require.Equal(t, before, r.Opened, "step %d", i)
			}
			if step.shown {
				require.Equal(t, &p.Polls[step.index], turn.Poll, "step %d", i)
				require.Equal(t, step.version,
					results(t, store, p, step.index).Opened, "step %d", i)
			} else {
				require.Nil(t, turn.Poll, "step %d", i)
			}
			display, err := store.Display(t.Context(), p.ID)
			require.NoError(t, err)
			display.Tokens, display.JoinCode = nil, "" // which a transition does not give
			require.Equal(t, turn.Display, display, "step %d", i)
			require.Equal(t, step.states, statuses(), "step %d", i)
		}
	})

	t.Run("closing ends voting and leaves the poll on the slide", func(t *testing.T) {
		p := created(t, store)
		_, err := store.Transit(t.Context(), p.ID, poll.Move{To: poll.ToClosed}, nil)
		requireKind(t, poll.NotDisplayed, err)
		first := show(t, store, p, 0)
		count(t, store, votes(vote(p, 0, first, "B")))
		for i, step := range []struct {
			move   poll.Target
			slide  poll.Slide
			ended  *poll.Seal
			status poll.Status
		}{
			{poll.ToClosed, poll.Slide{Version: first + 1, Displayed: true, Closed: true},
				&poll.Seal{PollID: p.Polls[0].ID, Version: first}, poll.Closing},
			{poll.ToOpen, poll.Slide{Version: first + 2, Displayed: true}, nil, poll.Open},
			{poll.ToClosed, poll.Slide{Version: first + 3, Displayed: true, Closed: true},
				&poll.Seal{PollID: p.Polls[0].ID, Version: first + 2}, poll.Closing},
		} {
			turn, err := store.Transit(t.Context(), p.ID, poll.Move{To: step.move}, nil)
			require.NoError(t, err)
			require.Equal(t, poll.Turn{
				Display: poll.Display{PresentationID: p.ID, Admission: p.Admission,
					Slide: step.slide, Poll: &p.Polls[0]}, Changed: true, Ended: step.ended,
			}, turn, "step %d", i)
			display, err := store.Display(t.Context(), p.ID)
			require.NoError(t, err)
			display.Tokens, display.JoinCode = nil, "" // which a transition does not give
			require.Equal(t, turn.Display, display, "step %d", i)
			read, _, err := store.Presentation(t.Context(), p.ID)
			require.NoError(t, err)
			require.Equal(t, step.slide, read.Slide, "step %d", i)
			require.Equal(t, step.status, results(t, store, p, 0).Status, "step %d", i)
			again, err := store.Transit(t.Context(), p.ID, poll.Move{To: step.move}, nil)
			require.NoError(t, err)
			require.Equal(t, poll.Turn{Display: turn.Display}, again, "step %d", i)
		}
		count(t, store, seal(p, 0, first+2))
		r := results(t, store, p, 0)
		require.Equal(t, poll.Final, r.Status, "it is final while it is on the slide")
		require.Equal(t, []int64{0, 1, 0}, r.Counts)

		turn, err := store.Transit(t.Context(), p.ID, poll.Move{To: poll.ToNext}, nil)
		require.NoError(t, err)
		require.Nil(t, turn.Ended, "voting ended for it before")
		require.Equal(t, poll.Slide{Version: first + 4, Index: 1, Displayed: true}, turn.Slide)
		require.Equal(t, r, results(t, store, p, 0))
		_, err = store.Transit(t.Context(), p.ID, poll.Move{To: poll.ToClosed}, nil)
		require.NoError(t, err)
		turn, err = store.Transit(t.Context(), p.ID, poll.Move{To: poll.ToNothing}, nil)
		require.NoError(t, err)
		require.Equal(t, poll.Turn{Display: poll.Display{PresentationID: p.ID,
			Admission: p.Admission, Slide: poll.Slide{Version: first + 6, Index: 1}},
			Changed: true}, turn)
	})

	t.Run("a move that is not possible changes nothing", func(t *testing.T) {
		p := created(t, store)
		_, err := store.Transit(t.Context(), p.ID, poll.Move{To: poll.ToPrevious}, nil)
		requireKind(t, poll.OutOfPolls, err)
		version := show(t, store, p, 2)
		_, err = store.Transit(t.Context(), p.ID, poll.Move{To: poll.ToNext}, nil)
		requireKind(t, poll.OutOfPolls, err)
		for _, stale := range []int64{version - 1, version + 1, -1} {
			for _, move := range []poll.Move{{To: poll.ToPrevious}, {To: poll.ToNothing},
				{To: poll.ToPoll, PollID: p.Polls[2].ID}} {
				_, err = store.Transit(t.Context(), p.ID, move, &stale)
				requireKind(t, fault.Stale, err)
			}
		}
		d, err := store.Display(t.Context(), p.ID)
		require.NoError(t, err)
		require.Equal(t, poll.Slide{Version: version, Index: 2, Displayed: true}, d.Slide)
	})

	t.Run("displaying what is displayed is no transition", func(t *testing.T) {
		p := created(t, store)
		nothing, err := store.Transit(t.Context(), p.ID, poll.Move{To: poll.ToNothing}, nil)
		require.NoError(t, err)
		require.Equal(t, poll.Turn{Display: poll.Display{PresentationID: p.ID,
			Admission: p.Admission, Slide: poll.Slide{Index: -1}}}, nothing)

		version := show(t, store, p, 1)
		before := results(t, store, p, 1)
		turn, err := store.Transit(t.Context(), p.ID,
			poll.Move{To: poll.ToPoll, PollID: p.Polls[1].ID}, &version)
		require.NoError(t, err)
		require.Equal(t, poll.Turn{Display: poll.Display{
			PresentationID: p.ID, Admission: p.Admission,
			Slide: poll.Slide{Version: version, Index: 1, Displayed: true},
			Poll:  &p.Polls[1]}}, turn)
		require.Equal(t, before, results(t, store, p, 1))
	})

	t.Run("a transition raises the revision of the polls concerned and keeps their tallies",
		func(t *testing.T) {
			p := created(t, store)
			version := show(t, store, p, 0)
			count(t, store, votes(vote(p, 0, version, "B")))
			before := []poll.Results{results(t, store, p, 0), results(t, store, p, 1),
				results(t, store, p, 2)}
			show(t, store, p, 1)
			left, shown := results(t, store, p, 0), results(t, store, p, 1)
			require.Greater(t, left.Revision, before[0].Revision)
			require.Greater(t, shown.Revision, before[1].Revision)
			require.Equal(t, before[2], results(t, store, p, 2))
			require.Equal(t, []int64{0, 1, 0}, left.Counts)
			require.EqualValues(t, 1, left.Voters)
		})

	t.Run("twenty presenters at once skip and repeat no version", func(t *testing.T) {
		p := created(t, store)
		versions := make([][]int64, 20)
		var group errgroup.Group
		for i := range versions {
			group.Go(func() error {
				for j := range 5 {
					turn, err := store.Transit(t.Context(), p.ID,
						poll.Move{To: poll.ToPoll, PollID: p.Polls[(i+j)%3].ID}, nil)
					if err != nil {
						return err
					}
					if turn.Changed {
						versions[i] = append(versions[i], turn.Version)
					}
				}
				return nil
			})
		}
		require.NoError(t, group.Wait())
		all := slices.Concat(versions...)
		slices.Sort(all)
		for i, v := range all {
			require.EqualValues(t, i+1, v)
		}
		d, err := store.Display(t.Context(), p.ID)
		require.NoError(t, err)
		require.EqualValues(t, len(all), d.Version)
		open := 0
		for i := range p.Polls {
			if r := results(t, store, p, i); r.Status == poll.Open {
				open++
				require.Equal(t, d.Version, r.Opened)
				require.Equal(t, d.Index, i)
			}
		}
		require.Equal(t, 1, open)
	})

	t.Run("of those who saw the same version only one gets through", func(t *testing.T) {
		p := created(t, store)
		version := show(t, store, p, 0)
		through := make([]bool, 8)
		var group errgroup.Group
		for i := range through {
			group.Go(func() error {
				turn, err := store.Transit(t.Context(), p.ID, poll.Move{To: poll.ToNext}, &version)
				through[i] = turn.Changed
				if fault.CodeOf(err) == fault.Stale {
					return nil
				}
				return err
			})
		}
		require.NoError(t, group.Wait())
		winners := slices.DeleteFunc(through, func(won bool) bool { return !won })
		require.Len(t, winners, 1)
		d, err := store.Display(t.Context(), p.ID)
		require.NoError(t, err)
		require.Equal(t, version+1, d.Version)
	})
}
