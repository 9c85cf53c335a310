package polltest

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

func (s *suite) revisions(t *testing.T) {
	store := s.store(t)
	read := func(t *testing.T, p poll.Presentation) poll.Presentation {
		t.Helper()
		got, _, err := store.Presentation(t.Context(), p.ID)
		require.NoError(t, err)
		return got
	}

	t.Run("an edit that has seen another revision changes nothing", func(t *testing.T) {
		p := created(t, store)
		rename := func(title string, seen ...int64) (poll.Edited, error) {
			return store.Edit(t.Context(), p.ID,
				poll.IfSeen{Edit: poll.EditPresentation{Title: &title}, Seen: seen})
		}
		edited, err := rename("one", p.Edits)
		require.NoError(t, err)
		require.Equal(t, p.Edits+1, edited.Edits)
		before := read(t, p)
		require.Equal(t, edited.Edits, before.Edits)
		for _, seen := range [][]int64{{}, {p.Edits}, {-1, p.Edits, edited.Edits + 1}} {
			_, err = rename("two", seen...)
			requireKind(t, fault.Stale, err)
			require.Equal(t, before, read(t, p))
		}
		edited, err = rename("two", 77, edited.Edits)
		require.NoError(t, err)
		edited, err = rename("two", edited.Edits)
		require.NoError(t, err, "the same again changes nothing, and says which revision there is")
		require.False(t, edited.Changed)
		require.Equal(t, p.Edits+2, edited.Edits)
		_, err = rename("three")
		require.NoError(t, err, "who has seen nothing edits whatever there is")
	})

	t.Run("a transition and a count are no edits", func(t *testing.T) {
		p := created(t, store)
		version := show(t, store, p, 0)
		count(t, store, votes(vote(p, 0, version, "A")))
		e := poll.IfSeen{Edit: poll.AddPoll{Poll: poll.Poll{Question: question.Question{Text: "?",
			Options: options("A")}}}, Seen: poll.Seen{p.Edits}}
		edited, err := store.Edit(t.Context(), p.ID, e)
		require.NoError(t, err)
		require.Equal(t, version, edited.Version)
	})

	t.Run("a poll that is not there is not found, whatever revision was seen", func(t *testing.T) {
		p := created(t, store)
		_, err := store.Edit(t.Context(), p.ID,
			poll.IfSeen{Edit: poll.DeletePoll{PollID: uuid.New()}, Seen: poll.Seen{99}})
		requireKind(t, fault.NotFound, err)
	})

	t.Run("a presentation is deleted only at a revision that was seen", func(t *testing.T) {
		p := created(t, store)
		requireKind(t, fault.Stale, store.Delete(t.Context(), p.ID, poll.Seen{p.Edits + 1}))
		requireKind(t, fault.Stale, store.Delete(t.Context(), p.ID, poll.Seen{}))
		require.Equal(t, p, read(t, p))
		require.NoError(t, store.Delete(t.Context(), p.ID, poll.Seen{p.Edits}))
	})

	t.Run("of many who edit at once and have seen the same revision exactly one wins",
		func(t *testing.T) {
			for range 5 {
				p := created(t, store)
				var group errgroup.Group
				var won atomic.Int64
				for i := range 6 {
					var e poll.Edit = poll.EditPresentation{Title: of(fmt.Sprint("title ", i))}
					if i%2 == 1 {
						e = poll.EditPoll{PollID: p.Polls[i%3].ID,
							Question: of(fmt.Sprint("question ", i))}
					}
					group.Go(func() error {
						_, err := store.Edit(t.Context(), p.ID,
							poll.IfSeen{Edit: e, Seen: poll.Seen{p.Edits}})
						if err == nil {
							won.Add(1)
						} else if fault.CodeOf(err) == fault.Stale {
							err = nil
						}
						return err
					})
				}
				require.NoError(t, group.Wait())
				require.EqualValues(t, 1, won.Load())
				require.Equal(t, p.Edits+1, read(t, p).Edits)
			}
		})
}

