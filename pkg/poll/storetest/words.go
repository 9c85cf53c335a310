package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
)

// textPolls are a word cloud and an open text.
func textPolls() []poll.Poll {
	return []poll.Poll{{Question: "Where?", Kind: poll.WordCloud}, {Question: "Why?", Kind: poll.OpenText}}
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
	words := func(t *testing.T, p poll.Presentation, index int, voters int64, want ...poll.WordCount) {
		t.Helper()
		r := results(t, store, p, index)
		require.Equal(t, want, r.Words)
		require.Equal(t, voters, r.Voters)
		require.Empty(t, r.Counts)
		require.Len(t, list(t, store, p, index), int(voters))
	}

	t.Run("texts of a word cloud are folded, and people counted", func(t *testing.T) {
		p, v := begin(t, 0)
		words(t, p, 0, 0)
		o := count(t, store, votes(vote(p, 0, v, "Berlin\nRome"), vote(p, 0, v, "BERLIN!")), votes(vote(p, 0, v, "Oslo")))
		require.Equal(t, []verdicts{{counted, counted}, {counted}}, o.Verdicts)
		require.Len(t, o.Changed, 1)
		words(t, p, 0, 3, poll.WordCount{Text: "berlin", Count: 2}, poll.WordCount{Text: "oslo", Count: 1}, poll.WordCount{Text: "rome", Count: 1})
	})

	t.Run("open texts are as they were written", func(t *testing.T) {
		p, v := begin(t, 1)
		count(t, store, votes(vote(p, 1, v, "Why not?"), vote(p, 1, v, "why not?"), vote(p, 1, v, "Why not?")))
		words(t, p, 1, 3, poll.WordCount{Text: "Why not?", Count: 2}, poll.WordCount{Text: "why not?", Count: 1})
	})

	t.Run("a change of mind moves the words, in later calls and within one, and leaves none that nobody says", func(t *testing.T) {
		p, v := begin(t, 0)
		count(t, store, votes(by(voter, 0, vote(p, 0, v, "Berlin\nRome")), vote(p, 0, v, "Rome")))
		require.Equal(t, []verdicts{{counted}}, count(t, store, votes(by(voter, 0, vote(p, 0, v, "Oslo\nRome")))).Verdicts)
		words(t, p, 0, 2, poll.WordCount{Text: "rome", Count: 2}, poll.WordCount{Text: "oslo", Count: 1})
		o := count(t, store, votes(by(voter, 0, vote(p, 0, v, "Paris")), by(voter, 0, vote(p, 0, v, "Lima"))), votes(by(voter, 0, vote(p, 0, v, "Berlin"))))
		require.Equal(t, []verdicts{{superseded, superseded}, {counted}}, o.Verdicts)
		words(t, p, 0, 2, poll.WordCount{Text: "berlin", Count: 1}, poll.WordCount{Text: "rome", Count: 1})
		require.Contains(t, said(list(t, store, p, 0)), poll.VoterAnswer{VoterID: voter, Answer: "Berlin"})

		count(t, store, votes(by(voter, 0, vote(p, 0, v, "BERLIN!")))) // said otherwise, and the same
		words(t, p, 0, 2, poll.WordCount{Text: "berlin", Count: 1}, poll.WordCount{Text: "rome", Count: 1})
		require.Contains(t, said(list(t, store, p, 0)), poll.VoterAnswer{VoterID: voter, Answer: "BERLIN!"})
	})

	t.Run("a vote that does not stand moves no word", func(t *testing.T) {
		p, v := begin(t, 0)
		first := votes(by(voter, 5, vote(p, 0, v, "Berlin")))
		count(t, store, first, first)
		o := count(t, store, votes(by(voter, 4, vote(p, 0, v, "Rome"))), replayed(by(voter, 9, vote(p, 0, v, "Oslo"))), first)
		require.Equal(t, []verdicts{{superseded}, {superseded}, nil}, o.Verdicts)
		require.Empty(t, o.Changed)
		words(t, p, 0, 1, poll.WordCount{Text: "berlin", Count: 1})
	})

	t.Run("the hundred words with the most votes are shown, equal ones in the order of their bytes", func(t *testing.T) {
		p, v := begin(t, 1)
		var batch poll.Batch
		var want []poll.WordCount
		for i := range 150 {
			word := fmt.Sprintf("word %03d", i)
			for range i%10 + 1 {
				batch.Votes = append(batch.Votes, vote(p, 1, v, poll.Answer(word)))
			}
			want = append(want, poll.WordCount{Text: word, Count: int64(i%10 + 1)})
		}
		for _, word := range []string{"a", "B", "é", "z", "Z", "a b", "a-b", "ab", "日本", "🗳️", "1", "_"} {
			for range 20 {
				batch.Votes = append(batch.Votes, vote(p, 1, v, poll.Answer(word)))
			}
			want = append(want, poll.WordCount{Text: word, Count: 20})
		}
		batch.ID = uuid.New()
		count(t, store, batch)
		sortWords(want)
		words(t, p, 1, int64(len(batch.Votes)), want[:poll.MaxWords]...)
	})

	t.Run("text keeps every character", func(t *testing.T) {
		p, v := begin(t, 1)
		hard := []string{
			`Ünï©ode 🗳️ ' " \ { } , NULL % _ $1 ?`, "NULL", "null", `""`, `\\`, "{}", `{"a", 'b'}`, "a,b;c", "<script>alert(1)</script>", "\u200bx\u2028y",
			"العربية", "0", "1e3", "true", "[1]", "--", strings.Repeat("'", 500), someText(500), someText(500),
		}
		var want []poll.WordCount
		batch := poll.Batch{ID: uuid.New()}
		for _, text := range hard {
			batch.Votes = append(batch.Votes, vote(p, 1, v, poll.Answer(text)))
			want = append(want, poll.WordCount{Text: text, Count: 1})
		}
		require.Equal(t, []verdicts{slices.Repeat(verdicts{counted}, len(hard))}, count(t, store, batch).Verdicts)
		sortWords(want)
		words(t, p, 1, int64(len(hard)), want...)
		for _, a := range list(t, store, p, 1) {
			require.Contains(t, hard, string(a.Answer))
		}
	})

	t.Run("the longest words fit", func(t *testing.T) {
		p, v := begin(t, 0)
		long := strings.Repeat("\ufdfa", poll.MaxWordLength-1) // each is folded to eighteen characters
		answer := poll.Answer(long + "a\n" + long + "b\n" + someText(poll.MaxWordLength))
		require.Equal(t, []verdicts{{counted}}, count(t, store, votes(vote(p, 0, v, answer))).Verdicts)
		require.Len(t, results(t, store, p, 0).Words, 3)
	})

	t.Run("text that could not be kept is rejected, good text beside it counts", func(t *testing.T) {
		p, v := begin(t, 0)
		o := count(t, store, votes(
			vote(p, 0, v, "a\x00b"), vote(p, 0, v, "Berlin"), vote(p, 0, v, "\xff"), vote(p, 0, v, ""), vote(p, 0, v, "a\n\nb"),
			vote(p, 0, v, poll.Answer(strings.Repeat("x", poll.MaxWordLength+1))), vote(p, 1, v, "a\nb"), vote(p, 0, v, "Rome"), vote(p, 1, v, "Yes")))
		require.Equal(t, []verdicts{{rejected, counted, rejected, rejected, rejected, rejected, rejected, counted, counted}}, o.Verdicts)
		words(t, p, 0, 2, poll.WordCount{Text: "berlin", Count: 1}, poll.WordCount{Text: "rome", Count: 1})
		words(t, p, 1, 1, poll.WordCount{Text: "Yes", Count: 1})
	})

	t.Run("final words stay what they are", func(t *testing.T) {
		p, v := begin(t, 0)
		count(t, store, votes(by(voter, 0, vote(p, 0, v, "Berlin\nRome")), vote(p, 0, v, "Berlin")))
		show(t, store, p, 1)
		count(t, store, votes(vote(p, 0, v, "Oslo")), seal(p, 0, v))
		final := results(t, store, p, 0)
		require.Equal(t, poll.Final, final.Status)
		require.Len(t, final.Words, 3)
		o := count(t, store, votes(by(voter, 9, vote(p, 0, v, "Lima")), vote(p, 0, v, "Lima"), vote(p, 1, v+1, "Elsewhere")))
		require.Equal(t, []verdicts{{late, late, counted}}, o.Verdicts)
		require.Equal(t, final, results(t, store, p, 0))
	})

	t.Run("a full batch of 5000 long texts counts exactly, new and changed", func(t *testing.T) {
		p, v := begin(t, 1)
		big := poll.Batch{ID: uuid.New()}
		tail := strings.Repeat("x", poll.MaxTextLength-4)
		for i := range 5000 {
			big.Votes = append(big.Votes, vote(p, 1, v, poll.Answer(fmt.Sprintf("%04d", i)+tail)))
		}
		count(t, store, big)
		r := results(t, store, p, 1)
		require.Len(t, r.Words, poll.MaxWords)
		require.Equal(t, poll.WordCount{Text: "0000" + tail, Count: 1}, r.Words[0])
		requireRecount(t, store, p, 1)
		big.ID = uuid.New()
		for i := range big.Votes {
			big.Votes[i].Answer = []poll.Answer{"yes", "no", "yes"}[i%3]
		}
		count(t, store, big)
		words(t, p, 1, 5000, poll.WordCount{Text: "yes", Count: 3333}, poll.WordCount{Text: "no", Count: 1667})
	})

	t.Run("words that are banned later are left out, and others take their place", func(t *testing.T) {
		polls := textPolls()
		polls[0].Banned = []string{"darn"}
		p := created(t, store, polls...)
		if len(results(t, store, p, 0).Banned) == 0 {
			t.Skip("the store does not keep banned words")
		}
		v := show(t, store, p, 0)
		batch := poll.Batch{ID: uuid.New()}
		var want []poll.WordCount
		for i := range 250 { // they came before the ban
			text := fmt.Sprintf("word%03d", i)
			if i < 120 {
				text += " DARN"
			} else {
				want = append(want, poll.WordCount{Text: text, Count: 1})
			}
			batch.Votes = append(batch.Votes, vote(p, 0, v, poll.Answer(text)))
		}
		count(t, store, batch)
		words(t, p, 0, 250, want[:poll.MaxWords]...)
	})
}

func sortWords(words []poll.WordCount) {
	slices.SortFunc(words, func(a, b poll.WordCount) int {
		if a.Count != b.Count {
			return int(b.Count - a.Count)
		}
		return strings.Compare(a.Text, b.Text)
	})
}

// topWords makes the words of results of counts.
func topWords(counts map[string]int64) (words []poll.WordCount) {
	for word, n := range counts {
		words = append(words, poll.WordCount{Text: word, Count: n})
	}
	sortWords(words)
	return words[:min(len(words), poll.MaxWords)]
}
