package queue

import (
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
)

var update = flag.Bool("update", false, "write the golden files anew; only right with a new encoding version")

func id(n byte) uuid.UUID { return uuid.UUID{15: n} }

var golden = map[string]poll.Batch{
	"votes": {ID: id(1), Votes: []poll.Vote{
		{ID: id(2), PollID: id(3), VoterID: id(4), Version: 1, Answer: "A"},
		{ID: id(5), PollID: id(6), VoterID: id(7), Version: 300, Seq: 1 << 40, Answer: "A\nB"},
		{ID: id(8), PollID: id(3), VoterID: id(9), Version: 1, Seq: 1, Answer: "héllo"},
	}},
	"seal": {ID: id(1), Seal: &poll.Seal{PollID: id(2), Version: 7}},
}

func TestEncodingIsTheOneOfTheGoldenFiles(t *testing.T) {
	for name, batch := range golden {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", name+".v1.hex")
			data, err := Encode(nil, &batch)
			require.NoError(t, err)
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(hex.EncodeToString(data)+"\n"), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, strings.TrimSpace(string(want)), hex.EncodeToString(data))
			got, err := Decode(data)
			require.NoError(t, err)
			require.Equal(t, batch, got)
		})
	}
}

func TestRepliesKeepTheirVerdictsInOrder(t *testing.T) {
	replies := []Reply{
		{BatchID: id(1), Verdicts: []poll.Verdict{poll.Counted, poll.Late, poll.Superseded, poll.Rejected}},
		{BatchID: id(2), Verdicts: []poll.Verdict{poll.Counted}},
	}
	data := EncodeReplies(nil, replies...)
	require.Equal(t, "504c5201"+"00000000000000000000000000000001"+"0004"+"01030204"+"00000000000000000000000000000002"+"0001"+"01",
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

func TestEveryCutOffOrLongerEntryIsMalformed(t *testing.T) {
	for name, batch := range golden {
		data, err := Encode(nil, &batch)
		require.NoError(t, err)
		for n := range len(data) {
			_, err := Decode(data[:n])
			require.ErrorIs(t, err, ErrMalformed, "%s cut to %d bytes", name, n)
		}
		_, err = Decode(append(data, 0))
		require.ErrorIs(t, err, ErrMalformed)
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

func TestABatchIsVotesOrASealAndNotTooLarge(t *testing.T) {
	for name, b := range map[string]poll.Batch{
		"empty": {}, "both": {Votes: make([]poll.Vote, 1), Seal: &poll.Seal{}}, "too many": {Votes: make([]poll.Vote, MaxVotes+1)},
	} {
		_, err := Encode(nil, &b)
		require.Error(t, err, name)
	}
}

func TestThePartitionOfAPresentationNeverChanges(t *testing.T) {
	for name, want := range map[string]int{
		"00000000-0000-0000-0000-000000000001": 2,
		"0198c0de-0000-7000-8000-0000000000aa": 0,
		"ffffffff-ffff-ffff-ffff-ffffffffffff": 1,
	} {
		require.Equal(t, want, Partition(uuid.MustParse(name), 4), name)
	}
}

func FuzzDecode(f *testing.F) {
	for _, batch := range golden {
		data, _ := Encode(nil, &batch)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := Decode(data)
		if err != nil {
			return
		}
		again, err := Encode(nil, &b)
		require.NoError(t, err)
		back, err := Decode(again)
		require.NoError(t, err)
		require.Equal(t, b, back)
	})
}

func FuzzDecodeReplies(f *testing.F) {
	f.Add(EncodeReplies(nil, Reply{BatchID: id(1), Verdicts: []poll.Verdict{poll.Counted}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := DecodeReplies(data); err == nil {
			require.Equal(t, data, EncodeReplies(nil, r...))
		}
	})
}
