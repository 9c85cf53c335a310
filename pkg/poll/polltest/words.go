package polltest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// textPolls are a word cloud and an open text.
func textPolls() []poll.Poll {
	return []poll.Poll{{Question: question.Question{Text: "Where?", Kind: question.WordCloud}},
		{Question: question.Question{Text: "Why?", Kind: question.OpenText}}}
}

// everyKind is a poll of every kind, the ones of free text last.
func everyKind() []poll.Poll { return append(threePolls(), textPolls()...) }

// someText is a text that no index can make smaller.
func someText(runes int) string {
	text := make([]rune, runes)
	for i := range text {
		text[i] = rune(0x20000 + rand.IntN(0xa000)) // ideographs, of four bytes each
	}
	return string(text)
}

func (s *suite) words(t *testing.T) {
	store := s.store(t)
	voter := uuid.New()
	begin := func(t *testing.T, index int) (poll.Presentation, int64) {
		p := created(t, store, textPolls()...)
		return p, show(t, store, p, index)
	}
	words := func(t *testing.T, p poll.Presentation, index int, voters int64,
		want ...question.WordCount) {
		t.Helper()
		r := results(t, store, p, index)
		requireWords(t, store, r, countsOf(want))
		require.Equal(t, voters, r.Voters)
		require.Empty(t, r.Counts)
		require.Len(t, list(t, store, p, index), int(voters))
	}

	t.Run("texts of a word cloud are folded, and people counted", func(t *testing.T) {
		p, v := begin(t, 0)
		words(t, p, 0, 0)
		o := count(t, store, votes(vote(p, 0, v, "Berlin\nRome"), vote(p, 0, v, "BERLIN!")),
			votes(vote(p, 0, v, "Oslo")))
		require.Equal(t, []verdicts{{counted, counted}, {counted}}, o.Verdicts)
		require.Len(t, o.Changed, 1)
		words(t, p, 0, 3, question.WordCount{Word: "berlin", Count: 2},
			question.WordCount{Word: "oslo", Count: 1}, question.WordCount{Word: "rome", Count: 1})
	})

	t.Run("open texts are as they were written", func(t *testing.T) {
		p, v := begin(t, 1)
		count(t, store, votes(vote(p, 1, v, "Why not?"), vote(p, 1, v, "why not?"),
			vote(p, 1, v, "Why not?")))
		words(t, p, 1, 3, question.WordCount{Word: "Why not?", Count: 2},
			question.WordCount{Word: "why not?", Count: 1})
	})

	t.Run("an open text with lines is one, and is read with its lines", func(t *testing.T) {
		p, v := begin(t, 1)
		q := p.Polls[1]
		answer, err := q.TextAnswer([]string{"Why?\n\n\t- because"})
		require.NoError(t, err)
		require.Equal(t, []verdicts{{counted}},
			count(t, store, votes(vote(p, 1, v, answer))).Verdicts)
		r := results(t, store, p, 1)
		require.Len(t, r.Words, 1)
		require.Equal(t, "Why?\n\n\t- because", r.Words[0].Text)
		require.Equal(t, r.Words,
			wordsOf(t, store, p.ID, q.ID, question.Listing{Order: question.NewestFirst}))
		hidden, _, err := store.Hide(t.Context(), p.ID, q.ID, r.Words[0].Text, true)
		require.NoError(t, err)
		require.Equal(t, r.Words[0].Text, hidden.Text)
		require.Empty(t, results(t, store, p, 1).Words)
	})

	t.Run("a word is shown as most people wrote it, and of equals as the first one did",
		func(t *testing.T) {
			p, v := begin(t, 0)
			shown := func(want string) {
				t.Helper()
				r := results(t, store, p, 0)
				require.Len(t, r.Words, 1)
				require.Equal(t, want, r.Words[0].Text)
			}
			write := func(voter uuid.UUID, age int, text question.Answer) {
				w := by(voter, 0, vote(p, 0, v, text))
				w.ID = aged(age)
				count(t, store, votes(w))
			}
			ann, bob, cyd := uuid.New(), uuid.New(), uuid.New()
			write(ann, 2, "m2")
			shown("m2")
			write(bob, 1, "m²")
			shown("m²")
			write(cyd, 3, "m2")
			shown("m2")
			write(ann, 4, "M²")
			write(cyd, 5, "m²")
			shown("m²")
		})

	t.Run("a change of mind moves the words, in later calls and within one, and leaves none that "+
		"nobody says", func(t *testing.T) {
		p, v := begin(t, 0)
		count(t, store, votes(by(voter, 0, vote(p, 0, v, "Berlin\nRome")), vote(p, 0, v, "Rome")))
		require.Equal(t, []verdicts{{counted}},
			count(t, store, votes(by(voter, 0, vote(p, 0, v, "Oslo\nRome")))).Verdicts)
		words(t, p, 0, 2, question.WordCount{Word: "rome", Count: 2},
			question.WordCount{Word: "oslo", Count: 1})
		o := count(t, store, votes(by(voter, 0, vote(p, 0, v, "Paris")),
			by(voter, 0, vote(p, 0, v, "Lima"))), votes(by(voter, 0, vote(p, 0, v, "Berlin"))))
		require.Equal(t, []verdicts{{superseded, superseded}, {counted}}, o.Verdicts)
		words(t, p, 0, 2, question.WordCount{Word: "berlin", Count: 1},
			question.WordCount{Word: "rome", Count: 1})
		require.Contains(t, said(list(t, store, p, 0)),
			poll.VoterAnswer{VoterID: voter, Answer: "Berlin"})

		// said otherwise, and the same
		count(t, store, votes(by(voter, 0, vote(p, 0, v, "BERLIN!"))))
		words(t, p, 0, 2, question.WordCount{Word: "berlin", Count: 1},
			question.WordCount{Word: "rome", Count: 1})
		require.Contains(t, said(list(t, store, p, 0)),
			poll.VoterAnswer{VoterID: voter, Answer: "BERLIN!"})
	})

	t.Run("a vote that does not stand moves no word", func(t *testing.T) {
		p, v := begin(t, 0)
		first := votes(by(voter, 5, vote(p, 0, v, "Berlin")))
		count(t, store, first, first)
		o := count(t, store, votes(by(voter, 4, vote(p, 0, v, "Rome"))),
			replayed(by(voter, 9, vote(p, 0, v, "Oslo"))), first)
		require.Equal(t, []verdicts{{superseded}, {superseded}, nil}, o.Verdicts)
		require.Empty(t, o.Changed)
		words(t, p, 0, 1, question.WordCount{Word: "berlin", Count: 1})
	})

	t.Run("results show a hundred words, and say how many there are", func(t *testing.T) {
		for index, kind := range []string{"word", "text"} {
			p, v := begin(t, index)
			batch := poll.Batch{ID: uuid.New()}
			want := map[string]int64{}
			add := func(word string, n int) {
				for range n {
					batch.Votes = append(batch.Votes, vote(p, index, v, question.Answer(word)))
				}
				want[word] = int64(n)
			}
			for i := range 150 {
				add(fmt.Sprintf("%s %03d", kind, i), i%10+1)
			}
			for _, word := range []string{"a", "b", "é", "z", "ü", "a b", "a-b", "ab", "日本",
				"🗳", "1", "_"} {
				add(word, 20)
			}
			count(t, store, batch)
			r := results(t, store, p, index)
			require.Len(t, r.Words, poll.MaxWords)
			require.Equal(t, len(want), r.WordsTotal)
			requireWords(t, store, r, want)
		}
	})

	t.Run("text keeps every character", func(t *testing.T) {
		p, v := begin(t, 1)
		hard := []string{
			`Ünï©ode 🗳️ ' " \ { } , NULL % _ $1 ?`, "NULL", "null", `""`, `\\`, "{}", `{"a", 'b'}`,
			"a,b;c", "<script>alert(1)</script>", "\u200bx\u2028y",
			"العربية", "0", "1e3", "true", "[1]", "--", strings.Repeat("'", 500),
			someText(500), someText(500),
		}
		var want []question.WordCount
		batch := poll.Batch{ID: uuid.New()}
		for _, text := range hard {
			batch.Votes = append(batch.Votes, vote(p, 1, v, question.Answer(text)))
			want = append(want, question.WordCount{Word: text, Count: 1})
		}
		require.Equal(t, []verdicts{slices.Repeat(verdicts{counted}, len(hard))},
			count(t, store, batch).Verdicts)
		words(t, p, 1, int64(len(hard)), want...)
		for _, a := range list(t, store, p, 1) {
			require.Contains(t, hard, string(a.Answer))
		}
	})

	t.Run("the longest words fit", func(t *testing.T) {
		p, v := begin(t, 0)
		// each is folded to eighteen characters
		long := strings.Repeat("\ufdfa", question.MaxWordLength-1)
		answer := question.Answer(long + "a\n" + long + "b\n" + someText(question.MaxWordLength))
		require.Equal(t, []verdicts{{counted}},
			count(t, store, votes(vote(p, 0, v, answer))).Verdicts)
		require.Len(t, results(t, store, p, 0).Words, 3)
	})

	t.Run("text that could not be kept is rejected, good text beside it counts",
		func(t *testing.T) {
			p, v := begin(t, 0)
			o := count(t, store, votes(
				vote(p, 0, v, "a\x00b"), vote(p, 0, v, "Berlin"), vote(p, 0, v, "\xff"),
				vote(p, 0, v, " "), vote(p, 0, v, "a\n\nb"),
				vote(p, 0, v, question.Answer(strings.Repeat("x", question.MaxWordLength+1))),
				vote(p, 1, v, "a\nb"), vote(p, 0, v, "Rome"), vote(p, 1, v, "Yes")))
			require.Equal(t, []verdicts{{rejected, counted, rejected, rejected, rejected, rejected,
				rejected, counted, counted}}, o.Verdicts)
			words(t, p, 0, 2, question.WordCount{Word: "berlin", Count: 1},
				question.WordCount{Word: "rome", Count: 1})
			words(t, p, 1, 1, question.WordCount{Word: "Yes", Count: 1})
		})

	t.Run("final words stay what they are", func(t *testing.T) {
		p, v := begin(t, 0)
		count(t, store, votes(by(voter, 0, vote(p, 0, v, "Berlin\nRome")), vote(p, 0, v, "Berlin")))
		show(t, store, p, 1)
		count(t, store, votes(vote(p, 0, v, "Oslo")), seal(p, 0, v))
		final := results(t, store, p, 0)
		require.Equal(t, poll.Final, final.Status)
		require.Len(t, final.Words, 3)
		o := count(t, store, votes(by(voter, 9, vote(p, 0, v, "Lima")), vote(p, 0, v, "Lima"),
			vote(p, 1, v+1, "Elsewhere")))
		require.Equal(t, []verdicts{{late, late, counted}}, o.Verdicts)
		require.Equal(t, final, results(t, store, p, 0))
	})

	t.Run("a full batch of 5000 long texts counts exactly, new and changed", func(t *testing.T) {
		p, v := begin(t, 1)
		big := poll.Batch{ID: uuid.New()}
		tail := strings.Repeat("x", question.MaxTextLength-4)
		for i := range 5000 {
			big.Votes = append(big.Votes,
				vote(p, 1, v, question.Answer(fmt.Sprintf("%04d", i)+tail)))
		}
		count(t, store, big)
		r := results(t, store, p, 1)
		require.Len(t, r.Words, poll.MaxWords)
		require.Equal(t, 5000, r.WordsTotal)
		requireRecount(t, store, p, 1)
		big.ID = uuid.New()
		for i := range big.Votes {
			big.Votes[i].Answer = []question.Answer{"yes", "no", "yes"}[i%3]
		}
		count(t, store, big)
		words(t, p, 1, 5000, question.WordCount{Word: "yes", Count: 3333},
			question.WordCount{Word: "no", Count: 1667})
	})

	t.Run("words that are banned later are left out, and others take their place",
		func(t *testing.T) {
			polls := textPolls()
			polls[0].Banned = []string{"darn"}
			p := created(t, store, polls...)
			if len(results(t, store, p, 0).Banned) == 0 {
				t.Skip("the store does not keep banned words")
			}
			v := show(t, store, p, 0)
			batch := poll.Batch{ID: uuid.New()}
			want := map[string]int64{}
			for i := range 250 { // they came before the ban
				text := fmt.Sprintf("word%03d", i)
				if i < 120 {
					text += " darn"
				}
				want[text] = 1
				batch.Votes = append(batch.Votes, vote(p, 0, v, question.Answer(text)))
			}
			count(t, store, batch)
			r := results(t, store, p, 0)
			require.Len(t, r.Words, poll.MaxWords)
			require.False(t, slices.ContainsFunc(r.Words,
				func(w question.WordCount) bool { return strings.Contains(w.Word, "darn") }))
			require.Equal(t, 130, r.WordsTotal)
			requireWords(t, store, r, want)
		})
}

