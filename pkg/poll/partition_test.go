package poll_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

func TestAPresentationLiesWhereItsPartitionWasStored(t *testing.T) {
	stored := 200
	require.Equal(t, 200, poll.PartitionOf(uuid.New(), &stored, 4))
	require.Equal(t, 200, poll.PartitionOf(uuid.New(), &stored, 0))
}

func TestAPresentationOfBeforeLiesInThePartitionOfItsIDAmongTheOriginalOnes(t *testing.T) {
	for range 100 {
		id := uuid.New()
		for _, originals := range []int{1, 2, 4, 256} {
			require.Equal(t, queue.Partition(id, originals), poll.PartitionOf(id, nil, originals))
		}
	}
}

func TestAPresentationLiesNowhereWhileThereIsNoPartition(t *testing.T) {
	require.Equal(t, -1, poll.PartitionOf(uuid.New(), nil, 0))
}
