package poll_test

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
	"github.com/plenary-live/plenary/pkg/queue"
)

var update = flag.Bool("update", false,
	"write the golden files anew; only right with a new encoding version")

func id(n byte) uuid.UUID { return uuid.UUID{15: n} }

// encode makes an entry of a batch as it travels.
func encode(t require.TestingT, b poll.Batch) []byte {
	e, err := poll.EncodeBatch(nil, &b)
	require.NoError(t, err)
	data, err := queue.Encode(nil, e)
	require.NoError(t, err)
	return data
}

func decode(data []byte) (poll.Batch, error) {
	e, err := queue.Decode(data)
	if err != nil {
		return poll.Batch{}, err
	}
	return poll.DecodeBatch(e)
}

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
			data := encode(t, batch)
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(hex.EncodeToString(data)+"\n"), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, strings.TrimSpace(string(want)), hex.EncodeToString(data))
			got, err := decode(data)
			require.NoError(t, err)
			require.Equal(t, batch, got)
		})
	}
}

func TestVerdictsAreAByteEachInOrder(t *testing.T) {
	verdicts := []poll.Verdict{poll.Counted, poll.Late, poll.Superseded, poll.Rejected}
	body := poll.EncodeVerdicts(verdicts)
	require.Equal(t, poll.Verdicts{1, 3, 2, 4}, body)
	require.Equal(t, poll.Late, body.At(1))
	require.Equal(t, verdicts, poll.DecodeVerdicts(body))
}

func TestEveryCutOffOrLongerEntryIsMalformed(t *testing.T) {
	for name, batch := range golden {
		data := encode(t, batch)
		for n := range len(data) {
			_, err := decode(data[:n])
			require.ErrorIs(t, err, queue.ErrMalformed, "%s cut to %d bytes", name, n)
		}
		_, err := decode(append(data, 0))
		require.ErrorIs(t, err, queue.ErrMalformed)
	}
}

func TestABatchOfAnotherTypeIsMalformed(t *testing.T) {
	for _, kind := range []byte{0, 3, 9, 255} {
		_, err := poll.DecodeBatch(queue.Entry{ID: id(1), Type: kind, Body: []byte{1}})
		require.ErrorIs(t, err, queue.ErrMalformed)
	}
}

func TestAnEntrySaysHowManyVotesItHolds(t *testing.T) {
	for name, want := range map[string]int{"votes": 3, "seal": 0} {
		batch := golden[name]
		e, err := poll.EncodeBatch(nil, &batch)
		require.NoError(t, err)
		require.Equal(t, want, poll.VotesIn(e), name)
		for n := range len(e.Body) {
			require.LessOrEqual(t, poll.VotesIn(queue.Entry{Type: e.Type, Body: e.Body[:n]}), want,
				"cut off")
		}
	}
}

func TestABatchIsVotesOrASealAndNotTooLarge(t *testing.T) {
	for name, b := range map[string]poll.Batch{
		"empty": {}, "both": {Votes: make([]poll.Vote, 1), Seal: &poll.Seal{}},
		"too many": {Votes: make([]poll.Vote, poll.MaxVotes+1)},
	} {
		_, err := poll.EncodeBatch(nil, &b)
		require.Error(t, err, name)
	}
}

func FuzzDecode(f *testing.F) {
	for _, batch := range golden {
		f.Add(encode(f, batch))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := decode(data)
		if err != nil {
			return
		}
		back, err := decode(encode(t, b))
		require.NoError(t, err)
		require.Equal(t, b, back)
		e, err := queue.Decode(data)
		require.NoError(t, err)
		require.Equal(t, len(b.Votes), poll.VotesIn(e))
	})
}
