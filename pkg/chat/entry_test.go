package chat

import (
	"encoding/hex"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/queue"
)

var update = flag.Bool("update", false,
	"write the golden files anew; only right with a new encoding version")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func id(n byte) uuid.UUID { return uuid.UUID{15: n} }

const at = 1_900_000_000_123

var goldenItems = []Item{
	{ID: id(2), App: id(3), Person: id(4), At: at, Action: Make, Kind: Questions, Moderated: true,
		Trusted: true, Body: "Größe"},
	{ID: id(5), App: id(6), Person: id(7), At: 0, Action: Make, Kind: Plain, Keyed: true},
	{ID: id(8), App: id(3), Person: id(9), At: at, Action: Post, Chat: 1, Author: "Ada",
		Body: "C++\n\t🐘", Keyed: true},
	{ID: id(10), App: id(3), Person: id(11), At: at, Action: Edit, Chat: 1, Message: 300,
		Body: strings.Repeat("a", 200)},
	{ID: id(12), App: id(6), Person: id(13), At: at, Action: Delete, Chat: 2,
		Message: math.MaxInt64},
	{ID: id(14), App: id(3), Person: id(15), At: at, Action: Mark, Chat: 1, Message: 2,
		Marks: Hide | Pin | Reopen, Trusted: true},
	{ID: id(16), App: id(3), Person: id(17), At: at, Action: Upvote, Chat: 1, Message: 2},
	{ID: id(18), App: id(3), Person: id(19), At: at, Action: Unvote, Chat: 1, Message: 2},
	{ID: id(20), App: id(3), Person: id(21), At: at, Action: React, Slide: id(22), Emoji: 4},
}

func encoded(t require.TestingT, items ...Item) []byte {
	kind, body, err := EncodeItems(nil, items)
	require.NoError(t, err)
	data, err := queue.Encode(nil, queue.Entry{ID: id(1), Type: kind, Body: body})
	require.NoError(t, err)
	return data
}

func decoded(data []byte) ([]Item, error) {
	e, err := queue.Decode(data)
	if err != nil {
		return nil, err
	}
	return DecodeItems(e)
}

func TestEncodingIsTheOneOfTheGoldenFile(t *testing.T) {
	file := filepath.Join("testdata", "items.v1.hex")
	data := encoded(t, goldenItems...)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(hex.EncodeToString(data)+"\n"), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(want)), hex.EncodeToString(data))
	got, err := decoded(data)
	require.NoError(t, err)
	require.Equal(t, goldenItems, got)
}

func TestAReplyHasANumberWhereThereIsOne(t *testing.T) {
	results := []Result{
		{Verdict: Done}, {Numbered, 1}, {Verdict: ChatGone}, {Held, 300}, {Before, math.MaxInt64},
	}
	body := encodeResults(results)
	require.Equal(t, "01"+"8001"+"03"+"81ac02"+"82ffffffffffffffff7f", hex.EncodeToString(body))
	require.Equal(t, results, decodeResults(body))
	require.Equal(t, results[:4], decodeResults(body[:len(body)-1]), "what is cut off is unknown")
	require.Equal(t, []Result{{Verdict: 9}},
		decodeResults([]byte{9, 0x80, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}))
	require.Empty(t, decodeResults(nil))
}

func TestEveryCutOffOrLongerEntryIsMalformed(t *testing.T) {
	data := encoded(t, goldenItems...)
	for n := range data {
		_, err := decoded(data[:n])
		require.ErrorIs(t, err, queue.ErrMalformed, "cut to %d bytes", n)
	}
	_, err := decoded(append(data, 0))
	require.ErrorIs(t, err, queue.ErrMalformed)
}

