package chattest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
)

// item gives what somebody does in a chat.
func item(p chat.Place, does chat.Action, who byte) chat.Item {
	return chat.Item{
		ID: commit.NewID(), App: p.App, Chat: p.Number, Action: does, Person: person(who), At: now,
	}
}

func post(c chat.Chat, who byte, body string) chat.Item {
	i := item(placeOf(c), chat.Post, who)
	i.Body = body
	return i
}

// on gives what somebody does with a message.
func on(c chat.Chat, number int64, does chat.Action, who byte) chat.Item {
	i := item(placeOf(c), does, who)
	i.Message = number
	return i
}

func edit(c chat.Chat, number int64, who byte, body string) chat.Item {
	i := on(c, number, chat.Edit, who)
	i.Body = body
	return i
}

func mark(c chat.Chat, number int64, marks chat.Marks) chat.Item {
	i := on(c, number, chat.Mark, 99)
	i.Marks, i.Trusted = marks, true
	return i
}

func trusted(i chat.Item) chat.Item {
	i.Trusted = true
	return i
}

func batch(items ...chat.Item) chat.Batch {
	return chat.Batch{ID: commit.NewID(), Partition: 3, Items: items}
}

func count(t testing.TB, store chat.Store, batches ...chat.Batch) chat.Outcome {
	t.Helper()
	o, err := store.Count(t.Context(), []int{3}, batches)
	require.NoError(t, err)
	return o
}

// one decides an item alone, and requires its result.
func one(t testing.TB, store chat.Store, want chat.Result, i chat.Item) {
	t.Helper()
	require.Equal(t, [][]chat.Result{{want}}, count(t, store, batch(i)).Results)
}

// got is the result of what made something that everybody sees.
func got(number int64) chat.Result { return chat.Result{Verdict: chat.Numbered, Number: number} }

// does is one where there is no number.
func does(t testing.TB, store chat.Store, want chat.Verdict, i chat.Item) {
	t.Helper()
	one(t, store, chat.Result{Verdict: want}, i)
}

// posted posts texts, and requires that they get the next numbers.
func posted(t testing.TB, store chat.Store, c chat.Chat, texts ...string) {
	t.Helper()
	last := read(t, store, placeOf(c)).Last
	for _, text := range texts {
		last++
		one(t, store, got(last), post(c, 1, text))
	}
}

// requireRecounted requires counts of a chat, and that they are what its rows say.
func requireRecounted(t testing.TB, store chat.Store, c chat.Chat, want chat.Counts) {
	t.Helper()
	require.Equal(t, want, read(t, store, placeOf(c)).Counts)
	n, err := store.Recount(t.Context(), chat.Chats, c.ID, false)
	require.NoError(t, err)
	require.Equal(t, []int64{want.Last, want.Last, want.Messages, want.Shown}, n.Rows[:4])
	require.Equal(t, n.Kept, n.Rows)
}

