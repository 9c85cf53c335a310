package inproc_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/bus/bustest"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/queue/queuetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens a log, and gives its first stream, too.
func open(t testing.TB, c inproc.Config) (*inproc.Log, queue.Stream) {
	c.Streams = queuetest.Streams
	log, err := inproc.Open(c)
	require.NoError(t, err)
	stream, err := log.Stream(queuetest.Streams[0])
	require.NoError(t, err)
	return log, stream
}

func TestAnEntryIsConfirmedWhenItIsAcknowledgedAndNotBefore(t *testing.T) {
	log, stream := open(t, inproc.Config{Partitions: 1})
	defer log.Close()
	confirmed := make(chan error, 1)
	e := queue.Entry{ID: uuid.New(), Type: 2, Body: []byte("body")}
	require.NoError(t, stream.Publish(t.Context(), 0, e, func(err error) { confirmed <- err }))
	sub, err := stream.Subscribe(t.Context(), 0)
	require.NoError(t, err)
	d := <-sub.Deliveries()
	require.Equal(t, e, d.Entry)
	require.Empty(t, confirmed)
	require.NoError(t, sub.Ack(d.Tag))
	require.NoError(t, <-confirmed)
}

func TestALogThatIsClosedIsNamedAfterItsStream(t *testing.T) {
	log, err := inproc.Open(inproc.Config{Streams: []string{"votes", "chats"}, Partitions: 1})
	require.NoError(t, err)
	require.NoError(t, log.Close())
	for _, name := range []string{"votes", "chats"} {
		stream, err := log.Stream(name)
		require.NoError(t, err)
		_, err = stream.Subscribe(t.Context(), 0)
		require.ErrorContains(t, err, "the log of "+name+" is away")
		_, err = stream.CountDeadLetters(t.Context())
		require.ErrorContains(t, err, "the log of "+name+" is away")
	}
	require.ErrorContains(t, log.Ping(t.Context()), "the log of chats, votes is away")
}

func TestTheLogKeepsThePromisesOfThePort(t *testing.T) {
	opening := func(c inproc.Config) func(testing.TB) queue.Log {
		return func(tb testing.TB) queue.Log {
			l, _ := open(tb, c)
			return l
		}
	}
	queuetest.Run(t, queuetest.Capabilities{}, func(*testing.T) queuetest.Env {
		return queuetest.Env{
			Open:      opening(inproc.Config{Partitions: queuetest.Partitions}),
			OpenSmall: opening(inproc.Config{Partitions: queuetest.Partitions, MaxBytes: 1 << 20}),
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
		"entries": {Partitions: 2, MaxEntries: 3},
		"bytes":   {Partitions: 2, MaxBytes: 3*(128+97) + 10},
	} {
		t.Run(name, func(t *testing.T) {
			log, stream := open(t, limit)
			defer log.Close()
			publish := func(partition int) error {
				e := queue.Entry{ID: uuid.New(), Body: make([]byte, 97)}
				return stream.Publish(t.Context(), partition, e, func(error) {})
			}
			for range 3 {
				require.NoError(t, publish(0))
			}
			require.ErrorIs(t, publish(0), queue.ErrRefused)
			require.NoError(t, publish(1), "another partition has room")
			sub, err := stream.Subscribe(t.Context(), 0)
			require.NoError(t, err)
			require.NoError(t, sub.Ack((<-sub.Deliveries()).Tag))
			require.NoError(t, publish(0))
			require.ErrorIs(t, publish(0), queue.ErrRefused)
		})
	}
}

func TestDeadLettersAreBoundedAndTheOldestMakeRoom(t *testing.T) {
	for name, c := range map[string]struct{ size, most int }{"letters": {1, 1000},
		"bytes": {1 << 20, 15}} {
		t.Run(name, func(t *testing.T) {
			log, stream := open(t, inproc.Config{Partitions: 1})
			defer log.Close()
			sub, err := stream.Subscribe(t.Context(), 0)
			require.NoError(t, err)
			for n := range c.most + 5 {
				e := queue.Entry{ID: uuid.UUID{14: byte(n >> 8), 15: byte(n)},
					Body: make([]byte, c.size)}
				require.NoError(t, stream.Publish(t.Context(), 0, e, func(error) {}))
				d := <-sub.Deliveries()
				require.NoError(t, sub.DeadLetter(t.Context(), d, "why"))
				require.NoError(t, sub.Ack(d.Tag))
			}
			var ids []string
			require.NoError(t, stream.VisitDeadLetters(t.Context(),
				func(d queue.DeadLetter) queue.Fate {
					ids = append(ids, d.MessageID)
					return queue.Keep
				}, nil))
			require.Len(t, ids, c.most)
			require.Equal(t, uuid.UUID{15: 5}.String(), ids[0])
			n, err := stream.CountDeadLetters(t.Context())
			require.NoError(t, err)
			require.Equal(t, c.most, n)
		})
	}
}
