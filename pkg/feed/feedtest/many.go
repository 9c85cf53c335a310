package feedtest

import (
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/work"
)

// hot has eight partitions count one poll at once, beside others in another order each time, while
// polls are closed.
func (s Suite) hot(t *testing.T) {
	store := s.Open(t)
	polls := []feed.Poll{
		created(t, store, nil), created(t, store, nil), created(t, store, nil),
	}
	closing := created(t, store, nil)
	const partitions, calls = 8, 12
	var all sync.WaitGroup
	for part := range partitions {
		all.Go(func() {
			for i := range calls {
				var items []feed.Item
				for range 5 {
					who := commit.NewID()
					for k := range polls {
						items = append(items, vote(polls[(k+part)%len(polls)], who, i%3))
					}
					items = append(items, vote(closing, who, 0))
				}
				b := batch(items...)
				b.Partition = part
				_, err := store.Count(t.Context(), rules, []int{part}, []feed.Batch{b})
				if err != nil {
					t.Error(err)
				}
				if part == 0 && i == calls/2 {
					if err := store.Close(t.Context(), closing.ID); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	const each = partitions * calls * 5 / 3
	for _, p := range polls {
		requireRecounted(t, store, p.ID, tally(0, each, each, each))
		require.EqualValues(t, partitions*calls, read(t, store, p.ID).Revision)
	}
	requireRecounted(t, store, closing.ID, read(t, store, closing.ID).Tally)
}

// property draws batches, some of which come again, and holds the store to a plain map.
func (s Suite) property(t *testing.T) {
	store := s.Open(t)
	by := feed.Rules{DailyVotes: 3, Undo: 1 << 60}
	rapid.Check(t, func(r *rapid.T) {
		p := newPoll(t, nil)
		require.NoError(r, store.Create(t.Context(), p))
		group := commit.NewID()
		stands, used, sent := map[byte]int{}, map[byte]int{}, []feed.Batch(nil)
		for range rapid.IntRange(1, 6).Draw(r, "batches") {
			if len(sent) > 0 && rapid.Bool().Draw(r, "again") {
				old := sent[rapid.IntRange(0, len(sent)-1).Draw(r, "which")]
				_, err := store.Count(t.Context(), by, []int{3}, []feed.Batch{old})
				require.NoError(r, err)
				continue
			}
			var items []feed.Item
			for range rapid.IntRange(1, 8).Draw(r, "items") {
				n := rapid.ByteRange(0, 2).Draw(r, "who")
				does := feed.Action(rapid.ByteRange(1, 5).Draw(r, "action"))
				i := item(p, uuid.NewSHA1(group, []byte{n}), does)
				if does == feed.Vote || does == feed.Change {
					i.Option = rapid.IntRange(0, 2).Draw(r, "option")
				}
				items = append(items, i)
				option, answered := stands[n]
				switch {
				case does == feed.Vote && !answered && used[n] < 3:
					stands[n] = i.Option
					used[n]++
				case does == feed.Skip && !answered:
					stands[n] = feed.SkipOption
				case does == feed.Unskip && answered && option < 0,
					does == feed.Withdraw && answered && option >= 0:
					delete(stands, n)
				case does == feed.Change && answered && option >= 0:
					stands[n] = i.Option
				}
			}
			sent = append(sent, batch(items...))
			_, err := store.Count(t.Context(), by, []int{3}, sent[len(sent)-1:])
			require.NoError(r, err)
		}
		want := tally(0, 0, 0, 0)
		for _, option := range stands {
			if option < 0 {
				want.Skips++
			} else {
				want.Votes[option]++
			}
		}
		got, rows, err := store.Recount(t.Context(), p.ID, false)
		require.NoError(r, err)
		require.Equal(r, want, got.Tally)
		require.Equal(r, want, rows.Tally)
		require.Equal(r, got, rows)
	})
}

func (s Suite) recounts(t *testing.T) {
	store := s.Open(t)
	recount := func(repair bool) (n int, found []work.Difference) {
		n, err := feed.NewRecounter(store).Recount(t.Context(), repair, func(d work.Difference) {
			found = append(found, d)
		})
		require.NoError(t, err)
		return n, found
	}
	n, found := recount(true)
	require.Zero(t, n)
	require.Empty(t, found, "there is nothing to compare")
	wrong, right := created(t, store, nil), created(t, store, nil)
	one(t, store, feed.Done, vote(wrong, account(1), 2))
	one(t, store, feed.Done, item(wrong, account(2), feed.Skip))
	one(t, store, feed.Done, vote(right, account(1), 0))
	s.Exec(t, store, `UPDATE feed_polls SET skips = 7 WHERE id = ?`, wrong.ID)
	before := read(t, store, right.ID)
	want := work.Difference{
		Thing: wrong.ID, What: "skips, and votes by option",
		Tally: []int64{7, 0, 0, 1}, Rows: []int64{1, 0, 0, 1},
	}
	for range 2 { // what is asked alone changes nothing
		n, found = recount(false)
		require.Equal(t, 2, n)
		require.Equal(t, []work.Difference{want}, found)
	}
	n, found = recount(true)
	require.Equal(t, 2, n)
	want.Mended = true
	require.Equal(t, []work.Difference{want}, found)
	requireRecounted(t, store, wrong.ID, tally(1, 0, 0, 1))
	require.EqualValues(t, 3, read(t, store, wrong.ID).Revision, "people see it")
	require.Equal(t, before, read(t, store, right.ID))
	_, found = recount(true)
	require.Empty(t, found)
	t.Run("answers that nobody counted", func(t *testing.T) {
		s.Exec(t, store, `DELETE FROM feed_answers WHERE poll_id = ?`, wrong.ID)
		_, found := recount(true)
		require.Len(t, found, 1)
		require.Equal(t, []int64{0, 0, 0, 0}, found[0].Rows)
		requireRecounted(t, store, wrong.ID, tally(0, 0, 0, 0))
	})
	t.Run("hours alone", func(t *testing.T) {
		for _, c := range []struct {
			statement   string
			tally, rows []int64
		}{
			{`UPDATE feed_hours SET votes = 9 WHERE poll_id = ?`, []int64{9}, []int64{1}},
			{`UPDATE feed_hours SET at = at + 3600000 WHERE poll_id = ?`,
				[]int64{0, 1}, []int64{1, 0}},
			{`DELETE FROM feed_hours WHERE poll_id = ?`, []int64{0}, []int64{1}},
		} {
			s.Exec(t, store, c.statement, right.ID)
			_, found := recount(true)
			require.Equal(t, []work.Difference{{
				Thing: right.ID, What: "votes by hour", Tally: c.tally, Rows: c.rows, Mended: true,
			}}, found)
			requireRecounted(t, store, right.ID, tally(0, 1, 0, 0))
		}
	})
	t.Run("a few at a time", func(t *testing.T) {
		var seen int
		for after := uuid.Nil; ; {
			n, last, differing, err := store.Differing(t.Context(), after, 1)
			require.NoError(t, err)
			require.Empty(t, differing)
			if n == 0 {
				break
			}
			after, seen = last, seen+n
		}
		require.Equal(t, 2, seen)
	})
}

// gone has an account deleted, which the feed is not told of.
func (s Suite) gone(t *testing.T) {
	store := s.Open(t)
	who := account(1)
	s.Exec(t, store, `INSERT INTO accounts (id, email, username, password, epoch, verified)
		VALUES (?, 'a@b.example', 'A', '', 1, true)`, who)
	p := created(t, store, func(p *feed.Poll) { p.Author = who })
	one(t, store, feed.Done, vote(p, who, 1))
	before := read(t, store, p.ID)
	s.Exec(t, store, `DELETE FROM accounts WHERE id = ?`, who)
	require.Equal(t, before, read(t, store, p.ID))
	requireRecounted(t, store, p.ID, tally(0, 0, 1, 0))
	one(t, store, feed.Done, vote(p, account(2), 1))
}