func (s *suite) mends(t *testing.T) {
	store := s.store(t)
	history := func(t *testing.T, p poll.Presentation) []poll.Mend {
		t.Helper()
		mends, err := store.History(t.Context(), p.ID, 0, 10_000)
		require.NoError(t, err)
		return mends
	}
	mend := func(t *testing.T, p poll.Presentation, e poll.EditPoll) poll.Edited {
		t.Helper()
		edited, err := store.Edit(t.Context(), p.ID, e)
		require.NoError(t, err)
		require.True(t, edited.Changed)
		return edited
	}
	reword := func(list []question.Option, key, value string) *[]question.Option {
		list = append([]question.Option{}, list...)
		for i := range list {
			if list[i].Key == key {
				list[i].Value = value
			}
		}
		return &list
	}

	t.Run("texts of a poll are mended while people vote, no vote is lost, and the history has it",
		func(t *testing.T) {
			p := created(t, store)
			require.Empty(t, history(t, p))
			version := show(t, store, p, 0)
			count(t, store, votes(vote(p, 0, version, "A"), vote(p, 0, version, "B")))
			before := results(t, store, p, 0)
			began := time.Now().Add(-time.Hour)
			edited := mend(t, p, poll.EditPoll{
				PollID: p.Polls[0].ID, Question: of("Who wins?\nReally?"),
				Options: reword(before.Options, "B", "Another"),
			})
			require.Equal(t, p.Edits+1, edited.Edits)
			want := before
			want.Text, want.Options, want.Mended = "Who wins?\nReally?",
				*reword(before.Options, "B",
					"Another"), 2
			want.Revision++
			require.Equal(t, want, results(t, store, p, 0))
			mends := history(t, p)
			require.Len(t, mends, 2)
			for i := range mends {
				require.WithinRange(t, mends[i].At, began, time.Now().Add(time.Hour))
				require.Equal(t, mends[i].At.Truncate(time.Millisecond).UTC(), mends[i].At)
				mends[i].At = time.Time{}
			}
			id := p.Polls[0].ID
			require.Equal(t, []poll.Mend{
				{Number: 1, PollID: id, Revision: want.Revision, Field: "question",
					Before: "Who wins?",
					After:  "Who wins?\nReally?"},
				{Number: 2, PollID: id, Revision: want.Revision, Field: "options[B]",
					Before: "the answer B", After: "Another"},
			}, mends)
			count(t, store, votes(vote(p, 0, version, "B")))
			require.Equal(t, []int64{1, 2, 0}, results(t, store, p, 0).Counts)
			requireRecount(t, store, p, 0)
			d, err := store.Display(t.Context(), p.ID)
			require.NoError(t, err)
			require.Equal(t, want.Text, d.Poll.Text)
			require.Equal(t, version, d.Version)
		})

	t.Run("also while votes are under way, and no more once the poll is final", func(t *testing.T) {
		p := created(t, store)
		version := show(t, store, p, 2)
		show(t, store, p, 0)
		late := vote(p, 2, version, "4")
		mend(t, p, poll.EditPoll{PollID: p.Polls[2].ID, Question: of("How did you like it?")})
		count(t, store, votes(late))
		count(t, store, seal(p, 2, version))
		r := results(t, store, p, 2)
		require.Equal(t, poll.Final, r.Status)
		require.EqualValues(t, 1, r.Voters)
		_, err := store.Edit(t.Context(), p.ID,
			poll.EditPoll{PollID: p.Polls[2].ID, Question: of("What?")})
		requireKind(t, poll.HasBeenShown, err)
		require.Equal(t, r, results(t, store, p, 2))
		require.Len(t, history(t, p), 1)
	})

	t.Run("what people answer with stays", func(t *testing.T) {
		p := created(t, store)
		show(t, store, p, 1)
		id, before := p.Polls[1].ID, results(t, store, p, 1)
		for _, e := range []poll.EditPoll{
			{PollID: id, Options: of(options("A", "B", "C"))},
			{PollID: id, Options: of(options("A", "B", "C", "D", "E"))},
			{PollID: id, Options: of(options("A", "B", "D", "C"))},
			{PollID: id, Options: of(options("A", "B", "C", "d"))},
			{PollID: id, MaxChoices: of(2)},
			{PollID: id, Kind: of(question.Choice)},
			{PollID: id, Kind: of(question.OpenText)},
		} {
			_, err := store.Edit(t.Context(), p.ID, e)
			requireKind(t, poll.HasBeenShown, err)
		}
		require.Equal(t, before, results(t, store, p, 1))
		require.Empty(t, history(t, p))
	})

	t.Run("an edit of what nobody has seen is no mend", func(t *testing.T) {
		p := created(t, store)
		show(t, store, p, 0)
		mend(t, p, poll.EditPoll{PollID: p.Polls[1].ID, Question: of("Other?")})
		mend(t, p, poll.EditPoll{PollID: p.Polls[0].ID, Visibility: of(poll.After)})
		require.Empty(t, history(t, p))
		require.Zero(t, results(t, store, p, 1).Mended)
	})

	t.Run("a reset takes the mends of its poll, and only these", func(t *testing.T) {
		p := created(t, store)
		version := show(t, store, p, 0)
		mend(t, p, poll.EditPoll{PollID: p.Polls[0].ID, Question: of("One?")})
		show(t, store, p, 1)
		mend(t, p, poll.EditPoll{PollID: p.Polls[1].ID, Question: of("Two?")})
		count(t, store, seal(p, 0, version))
		_, err := store.Edit(t.Context(), p.ID, poll.Reset{PollID: p.Polls[0].ID})
		require.NoError(t, err)
		require.Zero(t, results(t, store, p, 0).Mended)
		require.Equal(t, "One?", results(t, store, p, 0).Text)
		mends := history(t, p)
		require.Len(t, mends, 1)
		require.Equal(t, p.Polls[1].ID, mends[0].PollID)
		require.Equal(t, 1, results(t, store, p, 1).Mended)
	})

	t.Run("with a presentation its history goes", func(t *testing.T) {
		p, other := created(t, store), created(t, store)
		for _, p := range []poll.Presentation{p, other} {
			show(t, store, p, 0)
			mend(t, p, poll.EditPoll{PollID: p.Polls[0].ID, Question: of("One?")})
		}
		require.NoError(t, store.Delete(t.Context(), p.ID, nil))
		_, err := store.History(t.Context(), p.ID, 0, 1)
		requireKind(t, fault.NotFound, err)
		require.NoError(t, store.Create(t.Context(), p))
		require.Empty(t, history(t, p))
		require.Len(t, history(t, other), 1)
		if s.age != nil {
			s.age(t, store, other.ID, 40*day)
			expired, err := store.Expire(t.Context(), other.ID, day)
			require.NoError(t, err)
			require.True(t, expired)
			require.NoError(t, store.Create(t.Context(), other))
			require.Empty(t, history(t, other))
			s.erased(t, store)
		}
	})

	t.Run("a poll and a presentation have as many mends as they may, and then no more until a reset", func(t *testing.T) {
		list := []poll.Poll{}
		for i := range poll.MaxHistory/poll.MaxMends + 1 {
			keys := make([]string, question.MaxOptions)
			for j := range keys {
				keys[j] = strconv.Itoa(j)
			}
			list = append(list, poll.Poll{Question: question.Question{Text: fmt.Sprint("Question ",
				i), Options: options(keys...)}})
		}
		p := created(t, store, list...)
		all := func(q poll.Poll) *[]question.Option {
			mended := append([]question.Option{}, q.Options...)
			for i := range mended {
				mended[i].Value = strings.ToUpper(mended[i].Value)
			}
			return &mended
		}
		for i, q := range p.Polls {
			show(t, store, p, i)
			_, err := store.Edit(t.Context(), p.ID,
				poll.EditPoll{PollID: q.ID, Question: of("too much"), Options: all(q)})
			requireKind(t, poll.HasBeenShown, err)
			require.ErrorContains(t, err, "100")
			e := poll.EditPoll{PollID: q.ID, Options: all(q)}
			if i == poll.MaxHistory/poll.MaxMends {
				_, err := store.Edit(t.Context(), p.ID, e)
				requireKind(t, poll.HasBeenShown, err)
				break
			}
			mend(t, p, e)
			_, err = store.Edit(t.Context(), p.ID,
				poll.EditPoll{PollID: q.ID, Question: of("once more")})
			requireKind(t, poll.HasBeenShown, err)
			require.Equal(t, poll.MaxMends, results(t, store, p, i).Mended)
		}
		require.Len(t, history(t, p), poll.MaxHistory)
		page, err := store.History(t.Context(), p.ID, 40, 3)
		require.NoError(t, err)
		require.Len(t, page, 3)
		for i, m := range page {
			require.EqualValues(t, 41+i, m.Number)
		}
		page, err = store.History(t.Context(), p.ID, poll.MaxHistory, 3)
		require.NoError(t, err)
		require.Empty(t, page)
		require.NotNil(t, page)
	})
}
