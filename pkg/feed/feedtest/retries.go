package feedtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/feed"
)

func (s Suite) retries(t *testing.T) {
	store := s.Open(t)
	who := account(1)
	t.Run("a batch that comes again has no effect", func(t *testing.T) {
		p := created(t, store, nil)
		first, second := batch(item(p, who, feed.Skip)), batch(item(p, who, feed.Unskip))
		count(t, store, rules, first, second)
		o := count(t, store, rules, first, batch(vote(p, who, 1)), first)
		require.Equal(t, [][]feed.Result{nil, {{Verdict: feed.Done}}, nil}, o.Results)
		requireRecounted(t, store, p.ID, tally(0, 0, 1, 0))
	})
	t.Run("an item with a key has its effect once, and its answer again", func(t *testing.T) {
		p := created(t, store, nil)
		keyed := vote(p, who, 1)
		keyed.Keyed = true
		by := feed.Rules{DailyVotes: 100, Undo: time.Hour}
		o := count(t, store, by, batch(keyed, keyed))
		require.Equal(t, [][]feed.Result{{{Verdict: feed.Done}, {Verdict: feed.Done}}}, o.Results)
		oneBy(t, store, by, feed.Done, item(p, who, feed.Withdraw))
		require.NoError(t, store.Close(t.Context(), p.ID))
		oneBy(t, store, by, feed.Done, keyed)
		requireRecounted(t, store, p.ID, tally(0, 0, 0, 0))
	})
	t.Run("an item with a key that was refused is decided anew", func(t *testing.T) {
		p := created(t, store, nil)
		keyed := vote(p, account(2), 1)
		keyed.Keyed = true
		one(t, store, feed.Done, item(p, account(2), feed.Skip))
		one(t, store, feed.SkippedBefore, keyed)
		one(t, store, feed.Done, item(p, account(2), feed.Unskip))
		one(t, store, feed.Done, keyed)
		requireRecounted(t, store, p.ID, tally(0, 0, 1, 0))
	})
	t.Run("of a batch that was halved the id is left", func(t *testing.T) {
		p := created(t, store, nil)
		whole := batch(vote(p, who, 1))
		o := count(t, store, rules, feed.Batch{ID: whole.ID, Partition: 3})
		require.Equal(t, [][]feed.Result{nil}, o.Results)
		require.Nil(t, count(t, store, rules, whole).Results[0])
		requireRecounted(t, store, p.ID, tally(0, 0, 0, 0))
	})
}
