package feedtest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/feed"
)

// pages reads all pages of a look, and gives what it found, in that order.
func pages(t testing.TB, store feed.Store, l feed.Look) (all []uuid.UUID) {
	t.Helper()
	if l.Now.IsZero() {
		l.Now = now
	}
	for {
		ids, rest, err := store.Unseen(t.Context(), l)
		require.NoError(t, err)
		require.LessOrEqual(t, len(ids), l.Limit)
		if all = append(all, ids...); rest == uuid.Nil {
			return all
		}
		if l.Before != uuid.Nil {
			require.Negative(t, slices.Compare(rest[:], l.Before[:]), "it gets on")
		}
		l.Before = rest
	}
}

// rising gives polls whose ids rise, and the ids.
func rising(
	t testing.TB, store feed.Store, n int, change func(i int, p *feed.Poll),
) (polls []feed.Poll) {
	t.Helper()
	for i := range n {
		polls = append(polls, created(t, store, func(p *feed.Poll) {
			p.ID = idAt(now.Add(time.Duration(i)*time.Second), 1)
			if change != nil {
				change(i, p)
			}
		}))
	}
	return polls
}

// newest gives the ids of those of polls that are wanted, the newest first.
func newest(polls []feed.Poll, wanted func(i int) bool) (ids []uuid.UUID) {
	for i := range polls {
		if wanted(i) {
			ids = append([]uuid.UUID{polls[i].ID}, ids...)
		}
	}
	return ids
}

func (s Suite) unseen(t *testing.T) {
	store := s.Open(t)
	who := account(1)
	require.Empty(t, pages(t, store, feed.Look{Account: who, Limit: 5}))
	polls := rising(t, store, 23, func(i int, p *feed.Poll) {
		if i%7 == 3 {
			p.ClosesAt = now.Add(time.Duration(i) * time.Hour)
		}
	})
	all := newest(polls, func(int) bool { return true })
	for limit := 1; limit <= 24; limit++ {
		require.Equal(t, all, pages(t, store, feed.Look{Account: who, Limit: limit}))
	}
	for i := range polls {
		switch i % 5 {
		case 1:
			one(t, store, feed.Done, vote(polls[i], who, 0))
		case 2:
			one(t, store, feed.Done, item(polls[i], who, feed.Skip))
		}
	}
	left := func(i int) bool { return i%5 != 1 && i%5 != 2 }
	for limit := 1; limit <= 16; limit++ {
		require.Equal(t, newest(polls, left),
			pages(t, store, feed.Look{Account: who, Limit: limit}))
	}
	require.Equal(t, all, pages(t, store, feed.Look{Account: account(2), Limit: 9}),
		"what one has seen is new to another")
	one(t, store, feed.Done, item(polls[2], who, feed.Unskip))
	was := left
	left = func(i int) bool { return was(i) || i == 2 }
	require.Equal(t, newest(polls, left), pages(t, store, feed.Look{Account: who, Limit: 9}))

	t.Run("what is over is not there", func(t *testing.T) {
		at := now.Add(10 * time.Hour)
		open := func(i int) bool { return left(i) && i != 3 && i != 10 }
		look := feed.Look{Account: who, Limit: 4, Now: at}
		require.Equal(t, newest(polls, open), pages(t, store, look))
		n, err := store.Erase(t.Context(), at, 100)
		require.NoError(t, err)
		require.Equal(t, 4, n, "two places of two polls")
		require.Equal(t, newest(polls, open), pages(t, store, look))
		require.NoError(t, store.Close(t.Context(), polls[20].ID))
		require.NoError(t, store.Delete(t.Context(), polls[19].ID))
		fewer := func(i int) bool { return open(i) && i != 20 && i != 19 }
		require.Equal(t, newest(polls, fewer), pages(t, store, look))
	})
}

