package polltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// Dating says that the suite may say two things of a word of a poll that is there. They are which
// vote named it first, and how many people wrote it how.
func Dating(date func(t *testing.T, s Store, pollID uuid.UUID, word string, first uuid.UUID,
	spellings map[string]int64)) Capability {
	return func(s *suite) { s.date = date }
}

// aged is a vote's id; those with higher numbers are younger.
func aged(n int) uuid.UUID {
	return uuid.UUID{0: byte(n >> 8), 1: byte(n), 6: 0x70, 8: 0x80}
}

func (s *suite) answers(t *testing.T) {
	store := s.store(t)
	read := func(t *testing.T, p poll.Presentation, index int,
		l question.Listing) []question.WordCount {
		t.Helper()
		return wordsOf(t, store, p.ID, p.Polls[index].ID, l)
	}
	hide := func(t *testing.T, p poll.Presentation, index int, text string,
		hidden bool) (question.WordCount, poll.Edited) {
		t.Helper()
		w, edited, err := store.Hide(t.Context(), p.ID, p.Polls[index].ID, text, hidden)
		require.NoError(t, err)
		require.Equal(t, results(t, store, p, index).State, edited.State)
		require.Equal(t, p.Polls[index], *edited.Poll)
		return w, edited
	}
	word := func(list []question.WordCount, word string) *question.WordCount {
		if i := slices.IndexFunc(list,
			func(w question.WordCount) bool { return w.Word == word }); i >= 0 {
			return &list[i]
		}
		return nil
	}

	const n = 2500 // more than an adapter reads at once
	big := created(t, store, textPolls()...)
	for i := range textPolls() {
		v := show(t, store, big, i)
		batch := poll.Batch{ID: uuid.New()}
		for j := range n {
			for range j%3 + 1 {
				batch.Votes = append(batch.Votes,
					vote(big, i, v, question.Answer(fmt.Sprintf("word %04d", j*7%n))))
			}
		}
		count(t, store, batch)
	}
	if s.date != nil { // a hundred of each age, and five hundred of none
		for j := range 2000 {
			s.date(t, store, big.Polls[0].ID, fmt.Sprintf("word %04d", j), aged(1+j%20), nil)
			s.date(t, store, big.Polls[1].ID, fmt.Sprintf("word %04d", j), aged(1+j), nil)
		}
	}

	t.Run("a listing has every word once, in either order", func(t *testing.T) {
		for i := range big.Polls {
			r := results(t, store, big, i)
			require.Equal(t, n, r.WordsTotal)
			want := map[string]int64{}
			for j := range n {
				want[fmt.Sprintf("word %04d", j*7%n)] = int64(j%3 + 1)
			}
			requireWords(t, store, r, want)
		}
	})

	t.Run("a listing goes on behind any word, there or not", func(t *testing.T) {
		for i := range big.Polls {
			for _, order := range []question.Order{question.MostFirst, question.NewestFirst} {
				all := read(t, big, i, question.Listing{Order: order})
				for _, at := range []int{0, 1, 99, 100, 833, 834, n / 2, n - 2, n - 1} {
					require.Equal(t, all[at+1:],
						append([]question.WordCount{},
							read(t, big, i, question.Listing{Order: order, After: &all[at]})...),
						"behind %d", at)
					gone := all[at]
					gone.Word += "\x01"
					require.Equal(t, all[at+1:],
						append([]question.WordCount{},
							read(t, big, i, question.Listing{Order: order, After: &gone})...),
						"behind %d", at)
				}
			}
		}
	})

	t.Run("a listing in pages has every word that was there before the first of them",
		func(t *testing.T) {
			p := created(t, store, textPolls()...)
			v := show(t, store, p, 1)
			say := func(from, to int) {
				batch := poll.Batch{ID: uuid.New()}
				for j := from; j < to; j++ {
					batch.Votes = append(batch.Votes,
						vote(p, 1, v, question.Answer(fmt.Sprintf("text %04d", j))))
				}
				count(t, store, batch)
				for j := from; s.date != nil && j < to; j++ {
					s.date(t, store, p.Polls[1].ID, fmt.Sprintf("text %04d", j), aged(1+j), nil)
				}
			}
			say(0, 50)
			want := read(t, p, 1, question.Listing{Order: question.NewestFirst})
			var got []question.WordCount
			full := errors.New("the page is full")
			for l := (question.Listing{Order: question.NewestFirst}); ; l.After = &got[len(got)-1] {
				page := 0
				err := store.Answers(t.Context(), p.ID, p.Polls[1].ID, l,
					func(w question.WordCount) error {
						if page++; page > 7 {
							return full
						}
						got = append(got, w)
						return nil
					})
				if err == nil {
					break
				}
				require.Same(t, full, err)
				say(50+len(got), 53+len(got))
			}
			old := countsOf(want)
			got = slices.DeleteFunc(got,
				func(w question.WordCount) bool { return old[w.Word] == 0 })
			require.Equal(t, want, got)
		})

	t.Run("a listing is of one moment and holds nobody up", func(t *testing.T) {
		for _, order := range []question.Order{question.MostFirst, question.NewestFirst} {
			want := read(t, big, 1, question.Listing{Order: order})
			l := question.Listing{Order: order, After: &want[10]}
			var got []question.WordCount
			err := store.Answers(t.Context(), big.ID, big.Polls[1].ID, l,
				func(w question.WordCount) error {
					if got = append(got, w); len(got) > 1 {
						return nil
					}
					display, err := store.Display(t.Context(), big.ID)
					if err == nil {
						again := question.Answer(want[n-1].Word)
						_, err = store.Count(t.Context(), []poll.Batch{votes(
							vote(big, 1, display.Version, again),
							vote(big, 1, display.Version, "another"))})
					}
					return err
				})
			require.NoError(t, err)
			require.Equal(t, want[11:], got)
		}
	})

	t.Run("a listing ends at the reader's first error and returns it, and with the context",
		func(t *testing.T) {
			for _, order := range []question.Order{question.MostFirst, question.NewestFirst} {
				stop, n := errors.New("enough"), 0
				err := store.Answers(t.Context(), big.ID, big.Polls[0].ID,
					question.Listing{Order: order}, func(question.WordCount) error {
						if n++; n == 3 {
							return stop
						}
						return nil
					})
				require.Same(t, stop, err)
				require.Equal(t, 3, n)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				err = store.Answers(ctx, big.ID, big.Polls[0].ID, question.Listing{Order: order},
					func(question.WordCount) error {
						cancel()
						return nil
					})
				requireKind(t, fault.Unavailable, err)
			}
		})

	t.Run("there are answers of polls of the presentation only, and of other kinds than free "+
		"text there is none", func(t *testing.T) {
		other := created(t, store)
		require.Empty(t, read(t, other, 0, question.Listing{}))
		for _, ids := range [][2]uuid.UUID{{other.ID, big.Polls[0].ID}, {big.ID, uuid.New()},
			{uuid.New(), big.Polls[0].ID}} {
			err := store.Answers(t.Context(), ids[0], ids[1], question.Listing{},
				func(question.WordCount) error {
					t.Error("there is one")
					return nil
				})
			requireKind(t, fault.NotFound, err)
			_, _, err = store.Hide(t.Context(), ids[0], ids[1], "word 0001", true)
			requireKind(t, fault.NotFound, err)
		}
	})

	t.Run("a word is hidden and shown again, and counts on", func(t *testing.T) {
		// as stored, and as shown
		for i, texts := range [][2]string{{"Straße", "STRASSE!"}, {"Why not?", "Why not?"},
			{"Why\u2028\u2029not?", "Why\n\tnot?"}} {
			i = min(i, 1)
			p := created(t, store, textPolls()...)
			v := show(t, store, p, i)
			count(t, store, votes(vote(p, i, v, question.Answer(texts[0])),
				vote(p, i, v, question.Answer(texts[0])), vote(p, i, v, "Rome")))
			before := results(t, store, p, i)
			hid, edited := hide(t, p, i, texts[1], true)
			require.True(t, edited.Changed)
			require.True(t, hid.Hidden)
			require.EqualValues(t, 2, hid.Count)
			require.Equal(t, before.Revision+1, edited.State.Revision)
			after := results(t, store, p, i)
			require.Len(t, after.Words, 1)
			require.Equal(t, 1, after.WordsTotal)
			require.Equal(t, before.Voters, after.Voters)
			require.Len(t, read(t, p, i, question.Listing{}), 1)
			require.Equal(t, &hid, word(read(t, p, i, question.Listing{Hidden: true}), hid.Word))

			again, edited := hide(t, p, i, hid.Text, true)
			require.Equal(t, hid, again)
			require.False(t, edited.Changed, "it was hidden already")
			count(t, store, votes(vote(p, i, v, question.Answer(texts[0]))))
			requireWords(t, store, results(t, store, p, i),
				map[string]int64{hid.Word: 3, after.Words[0].Word: 1})

			shown, edited := hide(t, p, i, hid.Word, false)
			require.True(t, edited.Changed)
			require.EqualValues(t, 3, shown.Count)
			require.Equal(t, &shown, word(results(t, store, p, i).Words, hid.Word))
		}
	})

	t.Run("what nobody wrote cannot be hidden", func(t *testing.T) {
		p := created(t, store, everyKind()...)
		show(t, store, p, 3)
		for i, text := range []string{"A", "A", "1", "Oslo", "Oslo", "", "a\nb", "\x00", "\xff"} {
			i = min(i, len(p.Polls)-1)
			want := fault.NotFound
			if i < 3 {
				want = question.NotFreeText
			}
			_, _, err := store.Hide(t.Context(), p.ID, p.Polls[i].ID, text, true)
			requireKind(t, want, err)
			require.Zero(t, results(t, store, p, i).WordsTotal)
		}
	})

	t.Run("a hidden word stays hidden while nobody says it, and a reset forgets that",
		func(t *testing.T) {
			p := created(t, store, textPolls()...)
			v := show(t, store, p, 0)
			voter := uuid.New()
			count(t, store, votes(by(voter, 0, vote(p, 0, v, "Berlin")), vote(p, 0, v, "Rome")))
			hide(t, p, 0, "Berlin", true)
			count(t, store, votes(by(voter, 0, vote(p, 0, v, "Rome"))))
			require.Nil(t, word(read(t, p, 0, question.Listing{Hidden: true}), "berlin"))
			count(t, store, votes(by(voter, 0, vote(p, 0, v, "BERLIN"))))
			require.True(t, word(read(t, p, 0, question.Listing{Hidden: true}), "berlin").Hidden)
			require.Nil(t, word(results(t, store, p, 0).Words, "berlin"))

			count(t, store, votes(by(voter, 0, vote(p, 0, v, "Rome"))))
			hide(t, p, 0, "berlin", false) // also while nobody says it
			count(t, store, votes(by(voter, 0, vote(p, 0, v, "Berlin"))))
			require.NotNil(t, word(results(t, store, p, 0).Words, "berlin"))

			hide(t, p, 0, "berlin", true)
			show(t, store, p, 1)
			count(t, store, seal(p, 0, v))
			_, edited := hide(t, p, 0, "rome", true)
			require.Equal(t, poll.Final, edited.State.Status, "final words can be hidden, too")
			require.Zero(t, results(t, store, p, 0).WordsTotal)
			_, err := store.Edit(t.Context(), p.ID, poll.Reset{PollID: p.Polls[0].ID})
			require.NoError(t, err)
			v = show(t, store, p, 0)
			count(t, store, votes(vote(p, 0, v, "Berlin\nRome")))
			require.Equal(t, 2, results(t, store, p, 0).WordsTotal)
		})

	t.Run("a banned word is listed as hidden, and cannot be shown while it is banned",
		func(t *testing.T) {
			p := created(t, store, textPolls()...)
			v := show(t, store, p, 0)
			count(t, store, votes(vote(p, 0, v, "Darn it"), vote(p, 0, v, "Rome")))
			ban := func(words ...string) {
				edited, err := store.Edit(t.Context(), p.ID,
					poll.EditPoll{PollID: p.Polls[0].ID, Banned: &words})
				require.NoError(t, err)
				p.Polls[0] = *edited.Poll
			}
			ban("darn")
			require.Len(t, read(t, p, 0, question.Listing{}), 1)
			require.True(t, word(read(t, p, 0, question.Listing{Hidden: true}), "darn it").Hidden)
			_, _, err := store.Hide(t.Context(), p.ID, p.Polls[0].ID, "darn it", false)
			requireKind(t, question.WordBanned, err)
			hide(t, p, 0, "darn it", true)
			ban()
			require.Len(t, read(t, p, 0, question.Listing{}), 1, "it was hidden as well")
			hide(t, p, 0, "darn it", false)
			require.Len(t, read(t, p, 0, question.Listing{}), 2)
		})

	if s.date == nil {
		return
	}

	t.Run("the most named words are first, of equal ones the older, and texts are newest first",
		func(t *testing.T) {
			p := created(t, store, textPolls()...)
			ages := map[string]int{"a": 3, "b": 1, "c": 2, "d": 4, "e": 2}
			for i, want := range []string{"dbceaf", "dacefb"} {
				v := show(t, store, p, i)
				var all []poll.Vote
				for word := range ages {
					all = append(all, vote(p, i, v, question.Answer(word)))
				}
				count(t, store, votes(append(all, vote(p, i, v, "d"), vote(p, i, v, "f"))...))
				for word, age := range ages {
					s.date(t, store, p.Polls[i].ID, word, aged(age), nil)
				}
				s.date(t, store, p.Polls[i].ID, "f", []uuid.UUID{aged(9), aged(2)}[i], nil)
				var got string
				for _, w := range results(t, store, p, i).Words {
					got += w.Word
				}
				require.Equal(t, want, got)
			}
		})

	t.Run("a word is shown as most people wrote it, as the oldest of equal forms, and as itself "+
		"where nobody knows", func(t *testing.T) {
		p := created(t, store, textPolls()...)
		v := show(t, store, p, 0)
		count(t, store, votes(vote(p, 0, v, "NATO\nm²\nRome")))
		id := p.Polls[0].ID
		s.date(t, store, id, "nato", aged(1), map[string]int64{"NATO": 2, "Nato": 3, "nato": 1})
		s.date(t, store, id, "m2", aged(2), map[string]int64{"m2": 0, "M²": 4, "m²": 4})
		s.date(t, store, id, "rome", aged(3), map[string]int64{})
		texts := func(words []question.WordCount) (texts []string) {
			for _, w := range words {
				texts = append(texts, w.Text)
			}
			return texts
		}
		want := []string{"Nato", "M²", "rome"}
		require.Equal(t, want, texts(results(t, store, p, 0).Words))
		require.Equal(t, want, texts(read(t, p, 0, question.Listing{})))
		require.Equal(t, aged(2), word(read(t, p, 0, question.Listing{}), "m2").First)
		for _, text := range want { // what is shown names what is hidden
			w, _ := hide(t, p, 0, text, true)
			require.Equal(t, text, w.Text)
		}
		require.Zero(t, results(t, store, p, 0).WordsTotal)
	})

	t.Run("words are counted up to ten thousand", func(t *testing.T) {
		p := created(t, store, textPolls()...)
		v := show(t, store, p, 1)
		batch := poll.Batch{ID: uuid.New()}
		for i := range question.MaxTotal + 1 {
			batch.Votes = append(batch.Votes, vote(p, 1, v, question.Answer(fmt.Sprint(i))))
		}
		count(t, store, batch)
		require.Equal(t, question.MaxTotal, results(t, store, p, 1).WordsTotal)
		hide(t, p, 1, "1", true)
		require.Equal(t, question.MaxTotal, results(t, store, p, 1).WordsTotal)
		hide(t, p, 1, "2", true)
		require.Equal(t, question.MaxTotal-1, results(t, store, p, 1).WordsTotal)
	})
}