func (s Suite) numbers(t *testing.T) {
	store := s.Open(t)
	c := opened(t, store, nil)
	first := post(c, 1, "Für «alle» – 日本語 🐘\n\t'or' \"and\" {\\} %_")
	first.Author = "Ada\\ \"L.\""
	o := count(t, store, batch(first))
	require.Equal(t, [][]chat.Result{{{Verdict: chat.Numbered, Number: 1}}}, o.Results)
	require.Equal(t, []bus.Change{{Thing: c.App, Part: c.ID, Revision: 2}}, o.Changed)
	require.Equal(t, chat.Message{
		Chat: c.ID, Number: 1, ID: first.ID, Person: person(1), Author: first.Author,
		Body: first.Body, At: now, State: chat.Shown,
	}, message(t, store, c, 1), "what is read is what was written")
	number, of, err := store.Numbered(t.Context(), c.App, first.ID)
	require.NoError(t, err)
	require.Equal(t, [2]int64{1, 1}, [2]int64{number, of})
	_, err = store.Message(t.Context(), c.ID, 2)
	requireKind(t, fault.NotFound, err)

	t.Run("many a transaction, over batches and chats, in the log's order", func(t *testing.T) {
		other := opened(t, store, nil)
		o := count(t, store,
			batch(post(c, 1, "2"), post(other, 2, "1"), post(c, 3, "3")),
			batch(post(other, 2, "2"), post(c, 1, "4")))
		require.Equal(t, [][]chat.Result{
			{got(2), got(1), got(3)}, {got(2), got(4)},
		}, o.Results)
		require.Len(t, o.Changed, 2, "one of each chat")
		for n := int64(2); n <= 4; n++ {
			require.Equal(t, fmt.Sprint(n), message(t, store, c, n).Body)
		}
		requireRecounted(t, store, c, chat.Counts{Last: 4, Messages: 4, Shown: 4})
		requireRecounted(t, store, other, chat.Counts{Last: 2, Messages: 2, Shown: 2})
	})
	t.Run("a chat, its messages and their edits in one transaction", func(t *testing.T) {
		a := created(t, store, nil)
		p := chat.Place{App: a.ID, Number: 1}
		made := item(chat.Place{App: a.ID}, chat.Make, 1)
		made.Kind = chat.Questions
		c := chat.Chat{ID: made.ID, App: a.ID, Number: 1}
		count(t, store, batch(made, post(c, 1, "one"), post(c, 2, "two"), edit(c, 1, 1, "uno"),
			on(c, 2, chat.Upvote, 1), on(c, 2, chat.Upvote, 2), on(c, 2, chat.Unvote, 1),
			post(c, 3, "three"), edit(c, 3, 3, "tre"), on(c, 3, chat.Upvote, 1),
			on(c, 3, chat.Delete, 3)))
		require.EqualValues(t, 1, read(t, store, p).Revision)
		require.Equal(t, "uno", message(t, store, c, 1).Body)
		require.EqualValues(t, 1, message(t, store, c, 2).Votes)
		require.Zero(t, message(t, store, c, 2).Changed, "nobody has seen it otherwise")
		require.Equal(t, chat.Deleted, message(t, store, c, 3).State)
		versions, err := store.Versions(t.Context(), c.ID, 1)
		require.NoError(t, err)
		require.Equal(t, []chat.Version{{Edit: 0, Body: "one", At: now}}, versions)
		versions, err = store.Versions(t.Context(), c.ID, 3)
		require.NoError(t, err)
		require.Empty(t, versions)
		requireRecounted(t, store, c, chat.Counts{Last: 3, Messages: 2, Shown: 2})
	})
	t.Run("texts as long as they may be", func(t *testing.T) {
		long := make([]rune, chat.MaxBody)
		for i := range long {
			long[i] = 'ﷺ' // which stands for 18
		}
		posted(t, store, c, string(long))
		require.Equal(t, string(long), message(t, store, c, 5).Body)
	})
}

