package inproc_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/bus/bustest"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/queue/queuetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestABatchIsConfirmedWhenItIsAcknowledgedAndNotBefore(t *testing.T) {
	log, err := inproc.Open(inproc.Config{Partitions: 1})
	require.NoError(t, err)
	defer log.Close()
	confirmed := make(chan error, 1)
	batch := poll.Batch{ID: uuid.New(), Seal: &poll.Seal{PollID: uuid.New(), Version: 1}}
	require.NoError(t, log.Publish(t.Context(), 0, batch, func(err error) { confirmed <- err }))
	sub, err := log.Subscribe(t.Context(), 0)
	require.NoError(t, err)
	d := <-sub.Deliveries()
	require.Equal(t, batch, d.Batch)
	require.Empty(t, confirmed)
	require.NoError(t, sub.Ack(d.Tag))
	require.NoError(t, <-confirmed)
}

func TestTheLogKeepsThePromisesOfThePort(t *testing.T) {
	open := func(c inproc.Config) func(testing.TB) queue.Log {
		return func(tb testing.TB) queue.Log {
			l, err := inproc.Open(c)
			require.NoError(tb, err)
			return l
		}
	}
	queuetest.Run(t, queuetest.Capabilities{}, func(*testing.T) queuetest.Env {
		return queuetest.Env{
			Open:      open(inproc.Config{Partitions: queuetest.Partitions}),
			OpenSmall: open(inproc.Config{Partitions: queuetest.Partitions, MaxBytes: 1 << 20}),
		}
	})
}

func TestTheBusKeepsThePromisesOfThePort(t *testing.T) {
	bustest.Run(t, bustest.Capabilities{}, func(*testing.T) bustest.Env {
		return bustest.Env{Open: func(testing.TB) bus.Bus { return inproc.NewBus() }}
	})
}

func TestALogOfNoPartitionsCannotBeOpened(t *testing.T) {
	_, err := inproc.Open(inproc.Config{})
	require.Error(t, err)
}

func TestWhatDoesNotFitIsRefusedAtOnceAndFitsAgainAfterAnAck(t *testing.T) {
	for name, limit := range map[string]inproc.Config{
		"batches": {Partitions: 2, MaxBatches: 3},
		"bytes":   {Partitions: 2, MaxBytes: 3*(128+96+1) + 10},
	} {
		t.Run(name, func(t *testing.T) {
			log, err := inproc.Open(limit)
			require.NoError(t, err)
			defer log.Close()
			publish := func(partition int) error {
				b := poll.Batch{ID: uuid.New(), Votes: []poll.Vote{{ID: uuid.New(), Answer: "A"}}}
				return log.Publish(t.Context(), partition, b, func(error) {})
			}
			for range 3 {
				require.NoError(t, publish(0))
			}
			require.ErrorIs(t, publish(0), queue.ErrRefused)
			require.NoError(t, publish(1), "another partition has room")
			sub, err := log.Subscribe(t.Context(), 0)
			require.NoError(t, err)
			require.NoError(t, sub.Ack((<-sub.Deliveries()).Tag))
			require.NoError(t, publish(0))
			require.ErrorIs(t, publish(0), queue.ErrRefused)
		})
	}
}
