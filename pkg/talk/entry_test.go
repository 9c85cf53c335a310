package talk

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

var goldenRatings = []Rating{
	{ID: id(2), TalkID: id(3), Person: id(4), Value: 1},
	{
		ID:      id(5),
		TalkID:  id(6),
		Person:  id(7),
		Value:   5,
		Passed:  true,
		Key:     id(8),
		Comment: "Größe\n🐘",
	},
	{ID: id(9), TalkID: id(3), Person: id(10), Value: 3, Comment: strings.Repeat("a", 200)},
}

func encoded(t require.TestingT, ratings ...Rating) []byte {
	kind, body, err := EncodeRatings(nil, ratings)
	require.NoError(t, err)
	data, err := queue.Encode(nil, queue.Entry{ID: id(1), Type: kind, Body: body})
	require.NoError(t, err)
	return data
}

func decoded(data []byte) ([]Rating, error) {
	e, err := queue.Decode(data)
	if err != nil {
		return nil, err
	}
	return DecodeRatings(e)
}

func TestEncodingIsTheOneOfTheGoldenFile(t *testing.T) {
	file := filepath.Join("testdata", "ratings.v1.hex")
	data := encoded(t, goldenRatings...)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(hex.EncodeToString(data)+"\n"), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(want)), hex.EncodeToString(data))
	got, err := decoded(data)
	require.NoError(t, err)
	require.Equal(t, goldenRatings, got)
	require.Equal(t, []byte{1, 2}, encodeVerdicts([]Verdict{Counted, Gone}))
	require.Equal(t, []Verdict{Counted, Gone, 7}, decodeVerdicts([]byte{1, 2, 7}))
}

func TestAnAccountsRatingSaysSo(t *testing.T) {
	one := goldenRatings[1]
	one.LoggedIn = true
	got, err := decoded(encoded(t, one))
	require.NoError(t, err)
	require.Equal(t, []Rating{one}, got)
	one.Passed = false // no pass, and yet an account's
	_, err = decoded(encoded(t, one))
	require.ErrorIs(t, err, queue.ErrMalformed)
}

func TestEveryCutOffOrLongerEntryIsMalformed(t *testing.T) {
	data := encoded(t, goldenRatings...)
	for n := range data {
		_, err := decoded(data[:n])
		require.ErrorIs(t, err, queue.ErrMalformed, "cut to %d bytes", n)
	}
	_, err := decoded(append(data, 0))
	require.ErrorIs(t, err, queue.ErrMalformed)
}

func TestAnEntryThatNoStoreCanKeepIsMalformed(t *testing.T) {
	one := goldenRatings[0]
	for name, change := range map[string]func(*Rating){
		"a NUL":      func(r *Rating) { r.Comment = "a\x00b" },
		"no UTF-8":   func(r *Rating) { r.Comment = "\xff" },
		"too long":   func(r *Rating) { r.Comment = strings.Repeat("é", MaxComment+1) },
		"just right": func(r *Rating) { r.Comment = strings.Repeat("é", MaxComment) },
	} {
		r := one
		change(&r)
		_, err := decoded(encoded(t, r))
		if name == "just right" {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, queue.ErrMalformed, name)
		}
	}
	kind, body, err := EncodeRatings(nil, []Rating{one})
	require.NoError(t, err)
	signs := 1 + 16 + 1 + 32 + 1 // where the signs stand
	for _, wrong := range []byte{0, 6, 7, 0x81, 0x25, keyedSign | 1} {
		bad := append([]byte{}, body...)
		bad[signs] = wrong
		_, err := DecodeRatings(queue.Entry{Type: kind, Body: bad})
		require.ErrorIs(t, err, queue.ErrMalformed, "signs %#x", wrong)
	}
	body[signs-1] = 1 // there is one talk
	_, err = DecodeRatings(queue.Entry{Type: kind, Body: body})
	require.ErrorIs(t, err, queue.ErrMalformed)
	_, err = DecodeRatings(queue.Entry{Type: 9, Body: body})
	require.ErrorIs(t, err, queue.ErrMalformed)
	require.Zero(t, RatingsIn(queue.Entry{Type: 9, Body: body}))
}

func TestWhatIsNoRatingIsNotEncoded(t *testing.T) {
	for _, value := range []int{-1, 0, 6, 9} {
		_, _, err := EncodeRatings(nil, []Rating{{Value: value}})
		require.Error(t, err, value)
	}
	_, _, err := EncodeRatings(nil, nil)
	require.Error(t, err)
	_, _, err = EncodeRatings(nil, make([]Rating, MaxRatings+1))
	require.Error(t, err)
}

func FuzzDecodeRatings(f *testing.F) {
	f.Add(byte(1), encoded(f, goldenRatings...)[21:])
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		e := queue.Entry{ID: id(1), Type: kind, Body: body}
		ratings, err := DecodeRatings(e)
		if err != nil {
			require.ErrorIs(t, err, queue.ErrMalformed)
			return
		}
		require.Len(t, ratings, RatingsIn(e))
		_, again, err := EncodeRatings(nil, ratings)
		require.NoError(t, err)
		back, err := DecodeRatings(queue.Entry{Type: kind, Body: again})
		require.NoError(t, err)
		require.Equal(t, ratings, back)
	})
}