func (s Suite) tags(t *testing.T) {
	store := s.Open(t)
	popular, err := store.Popular(t.Context(), 10, 10)
	require.NoError(t, err)
	require.Empty(t, popular)
	polls := rising(t, store, 12, func(i int, p *feed.Poll) {
		p.Tags = []string{"ALL", " Größe ", "größe"}
		if i%3 == 0 {
			p.Tags = append(p.Tags, "Ｔｈｉｒｄ %_", "日本語")
		}
	})
	require.Equal(t, []string{"all", "größe", "third %_", "日本語"}, polls[0].Tags)
	third := newest(polls, func(i int) bool { return i%3 == 0 })
	for tag, want := range map[string][]uuid.UUID{
		"all": newest(polls, func(int) bool { return true }), "third %_": third, "日本語": third,
		"%": nil, "third": nil, "ALL": nil, "nobody's": nil, "'": nil,
	} {
		for limit := 1; limit <= 5; limit++ {
			require.Equal(t, want, pages(t, store, feed.Look{
				Account: account(1), Tag: tag, Limit: limit,
			}), tag)
		}
	}
	one(t, store, feed.Done, vote(polls[9], account(1), 0))
	require.Equal(t, newest(polls, func(i int) bool { return i%3 == 0 && i != 9 }),
		pages(t, store, feed.Look{Account: account(1), Tag: "日本語", Limit: 2}))
	popular, err = store.Popular(t.Context(), 1000, 3)
	require.NoError(t, err)
	require.Equal(t, []feed.TagCount{
		{Tag: "all", Polls: 12}, {Tag: "größe", Polls: 12}, {Tag: "third %_", Polls: 4},
	}, popular)
	require.NoError(t, store.Close(t.Context(), polls[11].ID))
	popular, err = store.Popular(t.Context(), 2, 9)
	require.NoError(t, err)
	require.Equal(t, []feed.TagCount{
		{Tag: "all", Polls: 2}, {Tag: "größe", Polls: 2}, {Tag: "third %_", Polls: 1},
		{Tag: "日本語", Polls: 1},
	}, popular, "of the newest that are open")
}

func (s Suite) search(t *testing.T) {
	store := s.Open(t)
	texts := []string{
		"Kubernetes or plain servers", "100% sure", "100 percent sure", "snake_case", "snakeXcase",
		`a "quoted" word`, `it's O'Reilly`, `back\slash`, "ＦＵＬＬ width", "日本語のテスト", "Größe zählt",
		"ÇA VA", "!!! ???", "OR AND NOT NEAR", "Ελληνικά", "пример", "🐘🐘🐘 herd",
	}
	polls := rising(t, store, len(texts), func(i int, p *feed.Poll) {
		p.Title, p.Options = texts[i], []string{"zig", "Zag"}
		p.Tags = []string{"even", "odd"}[i%2 : i%2+1]
	})
	for query, want := range map[string][]int{
		"kubern": {0}, "BERNET": {0}, "100%": {1}, "100": {2, 1}, "%": {1}, "_": {3}, "e_c": {3},
		"snake": {4, 3}, `"quo`: {5}, `"`: {5}, "'": {6}, "o'r": {6}, `\`: {7}, `k\s`: {7},
		"full": {8}, "ｆｕｌｌ": {8}, "日": {9}, "本語": {9}, "のテスト": {9}, "größe": {10}, "GRÖSSE": {},
		"ça v": {11}, "!!!": {12}, "??": {12}, "or and not": {13}, "near": {13}, "λληνι": {14},
		"ПРИМЕР": {15}, "🐘": {16}, "🐘🐘🐘": {16}, "nothing of it": {}, "zig zag": {}, "sure zig": {},
		"*": {}, "sur*": {}, "a OR b": {}, "words:": {}, "(": {}, "--": {},
	} {
		search, err := feed.CleanSearch("search", query)
		require.NoError(t, err, query)
		var ids []uuid.UUID
		for _, i := range want {
			ids = append(ids, polls[i].ID)
		}
		for _, limit := range []int{1, 2, 20} {
			look := feed.Look{Account: account(1), Search: search, Limit: limit}
			require.Equal(t, ids, pages(t, store, look), "%q", query)
		}
	}
	all := newest(polls, func(int) bool { return true })
	for _, query := range []string{"zig", "zi", "z", "zag"} { // of every poll's options
		for _, limit := range []int{1, 4, 20} {
			look := feed.Look{Account: account(1), Search: query, Limit: limit}
			require.Equal(t, all, pages(t, store, look), query)
		}
	}
	even := func(i int) bool { return i%2 == 0 && i != 4 && i != 6 }
	one(t, store, feed.Done, vote(polls[4], account(1), 0))
	require.NoError(t, store.Close(t.Context(), polls[6].ID))
	require.NoError(t, store.Delete(t.Context(), polls[7].ID))
	for _, query := range []string{"zig", "zi"} {
		require.Equal(t, newest(polls, even), pages(t, store, feed.Look{
			Account: account(1), Tag: "even", Search: query, Limit: 3,
		}))
	}
	again := created(t, store, func(p *feed.Poll) { p.Title = `back\slash` })
	require.Equal(t, []uuid.UUID{again.ID}, pages(t, store, feed.Look{
		Account: account(1), Search: `k\s`, Limit: 3,
	}))
}
