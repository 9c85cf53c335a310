package poll_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/work"
)

// count is a store's Count.
type count func(batches []poll.Batch) (poll.Outcome, error)

func (c count) Count(_ context.Context, batches []poll.Batch) (poll.Outcome, error) {
	return c(batches)
}

func applier(c count) *poll.Applier { return poll.NewApplier(c, slog.New(slog.DiscardHandler)) }

func partitioned(t *testing.T, partition int, b poll.Batch) work.Partitioned {
	e, err := poll.EncodeBatch(nil, &b)
	require.NoError(t, err)
	e.Replayed = b.Replayed
	return work.Partitioned{Entry: e, Partition: partition}
}

func TestEntriesAreCountedAsTheBatchesThatTheyWere(t *testing.T) {
	batches := []poll.Batch{golden["votes"], golden["seal"], golden["votes"]}
	batches[2].ID, batches[2].Replayed = id(20), true
	var entries []work.Partitioned
	for _, b := range batches {
		entries = append(entries, partitioned(t, 3, b))
	}
	entries = append(entries,
		work.Partitioned{Entry: queue.Entry{ID: id(30), Type: 1, Body: []byte("?")}, Partition: 3,
			Halved: true})
	changed := []bus.Change{{Thing: id(40)}}
	got, err := applier(func(counted []poll.Batch) (poll.Outcome, error) {
		want := append(batches, poll.Batch{ID: id(30)})
		for i := range want {
			want[i].Partition = 3
		}
		require.Equal(t, want, counted)
		return poll.Outcome{Changed: changed,
			Verdicts: [][]poll.Verdict{{poll.Counted, poll.Late, poll.Superseded}, {}, nil,
				{}}}, nil
	}).Apply(t.Context(), entries)
	require.NoError(t, err)
	require.Equal(t, changed, got.Changed)
	require.Equal(t, []byte{1, 3, 2}, got.Results[0])
	for _, silent := range got.Results[1:] {
		require.Empty(t, silent, "a seal has no verdicts, nor has what was counted before")
	}
}

func TestWhatIsNoBatchIsSaidAndNothingIsCounted(t *testing.T) {
	a := applier(func([]poll.Batch) (poll.Outcome, error) {
		t.Error("it was counted")
		return poll.Outcome{}, nil
	})
	good := partitioned(t, 0, golden["votes"])
	_, err := a.Apply(t.Context(),
		[]work.Partitioned{good, {Entry: queue.Entry{ID: id(1), Type: 1}}})
	require.ErrorIs(t, err, queue.ErrMalformed)
}

func TestEntriesOfSeveralPartitionsAreCountedInOneCallThatKnowsWhichAreWhose(t *testing.T) {
	first, second := golden["votes"], golden["seal"]
	second.ID = id(20)
	calls := 0
	got, err := applier(func(counted []poll.Batch) (poll.Outcome, error) {
		calls++
		first.Partition, second.Partition = 1, 0
		halved := poll.Batch{ID: id(30), Partition: 2}
		require.Equal(t, []poll.Batch{first, second, halved}, counted)
		return poll.Outcome{Verdicts: [][]poll.Verdict{{poll.Counted}, {}, {}}}, nil
	}).Apply(t.Context(), []work.Partitioned{
		partitioned(t, 1, first), partitioned(t, 0, second),
		{Entry: queue.Entry{ID: id(30)}, Partition: 2, Halved: true},
	})
	require.NoError(t, err)
	require.Equal(t, 1, calls)
	require.Len(t, got.Results, 3)
	require.Equal(t, []byte{1}, got.Results[0])
}

func TestAStoresErrorIsPassedOn(t *testing.T) {
	cause := fault.Field("answer", "cannot be stored")
	a := applier(func([]poll.Batch) (poll.Outcome, error) { return poll.Outcome{}, cause })
	one := golden["votes"]
	one.Votes = one.Votes[:1]
	_, err := a.Apply(t.Context(), []work.Partitioned{partitioned(t, 0, one)})
	require.Equal(t, cause, err)
}

func TestTheHalvesOfABatchAreItsVotesInOrder(t *testing.T) {
	a := applier(nil)
	whole := golden["votes"]
	first, second, ok := a.Halve(partitioned(t, 0, whole).Entry)
	require.True(t, ok)
	var votes []poll.Vote
	for _, e := range []queue.Entry{first, second} {
		half, err := poll.DecodeBatch(e)
		require.NoError(t, err)
		require.Equal(t, uuid.Nil, half.ID)
		require.Len(t, a.Unknown(e), a.Size(e))
		votes = append(votes, half.Votes...)
	}
	require.Equal(t, whole.Votes, votes)
	alone, replayed := golden["votes"], golden["votes"]
	alone.Votes, replayed.Replayed = alone.Votes[:1], true
	for name, b := range map[string]poll.Batch{
		"one vote": alone, "a seal": golden["seal"],
		"the votes of a replayed batch, which must be seen together": replayed,
	} {
		_, _, ok := a.Halve(partitioned(t, 0, b).Entry)
		require.False(t, ok, name)
	}
	_, _, ok = a.Halve(queue.Entry{})
	require.False(t, ok)
}

func TestAnOperatorIsToldWhatAnEntryHolds(t *testing.T) {
	a := applier(nil)
	require.Equal(t, "votes: 3", a.Describe(partitioned(t, 0, golden["votes"]).Entry))
	require.Equal(t, "a seal", a.Describe(partitioned(t, 0, golden["seal"]).Entry))
	require.Equal(t, "unreadable", a.Describe(queue.Entry{Type: 1}))
}
