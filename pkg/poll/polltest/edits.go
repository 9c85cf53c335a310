package polltest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

func of[T any](v T) *T { return &v }

func (s *suite) edits(t *testing.T) {
	store := s.store(t)

	edit := func(t *testing.T, p poll.Presentation, e poll.Edit) poll.Edited {
		t.Helper()
		edited, err := store.Edit(t.Context(), p.ID, e)
		require.NoError(t, err)
		return edited
	}
	read := func(t *testing.T, p poll.Presentation) (poll.Presentation, []poll.State) {
		t.Helper()
		got, states, err := store.Presentation(t.Context(), p.ID)
		require.NoError(t, err)
		return got, states
	}

	t.Run("a new title is all that a new title changes", func(t *testing.T) {
		p, other := created(t, store), created(t, store)
		require.True(t, edit(t, p, poll.EditPresentation{Title: new(" The other title ")}).Changed)
		want := p
		want.Title, want.Edits = "The other title", 1
		got, _ := read(t, p)
		require.Equal(t, want, got)
		_, title, err := store.Join(t.Context(), p.JoinCode)
		require.NoError(t, err)
		require.Equal(t, want.Title, title)
		require.False(t, edit(t, p, poll.EditPresentation{Title: new(want.Title)}).Changed)
		got, _ = read(t, other)
		require.Equal(t, other, got)
	})

	t.Run("polls come and go and change places, and what is displayed stays displayed",
		func(t *testing.T) {
			p := created(t, store)
			version := show(t, store, p, 1)
			count(t, store, votes(vote(p, 1, version, "B")))
			displayed, err := store.Display(t.Context(), p.ID)
			require.NoError(t, err)
			for i, e := range []poll.Edit{
				poll.AddPoll{Poll: poll.Poll{Question: question.Question{Text: "First?",
					Options: options("X"), Banned: []string{"y"}},
					Visibility: poll.After}, Index: of(
					0)},
				poll.AddPoll{Poll: poll.Poll{Question: question.Question{Text: "Last?",
					Kind: question.Rating}}},
				poll.AddPoll{Poll: poll.Poll{Question: question.Question{Text: "Between?",
					Options: options("X", "Y")}}, Index: of(2)},
				poll.Reorder{}, poll.DeletePoll{}, poll.Reorder{}, poll.DeletePoll{},
				poll.AddPoll{Poll: poll.Poll{Question: question.Question{Text: "More?",
					Options: options("X")}}, Index: of(1)},
			} {
				before, _ := read(t, p)
				want := before
				switch op := e.(type) {
				case poll.Reorder:
					rand.Shuffle(len(want.Polls),
						func(i, j int) {
							want.Polls[i], want.Polls[j] = want.Polls[j],
								want.Polls[i]
						})
					for _, q := range want.Polls {
						op.PollIDs = append(op.PollIDs, q.ID)
					}
					edit(t, p, op)
				case poll.DeletePoll:
					gone := slices.IndexFunc(want.Polls,
						func(q poll.Poll) bool { return q.ID != p.Polls[1].ID })
					op.PollID = want.Polls[gone].ID
					edited := edit(t, p, op)
					require.Nil(t, edited.Poll)
					want.Polls = slices.Delete(want.Polls, gone, gone+1)
					_, err := store.Results(t.Context(), p.ID, op.PollID)
					requireKind(t, fault.NotFound, err)
				case poll.AddPoll:
					edited := edit(t, p, op)
					require.NotNil(t, edited.Poll)
					require.Equal(t, op.Poll.Text, edited.Poll.Text)
					require.Equal(t, poll.State{Status: poll.Pending,
						Counts: make([]int64, len(edited.Poll.Options))}, edited.State)
					want.Polls = slices.Insert(want.Polls, edited.Poll.Index, *edited.Poll)
				}
				for i := range want.Polls {
					want.Polls[i].Index = i
					if want.Polls[i].ID == p.Polls[1].ID {
						want.Slide.Index = i
					}
				}
				got, states := read(t, p)
				want.Edits = got.Edits // a shuffle may change nothing
				require.Equal(t, want, got, "edit %d", i)
				require.Len(t, states, len(got.Polls))
				now, err := store.Display(t.Context(), p.ID)
				require.NoError(t, err)
				place := got.Slide.Index
				require.Equal(t, got.Polls[place], *now.Poll, "edit %d", i)
				now.Index, now.Poll = displayed.Index, of(*now.Poll)
				now.Poll.Index = displayed.Poll.Index
				require.Greater(t, now.Edits, displayed.Edits, "edit %d", i)
				now.Edits = displayed.Edits
				require.Equal(t, displayed, now,
					"edit %d: the slide is the same but for its place", i)
				require.EqualValues(t, 1, states[place].Voters)
			}
			count(t, store, votes(vote(p, 1, version, "A")))
			require.Equal(t, []int64{1, 1, 0, 0}, results(t, store, p, 1).Counts,
				"its votes count on")
		})

	t.Run("a poll that nobody has seen is written anew, and votes are counted by what it is when "+
		"it is displayed", func(t *testing.T) {
		p := created(t, store)
		before := results(t, store, p, 0)
		edited := edit(t, p, poll.EditPoll{
			PollID: p.Polls[0].ID, Question: of("Which ones?"), Kind: of(question.Multiple),
			Options: of(options("X", "Y", "Z", "A")), MaxChoices: of(3),
			Visibility: of(poll.PresenterOnly), Banned: &[]string{"word", "w,'\""},
		})
		got := results(t, store, p, 0)
		require.Equal(t, poll.Results{Poll: *edited.Poll, State: edited.State}, got)
		require.Equal(t, poll.Poll{
			ID: p.Polls[0].ID, PresentationID: p.ID, Question: question.Question{
				Text: "Which ones?", Kind: question.Multiple, MaxChoices: 3, Options: options("X",
					"Y", "Z", "A"), Banned: []string{"word", "w,'\""},
			},
			Identity: access.ByClient, Visibility: poll.PresenterOnly,
		}, got.Poll)
		require.Equal(t, poll.State{Status: poll.Pending, Revision: before.Revision + 1,
			Counts: []int64{0, 0, 0, 0}}, got.State)
		version := show(t, store, p, 0)
		o := count(t, store, votes(vote(p, 0, version, "X\nA"), vote(p, 0, version, "B"),
			vote(p, 0, version, "A")))
		require.Equal(t, []verdicts{{counted, rejected, counted}}, o.Verdicts)
		require.Equal(t, []int64{1, 0, 0, 2}, results(t, store, p, 0).Counts)
	})

	t.Run("a poll that people have seen keeps what they answer to, not who sees its results",
		func(t *testing.T) {
			p := created(t, store)
			version := show(t, store, p, 0)
			count(t, store, votes(vote(p, 0, version, "A")))
			before := results(t, store, p, 0)
			id := p.Polls[0].ID
			for _, e := range []poll.Edit{
				poll.EditPoll{PollID: id, Options: of(options("A"))}, poll.DeletePoll{PollID: id},
			} {
				_, err := store.Edit(t.Context(), p.ID, e)
				requireKind(t, poll.HasBeenShown, err)
			}
			require.Equal(t, before, results(t, store, p, 0))
			edit(t, p, poll.EditPoll{PollID: id, Visibility: of(poll.After)})
			want := before
			want.Visibility = poll.After
			want.Revision++
			require.Equal(t, want, results(t, store, p, 0))
			edit(t, p, poll.EditPoll{PollID: id, Visibility: of(poll.After)})
			require.Equal(t, want, results(t, store, p, 0), "nothing changed, nothing is said")
			d, err := store.Display(t.Context(), p.ID)
			require.NoError(t, err)
			require.Equal(t, version, d.Version, "an edit is no transition")
			require.Equal(t, poll.After, d.Poll.Visibility)
		})

	t.Run("a reset poll has no votes, takes none from before, and is displayed like a new one",
		func(t *testing.T) {
			p := created(t, store)
			version := show(t, store, p, 0)
			old := vote(p, 0, version, "A")
			count(t, store, votes(old, vote(p, 0, version, "B")))
			reset := poll.Reset{PollID: p.Polls[0].ID}
			_, err := store.Edit(t.Context(), p.ID, reset)
			requireKind(t, poll.NotFinal, err)
			show(t, store, p, 1)
			_, err = store.Edit(t.Context(), p.ID, reset)
			requireKind(t, poll.NotFinal, err)
			count(t, store, seal(p, 0, version))
			before := results(t, store, p, 0)
			require.Equal(t, poll.Final, before.Status)

			edited := edit(t, p, reset)
			want := poll.State{Status: poll.Pending, Sealed: version, Revision: before.Revision + 1,
				Counts: []int64{0, 0, 0}}
			require.Equal(t, want, edited.State)
			require.Equal(t, poll.Results{Poll: p.Polls[0], State: want}, results(t, store, p, 0))
			require.Empty(t, list(t, store, p, 0))
			require.Equal(t, []verdicts{{late}, {late}},
				count(t, store, votes(old), replayed(old)).Verdicts)
			require.False(t, edit(t, p, reset).Changed)

			edit(t, p, poll.EditPoll{PollID: p.Polls[0].ID, Options: of(options("A", "Z"))})
			version = show(t, store, p, 0)
			old.Version, old.Seq = version, 0
			require.Equal(t, []verdicts{{counted, counted}},
				count(t, store, votes(old, vote(p, 0, version, "Z"))).Verdicts)
			require.Equal(t, []int64{1, 1}, results(t, store, p, 0).Counts)
		})

	t.Run("of a deleted presentation nothing stays, and of others everything", func(t *testing.T) {
		p, other := created(t, store), created(t, store)
		version, otherVersion := show(t, store, p, 0), show(t, store, other, 0)
		count(t, store, votes(vote(p, 0, version, "A"), vote(other, 0, otherVersion, "A")))
		show(t, store, p, 1)
		want, states := read(t, other)
		require.NoError(t, store.Delete(t.Context(), p.ID, nil))
		_, _, err := store.Presentation(t.Context(), p.ID)
		requireKind(t, fault.NotFound, err)
		_, err = store.Display(t.Context(), p.ID)
		requireKind(t, fault.NotFound, err)
		_, _, err = store.Join(t.Context(), p.JoinCode)
		requireKind(t, fault.NotFound, err)
		_, err = store.Results(t.Context(), p.ID, p.Polls[0].ID)
		requireKind(t, fault.NotFound, err)
		requireKind(t, fault.NotFound, store.Delete(t.Context(), p.ID, nil))
		closing, err := store.Closing(t.Context())
		require.NoError(t, err)
		require.False(t, slices.ContainsFunc(closing,
			func(c poll.ClosingPoll) bool { return c.PresentationID == p.ID }))
		require.Equal(t, []verdicts{{rejected}, {}},
			count(t, store, votes(vote(p, 0, version, "A")), seal(p, 0, version)).Verdicts,
			"what was under way to it is no reason to stop")
		got, gotStates := read(t, other)
		require.Equal(t, want, got)
		require.Equal(t, states, gotStates)
		require.NoError(t, store.Create(t.Context(), p), "its ids and its join code are free")
		for i := range p.Polls {
			require.Empty(t, list(t, store, p, i), "votes for it would come back")
		}
	})

	t.Run("many who edit, move and count at once leave an order without gaps and exact tallies",
		func(t *testing.T) {
			p := created(t, store)
			var group errgroup.Group
			for i := range 4 {
				group.Go(func() error {
					for j := range 8 {
						if err := s.anything(t, store, p, i, j); err != nil {
							switch fault.CodeOf(err) {
							case poll.HasBeenShown, poll.NotFinal, poll.OutOfPolls,
								poll.NotDisplayed, fault.Invalid:
								continue // somebody else was faster
							}
							return err
						}
					}
					return nil
				})
			}
			for i := range 2 {
				group.Go(func() error {
					for range 20 {
						batch := poll.Batch{ID: uuid.New()}
						for range 20 {
							batch.Votes = append(batch.Votes,
								vote(p, rand.IntN(2), rand.Int64N(20),
									[]question.Answer{"A", "B"}[rand.IntN(2)]))
						}
						seal := seal(p, rand.IntN(2), rand.Int64N(20))
						if _, err := store.Count(t.Context(), in(i, batch, seal)); err != nil {
							return err
						}
					}
					return nil
				})
			}
			require.NoError(t, group.Wait())
			got, _ := read(t, p)
			for i, q := range got.Polls {
				require.Equal(t, i, q.Index)
				requireRecount(t, store, got, i)
			}
			d, err := store.Display(t.Context(), p.ID)
			require.NoError(t, err)
			require.Equal(t, got.Slide, d.Slide)
			require.Equal(t, d.Displayed, d.Poll != nil)
		})
}