func countsOf(words []question.WordCount) map[string]int64 {
	counts := map[string]int64{}
	for _, w := range words {
		counts[w.Word] = w.Count
	}
	return counts
}

// inOrder compares two words that stand in an order.
func inOrder(order question.Order) func(a, b question.WordCount) int {
	return func(a, b question.WordCount) int {
		age, word := bytes.Compare(a.First[:], b.First[:]), strings.Compare(a.Word, b.Word)
		if order == question.NewestFirst {
			return cmp.Or(-age, word)
		}
		return cmp.Or(cmp.Compare(b.Count, a.Count), age, word)
	}
}

// requireWords compares all words of a poll with what they must be, and its results with all
// words. The suite does not know how old a word is, and which words are hidden. The listing tells
// that, and in it the words must stand in order.
func requireWords(t require.TestingT, s Store, r poll.Results, want map[string]int64) {
	for _, order := range []question.Order{question.MostFirst, question.NewestFirst} {
		var all, shown []question.WordCount
		for _, hidden := range []bool{true, false} {
			got := wordsOf(t, s, r.PresentationID, r.ID,
				question.Listing{Order: order, Hidden: hidden})
			require.True(t, slices.IsSortedFunc(got, inOrder(order)))
			if hidden {
				all = got
			} else {
				shown = got
			}
		}
		require.Equal(t, want, countsOf(all))
		require.Len(t, all, len(want), "each word is there once")
		all = slices.DeleteFunc(all, func(w question.WordCount) bool { return w.Hidden })
		require.Equal(t, all, shown, "hidden words are left out")
		if order == r.Kind.Order() {
			require.Equal(t, shown[:min(len(shown), poll.MaxWords)], r.Words)
			require.Equal(t, min(len(shown), question.MaxTotal), r.WordsTotal)
		}
	}
}

// wordsOf reads words of a poll; nil: there is none.
func wordsOf(t require.TestingT, s Store, presentationID, pollID uuid.UUID,
	l question.Listing) (words []question.WordCount) {
	err := s.Answers(context.Background(), presentationID, pollID, l,
		func(w question.WordCount) error {
			words = append(words, w)
			return nil
		})
	require.NoError(t, err)
	return words
}