func (s Suite) retries(t *testing.T) {
	store := s.Open(t)
	c := opened(t, store, nil)
	t.Run("a batch that comes again has no effect", func(t *testing.T) {
		first := batch(post(c, 1, "1"), post(c, 1, "2"))
		count(t, store, first)
		o := count(t, store, first, batch(post(c, 1, "3")), first)
		require.Equal(t, [][]chat.Result{nil, {got(3)}, nil}, o.Results)
		requireRecounted(t, store, c, chat.Counts{Last: 3, Messages: 3, Shown: 3})
	})
	t.Run("an item with a key gets its number again", func(t *testing.T) {
		keyed, made := post(c, 1, "4"), item(chat.Place{App: c.App}, chat.Make, 1)
		keyed.Keyed, made.Keyed, made.Kind = true, true, chat.Plain
		o := count(t, store, batch(keyed, keyed, made, made))
		require.Equal(t, [][]chat.Result{{
			got(4), {Verdict: chat.Before, Number: 4}, got(2), {Verdict: chat.Before, Number: 2},
		}}, o.Results)
		before := chat.Result{Verdict: chat.Before, Number: 4}
		one(t, store, before, keyed)
		one(t, store, chat.Result{Verdict: chat.Before, Number: 2}, made)
		does(t, store, chat.Done, edit(c, 4, 1, "edited"))
		one(t, store, before, keyed)
		does(t, store, chat.Done, on(c, 4, chat.Delete, 1))
		one(t, store, before, keyed)
		_, err := store.Adjust(t.Context(), placeOf(c), func(c *chat.Chat) error {
			c.Closed = true
			return nil
		})
		require.NoError(t, err)
		one(t, store, before, keyed)
		_, err = store.Adjust(t.Context(), placeOf(c), func(c *chat.Chat) error {
			c.Closed = false
			return nil
		})
		require.NoError(t, err)
	})
	t.Run("an edit with a key has its effect once", func(t *testing.T) {
		keyed := edit(c, 1, 1, "first")
		keyed.Keyed = true
		does(t, store, chat.Done, keyed)
		does(t, store, chat.Done, edit(c, 1, 1, "second"))
		does(t, store, chat.Done, keyed)
		require.Equal(t, "second", message(t, store, c, 1).Body)
	})
	t.Run("an item with a key that was refused is decided anew", func(t *testing.T) {
		keyed := edit(c, 5, 1, "too early")
		keyed.Keyed = true
		does(t, store, chat.MessageGone, keyed)
		posted(t, store, c, "5")
		does(t, store, chat.Done, keyed)
		require.Equal(t, "too early", message(t, store, c, 5).Body)
	})
	t.Run("of a batch that was halved the id is left", func(t *testing.T) {
		whole := batch(post(c, 1, "never"))
		o := count(t, store, chat.Batch{ID: whole.ID, Partition: 3})
		require.Equal(t, [][]chat.Result{nil}, o.Results)
		require.Nil(t, count(t, store, whole).Results[0])
	})
	requireRecounted(t, store, c, chat.Counts{Last: 5, Messages: 4, Shown: 4})
}

// many has eight partitions number in the same chats at once, which no log does but under faults,
// while their settings change.
func (s Suite) many(t *testing.T) {
	store := s.Open(t)
	c := opened(t, store, nil)
	made := item(chat.Place{App: c.App}, chat.Make, 1)
	made.Kind = chat.Plain
	one(t, store, got(2), made)
	both := []chat.Chat{c, read(t, store, chat.Place{App: c.App, Number: 2})}
	const partitions, calls, each = 8, 10, 5
	var all sync.WaitGroup
	var mu sync.Mutex
	given := map[chat.Place]map[int64]bool{placeOf(both[0]): {}, placeOf(both[1]): {}}
	for part := range partitions {
		all.Go(func() {
			for call := range calls {
				var items []chat.Item
				for range each {
					items = append(items, post(both[part%2], byte(part), "x"),
						post(both[(part+1)%2], byte(part), "y"))
				}
				b := batch(items...)
				b.Partition = part
				o, err := store.Count(t.Context(), []int{part}, []chat.Batch{b})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for i, r := range o.Results[0] {
					place := chat.Place{App: items[i].App, Number: items[i].Chat}
					if given[place][r.Number] {
						t.Errorf("number %d was given twice", r.Number)
					}
					given[place][r.Number] = true
				}
				mu.Unlock()
				if part == 0 {
					_, err := store.Adjust(t.Context(), placeOf(c), func(c *chat.Chat) error {
						c.Title = fmt.Sprint(call)
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	const total = partitions * calls * each
	for _, c := range both {
		requireRecounted(t, store, c, chat.Counts{Last: total, Messages: total, Shown: total})
		require.Len(t, given[placeOf(c)], total)
		for n := int64(1); n <= total; n++ {
			require.True(t, given[placeOf(c)][n])
		}
	}
	require.Equal(t, "9", read(t, store, placeOf(c)).Title)
	n, err := store.Recount(t.Context(), chat.Apps, c.App, false)
	require.NoError(t, err)
	require.Equal(t, chat.Numbers{Kept: []int64{2, 2}, Rows: []int64{2, 2}}, n)
	_, err = store.Recount(t.Context(), chat.Apps, uuid.New(), false)
	requireKind(t, fault.NotFound, err)
}
