package feed

import (
	"encoding/hex"
	"flag"
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

var goldenItems = []Item{
	{ID: id(2), PollID: id(3), Account: id(4), Action: Vote, Option: 19, At: 1_800_000_000_123},
	{ID: id(5), PollID: id(6), Account: id(7), Action: Skip, At: 1},
	{ID: id(8), PollID: id(3), Account: id(7), Action: Unskip, Keyed: true},
	{ID: id(9), PollID: id(6), Account: id(4), Action: Change, Option: 1, At: 127, Keyed: true},
	{ID: id(10), PollID: id(11), Account: id(4), Action: Withdraw, At: 128},
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

func TestAResultIsAByteAndADayFollowsWhereTheQuotaIsSpent(t *testing.T) {
	results := []Result{
		{Verdict: Done}, {Verdict: QuotaSpent, Day: 20_833}, {Verdict: NoVote},
		{Verdict: QuotaSpent, Day: 0}, {Verdict: 7}, {Verdict: QuotaSpent, Day: maxDay},
	}
	body := encodeResults(results)
	require.Equal(t, []byte{
		1, 0x80, 0xe1, 0xa2, 1, 8, 0x80, 0, 7, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10,
	}, body)
	require.Equal(t, results, decodeResults(body))
	for n := range body { // what is cut off is unknown
		got := append([]Result{}, decodeResults(body[:n])...)
		require.Equal(t, results[:len(got)], got)
	}
	require.Equal(t, results[:1], decodeResults([]byte{1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20}))
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

func TestAnItemThatNoStoreCanKeepIsMalformed(t *testing.T) {
	kind, body, err := EncodeItems(nil, goldenItems[:1])
	require.NoError(t, err)
	const poll, signs = 1 + 16 + 1 + 32, 1 + 16 + 1 + 32 + 1 // where they stand
	refused := func(at int, bytes ...byte) {
		bad := append(append([]byte{}, body[:at]...), bytes...)
		_, err := DecodeItems(queue.Entry{Type: kind, Body: bad})
		require.ErrorIs(t, err, queue.ErrMalformed, "%x", bytes)
	}
	for _, wrong := range []byte{0, 6, 7, 0x10 | 1, 0x80 | 1, keyedSign} {
		refused(signs, append([]byte{wrong}, body[signs+1:]...)...)
	}
	refused(poll, append([]byte{1}, body[signs:]...)...) // there is one poll
	refused(signs, 1, 5, MaxOptions)
	refused(signs, 1, 5, 0x80, 0x80, 0x80, 0x80, 0x10)
	refused(signs, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f) // after all days
	refused(signs, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1)
	_, err = DecodeItems(queue.Entry{Type: 9, Body: body})
	require.ErrorIs(t, err, queue.ErrMalformed)
	require.Zero(t, ItemsIn(queue.Entry{Type: 9, Body: body}))
}

func TestAnEntryHoldsNoMoreThanItsBytesCan(t *testing.T) {
	many := []byte{0xff, 0xff, 0xff, 0xff, 0x7f}
	for _, body := range [][]byte{many, append([]byte{0}, many...)} {
		_, err := DecodeItems(queue.Entry{Type: typeItems, Body: body})
		require.ErrorIs(t, err, queue.ErrMalformed)
		require.Zero(t, ItemsIn(queue.Entry{Type: typeItems, Body: body}))
	}
}

func TestWhatIsNoItemIsNotEncoded(t *testing.T) {
	for name, i := range map[string]Item{
		"no action":               {},
		"no such action":          {Action: Withdraw + 1},
		"before all times":        {Action: Vote, At: -1},
		"after all days":          {Action: Vote, At: maxDay * dayMillis},
		"an option below":         {Action: Vote, Option: -1},
		"an option above":         {Action: Change, Option: MaxOptions},
		"a skip with an option":   {Action: Skip, Option: 1},
		"an unskip with one":      {Action: Unskip, Option: 1},
		"a withdrawal that votes": {Action: Withdraw, Option: 1},
	} {
		_, _, err := EncodeItems(nil, []Item{i})
		require.Error(t, err, name)
	}
	_, _, err := EncodeItems(nil, nil)
	require.Error(t, err)
	_, _, err = EncodeItems(nil, make([]Item, MaxItems+1))
	require.Error(t, err)
}

func FuzzDecodeItems(f *testing.F) {
	f.Add(byte(1), encoded(f, goldenItems...)[21:])
	f.Add(byte(1), encoded(f, goldenItems[1])[21:])
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		e := queue.Entry{ID: id(1), Type: kind, Body: body}
		items, err := DecodeItems(e)
		if err != nil {
			require.ErrorIs(t, err, queue.ErrMalformed)
			return
		}
		require.Len(t, items, ItemsIn(e))
		if len(items) == 0 {
			return
		}
		_, again, err := EncodeItems(nil, items)
		require.NoError(t, err)
		back, err := DecodeItems(queue.Entry{Type: kind, Body: again})
		require.NoError(t, err)
		require.Equal(t, items, back)
	})
}

func FuzzDecodeResults(f *testing.F) {
	f.Add(encodeResults([]Result{{Verdict: Done}, {Verdict: QuotaSpent, Day: 20_833}}))
	f.Fuzz(func(t *testing.T, body []byte) {
		results := decodeResults(body)
		require.Equal(t, results, decodeResults(encodeResults(results)))
	})
}
