package form

import (
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/queue"
)

var update = flag.Bool("update", false,
	"write the golden files anew; only right with a new encoding version")

var goldenItems = []Item{
	{
		ID: id(2), FormID: id(3), Action: Submit, Edits: 300, At: 1_700_000_000_000,
		Answers: Answers{id(4): "yes", id(5): "Größe\u2028🐘", id(6): "a\nb"},
	},
	{
		ID: id(7), FormID: id(3), Action: Submit, Edits: 301, Person: id(8), Keyed: true,
		Answers: Answers{id(5): question.Answer(strings.Repeat("a", 200))},
	},
	{
		ID: id(9), FormID: id(10), Action: Replace, Seen: 200, Owner: true, At: 1,
		Answers: Answers{id(4): "no"},
	},
	{ID: id(11), FormID: id(3), Action: Withdraw, Edits: 300, At: 5},
}

func wire(t require.TestingT, items ...Item) []byte {
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
	data := wire(t, goldenItems...)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(hex.EncodeToString(data)+"\n"), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(want)), hex.EncodeToString(data))
	got, err := decoded(data)
	require.NoError(t, err)
	require.Equal(t, goldenItems, got)
	e, err := queue.Decode(data)
	require.NoError(t, err)
	require.Equal(t, len(goldenItems), ItemsIn(e))
	require.Equal(t, []byte{1, 8}, encodeVerdicts([]Verdict{Done, ResponseChanged}))
	require.Equal(t, []Verdict{Done, ResponseChanged, 99}, decodeVerdicts([]byte{1, 8, 99}))
}

func TestAnEntryMayHoldNothingButWithdrawals(t *testing.T) {
	got, err := decoded(wire(t, goldenItems[3]))
	require.NoError(t, err)
	require.Equal(t, goldenItems[3:], got)
}

func TestEveryCutOffOrLongerEntryIsMalformed(t *testing.T) {
	data := wire(t, goldenItems...)
	for n := range data {
		_, err := decoded(data[:n])
		require.ErrorIs(t, err, queue.ErrMalformed, "cut to %d bytes", n)
	}
	_, err := decoded(append(data, 0))
	require.ErrorIs(t, err, queue.ErrMalformed)
}

func TestWhatNoStoreCanKeepDoesNotTravel(t *testing.T) {
	many := Answers{}
	for n := range MaxQuestions + 1 {
		many[[16]byte{0: byte(n >> 8), 1: byte(n), 2: 1}] = "a"
	}
	for name, change := range map[string]func(*Item){
		"no action":         func(i *Item) { i.Action = 0 },
		"another action":    func(i *Item) { i.Action = 4 },
		"no answers":        func(i *Item) { i.Answers = nil },
		"an empty answer":   func(i *Item) { i.Answers = Answers{id(1): ""} },
		"a NUL":             func(i *Item) { i.Answers = Answers{id(1): "a\x00"} },
		"no UTF-8":          func(i *Item) { i.Answers = Answers{id(1): "\xff"} },
		"too many":          func(i *Item) { i.Answers = many },
		"a withdrawal":      func(i *Item) { i.Action = Withdraw },
		"a negative time":   func(i *Item) { i.At = -1 },
		"negative edits":    func(i *Item) { i.Edits = -1 },
		"seen what is new":  func(i *Item) { i.Seen = 1 },
		"a person replaces": func(i *Item) { i.Action, i.Person = Replace, id(1) },
		"a key replaces":    func(i *Item) { i.Action, i.Keyed = Replace, true },
		"too long": func(i *Item) {
			i.Answers = Answers{id(1): question.Answer(strings.Repeat("a", MaxResponse+1))}
		},
	} {
		i := goldenItems[0]
		change(&i)
		_, _, err := EncodeItems(nil, []Item{i})
		require.Error(t, err, name)
	}
	_, _, err := EncodeItems(nil, nil)
	require.Error(t, err)
	_, _, err = EncodeItems(nil, make([]Item, MaxItems+1))
	require.Error(t, err)
}

// refused says whether an error is one of those that tell a reader to give up.
func refused(err error) bool {
	return errors.Is(err, queue.ErrMalformed) || errors.Is(err, queue.ErrVersion)
}

func TestAnyBytesAreItemsOrMalformed(t *testing.T) {
	good := wire(t, goldenItems...)
	rapid.Check(t, func(r *rapid.T) {
		data := append([]byte{}, good...)
		for range rapid.IntRange(1, 4).Draw(r, "changes") {
			at := rapid.IntRange(0, len(data)-1).Draw(r, "at")
			data[at] = rapid.Byte().Draw(r, "byte")
		}
		items, err := decoded(data)
		if err != nil {
			require.True(r, refused(err), "%v", err)
			return
		}
		again, err := decoded(wire(r, items...))
		require.NoError(r, err)
		require.Equal(r, items, again)
		a := NewApplier(nil, nil)
		e, err := queue.Decode(data)
		require.NoError(r, err)
		require.Equal(r, len(items), len(a.Unknown(e)))
		require.Equal(r, "responses: "+strconv.Itoa(len(items)), a.Describe(e))
		first, second, ok := a.Halve(e)
		require.Equal(r, len(items) > 1, ok)
		if ok {
			require.Equal(r, len(items), ItemsIn(first)+ItemsIn(second))
		}
	})
	require.Equal(t, "unreadable", NewApplier(nil, nil).Describe(queue.Entry{Type: 9}))
}

func FuzzItems(f *testing.F) {
	f.Add(wire(f, goldenItems...))
	f.Fuzz(func(t *testing.T, data []byte) {
		items, err := decoded(data)
		if err != nil {
			require.True(t, refused(err), "%v", err)
			return
		}
		again, err := decoded(wire(t, items...))
		require.NoError(t, err)
		require.Equal(t, items, again)
	})
}