func TestWhatIsNoItemIsNeitherEncodedNorDecoded(t *testing.T) {
	post, made := goldenItems[2], goldenItems[0]
	for name, wrong := range map[string]Item{
		"no action":      {},
		"another action": {Action: 9},
		"a time before":  {Action: Delete, At: -1},
		"a chat below":   {Action: Delete, Chat: -1},
		"a message":      {Action: Delete, Message: -1},
		"no body":        with(post, func(i *Item) { i.Body = "" }),
		"a NUL":          with(post, func(i *Item) { i.Body = "a\x00b" }),
		"no UTF-8":       with(post, func(i *Item) { i.Author = "\xff" }),
		"a long body":    with(post, func(i *Item) { i.Body = strings.Repeat("é", MaxBody+1) }),
		"a long author":  with(post, func(i *Item) { i.Author = strings.Repeat("é", MaxAuthor+1) }),
		"a long title":   with(made, func(i *Item) { i.Body = strings.Repeat("é", MaxTitle+1) }),
		"no kind":        with(made, func(i *Item) { i.Kind = "" }),
		"another kind":   with(made, func(i *Item) { i.Kind = "room" }),
		"no mark":        with(goldenItems[5], func(i *Item) { i.Marks = 0 }),
		"contrary marks": with(goldenItems[5], func(i *Item) { i.Marks = Pin | Unpin }),
		"another mark":   with(goldenItems[5], func(i *Item) { i.Marks = 64 }),
		"another emoji":  with(goldenItems[8], func(i *Item) { i.Emoji = len(Emoji) }),
	} {
		_, _, err := EncodeItems(nil, []Item{wrong})
		require.Error(t, err, name)
		if wrong.Action > 8 || wrong.At < 0 || wrong.Chat < 0 || wrong.Message < 0 ||
			wrong.Action == Make && wrong.Kind != Questions {
			continue // it has no encoding at all
		}
		_, err = DecodeItems(queue.Entry{Type: typeItems, Body: forced(wrong)})
		require.ErrorIs(t, err, queue.ErrMalformed, name)
	}
	for _, right := range []Item{
		with(post, func(i *Item) { i.Body = strings.Repeat("é", MaxBody) }),
		with(made, func(i *Item) { i.Body = strings.Repeat("é", MaxTitle) }),
	} {
		got, err := decoded(encoded(t, right))
		require.NoError(t, err)
		require.Equal(t, []Item{right}, got)
	}
	_, _, err := EncodeItems(nil, nil)
	require.Error(t, err)
	_, _, err = EncodeItems(nil, make([]Item, MaxItems+1))
	require.Error(t, err)
}

func with(i Item, change func(*Item)) Item {
	change(&i)
	return i
}

// forced encodes an item unchecked.
func forced(i Item) []byte {
	body := append([]byte{1}, i.App[:]...)
	body = append(append(append(body, 1), i.ID[:]...), i.Person[:]...)
	body = append(body, 0, i.signs(), 0)
	return i.appendRest(body)
}

func TestSignsAndPlacesThatNobodyWritesAreMalformed(t *testing.T) {
	body := forced(goldenItems[6])
	_, err := DecodeItems(queue.Entry{Type: typeItems, Body: body})
	require.NoError(t, err)
	const place, signs = 1 + 16 + 1 + 32, 1 + 16 + 1 + 32 + 1
	for _, wrong := range []byte{0, 9, 15, 0x40 | 6, 0x80 | 6} {
		bad := append([]byte{}, body...)
		bad[signs] = wrong
		_, err := DecodeItems(queue.Entry{Type: typeItems, Body: bad})
		require.ErrorIs(t, err, queue.ErrMalformed, "signs %#x", wrong)
	}
	bad := append([]byte{}, body...)
	bad[place] = 1 // there is one application
	_, err = DecodeItems(queue.Entry{Type: typeItems, Body: bad})
	require.ErrorIs(t, err, queue.ErrMalformed)
	_, err = DecodeItems(queue.Entry{Type: 9, Body: body})
	require.ErrorIs(t, err, queue.ErrMalformed)
	require.Zero(t, ItemsIn(queue.Entry{Type: 9, Body: body}))
	made := forced(goldenItems[0])
	made[signs+2] = 3
	_, err = DecodeItems(queue.Entry{Type: typeItems, Body: made})
	require.ErrorIs(t, err, queue.ErrMalformed, "another kind")
}

func FuzzDecodeItems(f *testing.F) {
	_, body, err := EncodeItems(nil, goldenItems)
	require.NoError(f, err)
	f.Add(byte(typeItems), body)
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		e := queue.Entry{ID: id(1), Type: kind, Body: body}
		items, err := DecodeItems(e)
		if err != nil {
			require.ErrorIs(t, err, queue.ErrMalformed)
			return
		}
		require.Len(t, items, ItemsIn(e))
		_, again, err := EncodeItems(nil, items)
		require.NoError(t, err)
		back, err := DecodeItems(queue.Entry{Type: kind, Body: again})
		require.NoError(t, err)
		require.Equal(t, items, back)
	})
}

func FuzzDecodeResults(f *testing.F) {
	f.Add([]byte{1, 0x80, 5, 0, 0x82})
	f.Fuzz(func(t *testing.T, body []byte) {
		results := decodeResults(body)
		require.LessOrEqual(t, len(results), len(body))
		require.Equal(t, results, decodeResults(encodeResults(results)))
	})
}
