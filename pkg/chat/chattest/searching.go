package chattest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/chat"
)

// found reads all pages of a look, and gives the numbers of what it found, in that order.
func found(t testing.TB, store chat.Store, l chat.Look) (numbers []int64) {
	t.Helper()
	for {
		page, rest, err := store.Search(t.Context(), l)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), l.Limit)
		for _, m := range page {
			numbers = append(numbers, m.Number)
		}
		if rest == 0 {
			return numbers
		}
		if l.Before > 0 {
			require.Less(t, rest, l.Before, "it gets on")
		}
		l.Before = rest
	}
}

// texts and queries, with the places of those texts that a query finds: the newest first.
var texts = []string{
	"Kubernetes or plain servers", "100% sure", "100 percent sure", "snake_case", "snakeXcase",
	`a "quoted" word`, `it's O'Reilly`, `back\slash`, "ＦＵＬＬ width", "日本語のテスト", "Größe zählt",
	"ÇA VA", "!!! ???", "OR AND NOT NEAR", "Ελληνικά", "пример", "🐘🐘🐘 herd", "I know C++ and C",
	"two\nlines", "مرحبا بالعالم",
}

var queries = map[string][]int{
	"kubern": {0}, "BERNET": {0}, "100%": {1}, "100": {2, 1}, "%": {1}, "_": {3}, "e_c": {3},
	"snake": {4, 3}, `"quo`: {5}, `"`: {5}, "'": {6}, "o'r": {6}, `\`: {7}, `k\s`: {7},
	"full": {8}, "ｆｕｌｌ": {8}, "日": {9}, "本語": {9}, "のテスト": {9}, "größe": {10}, "GRÖSSE": {},
	"ça v": {11}, "!!!": {12}, "??": {12}, "or and not": {13}, "near": {13}, "λληνι": {14},
	"ПРИМЕР": {15}, "🐘": {16}, "🐘🐘🐘": {16}, "C++": {17}, "c+": {17}, "two": {18}, "lines": {18},
	"two lines": {}, "مرح": {19}, "nothing of it": {}, "*": {}, "sur*": {}, "a OR b": {},
	"words:": {}, "(": {}, "--": {},
}

func (s Suite) search(t *testing.T) {
	store := s.Open(t)
	c, other := opened(t, store, nil), opened(t, store, nil)
	posted(t, store, other, texts...)
	posted(t, store, c, texts...)
	requireFound(t, store, c, 0)
	t.Run("only in this chat", func(t *testing.T) {
		posted(t, store, other, "elsewhere")
		require.Empty(t, found(t, store, chat.Look{Chat: c.ID, Search: "elsewhere", Limit: 3}))
	})
	t.Run("what it says now, to those who see it", func(t *testing.T) {
		posted(t, store, c, "alpha one", "alpha two", "alpha three", "alpha four")
		last := read(t, store, placeOf(c)).Last
		does(t, store, chat.Done, edit(c, last, 1, "beta"))
		does(t, store, chat.Done, mark(c, last-1, chat.Hide))
		does(t, store, chat.Done, on(c, last-2, chat.Delete, 1))
		for _, limit := range []int{1, 9} {
			l := chat.Look{Chat: c.ID, Search: "alpha", Limit: limit}
			require.Equal(t, []int64{last - 3}, found(t, store, l))
			l.Sees = chat.Everything
			require.Equal(t, []int64{last - 1, last - 3}, found(t, store, l))
			l.Search = "bet"
			require.Equal(t, []int64{last}, found(t, store, l))
		}
	})
}

// requireFound searches for all of queries, where the texts stand behind the number before.
func requireFound(t *testing.T, store chat.Store, c chat.Chat, before int64) {
	t.Helper()
	for query, places := range queries {
		search, err := chat.CleanSearch("q", query)
		require.NoError(t, err, query)
		var want []int64
		for _, i := range places {
			want = append(want, before+int64(i)+1)
		}
		for _, limit := range []int{1, 2, 20} {
			l := chat.Look{Chat: c.ID, Search: search, Limit: limit}
			require.Equal(t, want, found(t, store, l), "%q, %d at a time", query, limit)
		}
	}
}

// longSearch has texts stand so far down that nobody looks at all messages for them.
func (s Suite) longSearch(t *testing.T) {
	store := s.Open(t)
	c := opened(t, store, nil)
	const above = 12_000
	fill := func(n int, text func(i int) string) {
		for from := 0; from < n; from += 4000 {
			var items []chat.Item
			for i := from; i < min(n, from+4000); i++ {
				items = append(items, post(c, 1, text(i)))
			}
			count(t, store, batch(items...))
		}
	}
	fill(len(texts), func(i int) string { return texts[i] })
	fill(above, func(i int) string { return "zzz " + lettered(i) })
	requireFound(t, store, c, 0)
	require.Equal(t, []int64{above + int64(len(texts))},
		found(t, store, chat.Look{Chat: c.ID, Search: "zz " + lettered(above-1), Limit: 5}))
	l := chat.Look{Chat: c.ID, Search: "zzz", Limit: 100, Before: 200}
	page, rest, err := store.Search(t.Context(), l)
	require.NoError(t, err)
	require.Len(t, page, 100)
	require.EqualValues(t, 100, rest)
	requireRecounted(t, store, c, chat.Counts{
		Last: above + int64(len(texts)), Messages: above + int64(len(texts)),
		Shown: above + int64(len(texts)),
	})
}

// lettered writes a number with letters of which no query is made.
func lettered(n int) string {
	letter := func(digit rune) rune { return rune("bcdfghjklm"[digit-'0']) }
	return strings.Map(letter, fmt.Sprint(n))
}
