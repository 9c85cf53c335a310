package polltest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// Benchmark measures how many votes a second one worker counts, in batches of 1, 100 and 5000. The
// votes are from new voters and from voters who change their minds. Others are from voters who
// write words, some of them new ones, and change their minds.
func Benchmark(b *testing.B, open func(b *testing.B) Store) {
	for _, size := range []struct {
		name  string
		votes int
	}{{"1", 1}, {"100", 100}, {"5000", 5000}} {
		b.Run("new/"+size.name, func(b *testing.B) {
			benchmark(b, open(b), size.votes, true,
				question.Choice)
		})
		b.Run("changed/"+size.name,
			func(b *testing.B) { benchmark(b, open(b), size.votes, false, question.Choice) })
		b.Run("words/"+size.name,
			func(b *testing.B) { benchmark(b, open(b), size.votes, false, question.WordCloud) })
	}
}

func benchmark(b *testing.B, store Store, size int, fresh bool, kind question.Kind) {
	b.Cleanup(func() { require.NoError(b, store.Close()) })
	ctx := b.Context()
	require.NoError(b, store.Partitions(ctx, 1))
	asked := poll.Poll{Question: question.Question{Text: "Which?",
		Options: options("A", "B", "C", "D")}}
	if kind.FreeText() {
		asked = poll.Poll{Question: question.Question{Text: "Where?", Kind: kind}}
	}
	p, err := poll.New("", []poll.Poll{asked})
	require.NoError(b, err)
	p.JoinCode = p.ID.String()
	require.NoError(b, p.Open(0))
	require.NoError(b, store.Create(ctx, p))
	batch := poll.Batch{Votes: make([]poll.Vote, size)}
	for i := range batch.Votes {
		batch.Votes[i] = poll.Vote{ID: uuid.New(), PollID: p.Polls[0].ID, VoterID: uuid.New(),
			Version: 1, Answer: "A"}
	}
	round := 0
	next := func() {
		batch.ID = uuid.New()
		round++
		for i := range batch.Votes {
			v := &batch.Votes[i]
			v.Answer = []question.Answer{"A", "B", "C", "D"}[(i+round)%4]
			if kind.FreeText() && i%10 == 0 {
				v.Answer = question.Answer(fmt.Sprintf("Place %d", rand.IntN(10_000)))
			}
			if fresh {
				v.VoterID = uuid.New()
			}
		}
	}
	_, err = store.Count(ctx, []poll.Batch{batch})
	require.NoError(b, err)
	for b.Loop() {
		next() // part of what is measured, and small beside it
		if _, err := store.Count(ctx, []poll.Batch{batch}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "votes/s")
}

// BenchmarkWords measures what results of free text cost, and a page of 100 answers from the middle
// of the list, however many there are.
func BenchmarkWords(b *testing.B, open func(b *testing.B) Store) {
	for _, kind := range []question.Kind{question.WordCloud, question.OpenText} {
		for _, words := range []int{0, 100, 10_000, 30_000} {
			b.Run(fmt.Sprintf("%s/%d", kind, words),
				func(b *testing.B) { benchmarkWords(b, open(b), kind, words) })
		}
	}
}

func benchmarkWords(b *testing.B, store Store, kind question.Kind, n int) {
	b.Cleanup(func() { require.NoError(b, store.Close()) })
	ctx := b.Context()
	require.NoError(b, store.Partitions(ctx, 1))
	p, err := poll.New("", []poll.Poll{{Question: question.Question{Text: "Where?", Kind: kind}}})
	require.NoError(b, err)
	p.JoinCode, p.Slide = p.ID.String(), poll.Slide{Version: 1, Displayed: true}
	require.NoError(b, store.Create(ctx, p))
	for from := 0; from < n; from += 5000 {
		batch := poll.Batch{ID: uuid.New()}
		for i := range min(5000, n) {
			batch.Votes = append(batch.Votes, poll.Vote{
				ID: uuid.Must(uuid.NewV7()), PollID: p.Polls[0].ID, VoterID: uuid.New(), Version: 1,
				Answer: question.Answer(fmt.Sprintf("Place %d", from+i)),
			})
		}
		_, err := store.Count(ctx, []poll.Batch{batch})
		require.NoError(b, err)
	}
	b.Run("results", func(b *testing.B) {
		for b.Loop() {
			r, err := store.Results(ctx, p.ID, p.Polls[0].ID)
			if err != nil || r.WordsTotal != min(n, question.MaxTotal) {
				b.Fatal(r.WordsTotal, err)
			}
		}
	})
	for name, order := range map[string]question.Order{"page most": question.MostFirst,
		"page newest": question.NewestFirst} {
		b.Run(name, func(b *testing.B) { benchmarkPage(b, store, p.Polls[0], order, n/2) })
	}
}

// benchmarkPage reads a hundred answers behind the one in the middle.
func benchmarkPage(b *testing.B, store Store, q poll.Poll, order question.Order, middle int) {
	read := func(after *question.WordCount, n int) (last *question.WordCount) {
		full, seen := errors.New("the page is full"), 0
		err := store.Answers(b.Context(), q.PresentationID, q.ID,
			question.Listing{Order: order, After: after}, func(w question.WordCount) error {
				if seen++; seen >= n {
					last = &w
					return full
				}
				return nil
			})
		if err != nil && !errors.Is(err, full) {
			b.Fatal(err)
		}
		return last
	}
	from := read(nil, middle)
	for b.Loop() {
		read(from, 100)
	}
}
