package queue

import (
	"encoding/hex"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func id(n byte) uuid.UUID { return uuid.UUID{15: n} }

func TestAnEntryIsLettersAVersionATypeAnIDAndItsBody(t *testing.T) {
	e := Entry{ID: id(1), Type: 7, Body: []byte("body")}
	data, err := Encode([]byte("before"), e)
	require.NoError(t, err)
	require.Equal(t, hex.EncodeToString([]byte("before"))+"504c4e"+"01"+"07"+
		"00000000000000000000000000000001"+
		hex.EncodeToString([]byte("body")), hex.EncodeToString(data))
	got, err := Decode(data[len("before"):])
	require.NoError(t, err)
	require.Equal(t, e, got)
	for n := range len(data) - len("before") - len("body") {
		_, err := Decode(data[len("before"):][:n])
		require.ErrorIs(t, err, ErrMalformed, "%d bytes", n)
	}
}

func TestWhatIsTooLargeIsNoEntryAndNoReply(t *testing.T) {
	_, err := Encode(nil, Entry{Body: make([]byte, MaxBytes)})
	require.ErrorContains(t, err, "larger than")
	_, err = Decode(make([]byte, MaxBytes+1))
	require.ErrorIs(t, err, ErrMalformed)
	_, err = EncodeReplies(nil, Reply{Body: make([]byte, MaxReply+1)})
	require.ErrorContains(t, err, "larger than")
}

func TestRepliesKeepTheirBodiesInOrder(t *testing.T) {
	replies := []Reply{{EntryID: id(1), Body: []byte{1, 3, 2, 4}},
		{EntryID: id(2), Body: []byte{1}}}
	data, err := EncodeReplies(nil, replies...)
	require.NoError(t, err)
	require.Equal(t, "504c5201"+"00000000000000000000000000000001"+"0004"+"01030204"+
		"00000000000000000000000000000002"+"0001"+"01",
		hex.EncodeToString(data))
	got, err := DecodeReplies(data)
	require.NoError(t, err)
	require.Equal(t, replies, got)
	for n := range len(data) {
		if n == len(data)-19 { // whole replies before it
			continue
		}
		_, err := DecodeReplies(data[:n])
		require.ErrorIs(t, err, ErrMalformed, "%d bytes", n)
	}
}

func TestOnlyAnEntryWithOurLettersCanBeFromANewerVersion(t *testing.T) {
	for data, want := range map[string]error{
		"PLN\x02 whatever comes": ErrVersion,
		"PLN\xff":                ErrVersion,
		"PLN\x00":                ErrMalformed,
		"PLN":                    ErrMalformed,
		"":                       ErrMalformed,
		`{"vote":"A"}`:           ErrMalformed,
		"PLN\x01\x09":            ErrMalformed,
	} {
		_, err := Decode([]byte(data))
		require.ErrorIs(t, err, want, "%q", data)
	}
	_, err := DecodeReplies([]byte("PLR\x02"))
	require.ErrorIs(t, err, ErrVersion)
	_, err = DecodeReplies([]byte("junk"))
	require.ErrorIs(t, err, ErrMalformed)
}

func TestThePartitionOfAThingNeverChanges(t *testing.T) {
	for name, want := range map[string]int{
		"00000000-0000-0000-0000-000000000001": 2,
		"0198c0de-0000-7000-8000-0000000000aa": 0,
		"ffffffff-ffff-ffff-ffff-ffffffffffff": 1,
	} {
		require.Equal(t, want, Partition(uuid.MustParse(name), 4), name)
	}
}

// The bounds are what was measured when they were written.
func TestTheEnvelopeAllocatesNothingOfItsOwn(t *testing.T) {
	e := Entry{ID: id(1), Type: 1, Body: make([]byte, 500)}
	buf, err := Encode(nil, e)
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() { buf, _ = Encode(buf[:0], e) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = Decode(buf) }))
	reply := Reply{EntryID: id(1), Body: make([]byte, 500)}
	data, err := EncodeReplies(nil, reply)
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() { data, _ = EncodeReplies(data[:0], reply) }))
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = DecodeReplies(data) }), 1.0,
		"the replies")
}

func FuzzDecodeReplies(f *testing.F) {
	seed, err := EncodeReplies(nil, Reply{EntryID: id(1), Body: []byte{1}})
	require.NoError(f, err)
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := DecodeReplies(data)
		if err != nil {
			return
		}
		again, err := EncodeReplies(nil, r...)
		require.NoError(t, err)
		require.Equal(t, data, again)
	})
}