// anything is a random edit or move.
func (s *suite) anything(t *testing.T, store Store, p poll.Presentation, i, j int) error {
	now, _, err := store.Presentation(t.Context(), p.ID)
	if err != nil {
		return err
	}
	one := p.Polls[rand.IntN(len(p.Polls))].ID
	var e poll.Edit
	switch rand.IntN(8) {
	case 0:
		e = poll.AddPoll{Poll: poll.Poll{Question: question.Question{Text: fmt.Sprint(i, " ", j),
			Options: options("A")}}, Index: of(rand.IntN(len(now.Polls) + 1))}
	case 1:
		var order poll.Reorder
		for _, k := range rand.Perm(len(now.Polls)) {
			order.PollIDs = append(order.PollIDs, now.Polls[k].ID)
		}
		e = order
	case 2:
		e = poll.EditPoll{PollID: one,
			Visibility: of([]poll.Visibility{poll.Live, poll.After}[rand.IntN(2)])}
	case 3:
		e = poll.Reset{PollID: one}
	case 4:
		// a mend, where people vote
		e = poll.EditPoll{PollID: one, Question: of(fmt.Sprint("Question ", i, " ", j))}
	default:
		_, err := store.Transit(t.Context(), p.ID,
			poll.Move{To: poll.Target(rand.IntN(int(poll.ToOpen) + 1)), PollID: one}, nil)
		return err
	}
	_, err = store.Edit(t.Context(), p.ID, e)
	return err
}
