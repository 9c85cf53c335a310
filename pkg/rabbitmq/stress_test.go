package rabbitmq_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/rabbitmq"
	"github.com/plenary-live/plenary/test/stack"
)

// hammer publishes with short contexts, from many goroutines on every partition, until it is told
// to stop.
type hammer struct {
	t        *testing.T
	log      log
	stop     atomic.Bool
	running  sync.WaitGroup
	promised atomic.Int64 // publishes that returned nil
	told     atomic.Int64 // and those whose outcome came
	twice    atomic.Int64
	kept     []atomic.Int64 // by partition
	slowest  atomic.Int64   // nanoseconds that a publish took longer than it might
}

func strike(t *testing.T, l log, partitions int) *hammer {
	h := &hammer{t: t, log: l, kept: make([]atomic.Int64, partitions)}
	for p := range partitions {
		for range 50 {
			h.running.Go(func() { h.publish(p) })
		}
	}
	return h
}

func (h *hammer) publish(partition int) {
	for !h.stop.Load() {
		may := time.Duration(1+rand.IntN(100)) * time.Millisecond
		ctx, cancel := context.WithTimeout(context.Background(), may)
		begun, outcome := time.Now(), make(chan struct{})
		var calls atomic.Int64
		err := h.log.Publish(ctx, partition, numbered(1), func(err error) {
			if calls.Add(1) > 1 {
				h.twice.Add(1)
				return
			}
			if err == nil {
				h.kept[partition].Add(1)
			}
			h.told.Add(1)
			close(outcome)
		})
		late := int64(time.Since(begun) - may)
		cancel()
		for old := h.slowest.Load(); late > old &&
			!h.slowest.CompareAndSwap(old, late); old = h.slowest.Load() {
		}
		if err == nil {
			h.promised.Add(1)
		}
		select { // like a group commit, which has a few under way; but some go on without waiting
		case <-outcome:
		case <-time.After(time.Duration(rand.IntN(20)) * time.Millisecond):
		}
	}
}

// again waits until every partition keeps a batch, and says how long that took.
func (h *hammer) again() time.Duration {
	begun := time.Now()
	for p := range h.kept {
		for before := h.kept[p].Load(); h.kept[p].Load() == before; time.Sleep(
			5 * time.Millisecond) {
			require.Less(h.t, time.Since(begun), patience, "partition %d does not work again: %v",
				p, h.log.Ping(h.t.Context()))
		}
	}
	return time.Since(begun)
}

func (h *hammer) end() {
	h.stop.Store(true)
	h.running.Wait()
	require.Less(h.t, time.Duration(h.slowest.Load()), 8*time.Second,
		"a publish returns by its deadline, on a busy machine too")
	require.NoError(h.t, h.log.Close())
	require.Equal(h.t, h.promised.Load(), h.told.Load(), "every promised publish has its outcome")
	require.Zero(h.t, h.twice.Load(), "once")
	h.t.Logf("%d promised, a publish took at most %s too long", h.promised.Load(),
		time.Duration(h.slowest.Load()))
}

func TestPublishingGoesOnWithinSecondsHoweverOftenTheBrokerIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a broker of its own")
	}
	t.Parallel()
	broker, err := stack.Start(t.Context(), stack.Config{Parts: stack.RabbitMQ})
	require.NoError(t, err)
	defer func() { require.NoError(t, broker.Close()) }()
	const partitions = 4
	l := open(t, rabbitmq.Config{URLs: broker.AMQPURLs, Partitions: partitions,
		Settle: 2 * time.Second, Logger: slog.New(slog.DiscardHandler)})
	drain(t, l, partitions)
	h := strike(t, l, partitions)
	for range 3 {
		h.again()
		time.Sleep(time.Duration(rand.IntN(500)) * time.Millisecond) // strikes anywhere
		broker.Rabbits[0].Kill()
		require.NoError(t, broker.Rabbits[0].Start(t.Context()))
		t.Logf("works again after %s", h.again())
	}
	h.end()
}

func TestPublishingGoesOnWithinSecondsWhateverTheNetworkDoes(t *testing.T) {
	t.Parallel()
	p := newProxy(t, stack.RabbitMQURL(t))
	const partitions = 4
	l := open(t, rabbitmq.Config{URLs: []string{p.url}, Partitions: partitions,
		Heartbeat: 2 * time.Second, WriteTimeout: 2 * time.Second,
		DialTimeout: 2 * time.Second, Logger: slog.New(slog.DiscardHandler)})
	drain(t, l, partitions)
	h := strike(t, l, partitions)
	for i := range 8 {
		h.again()
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond) // strikes anywhere
		switch i % 4 {
		case 0:
			p.Cut()
		case 1:
			p.Stall()
			time.Sleep(time.Duration(rand.IntN(4000)) * time.Millisecond)
			p.Flow()
		case 2:
			p.StallIn()
			time.Sleep(time.Duration(rand.IntN(6000)) * time.Millisecond)
			p.Flow()
		default:
			p.StallIn()
			p.Stall()
			time.Sleep(time.Duration(rand.IntN(4000)) * time.Millisecond)
			p.Cut()
		}
		t.Logf("works again after %s", h.again())
	}
	h.end()
}

// drain acknowledges everything, so that no queue is full, for the life of the log.
func drain(t *testing.T, l log, partitions int) {
	var reading sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for p := range partitions {
		reading.Go(func() {
			for ctx.Err() == nil {
				sub, err := l.Subscribe(ctx, p)
				if err != nil {
					time.Sleep(50 * time.Millisecond)
					continue
				}
				func() {
					defer sub.Close()
					for {
						select {
						case d, ok := <-sub.Deliveries():
							if !ok {
								return
							}
							_ = sub.Ack(d.Tag)
						case <-ctx.Done():
							return
						}
					}
				}()
			}
		})
	}
	t.Cleanup(func() { cancel(); reading.Wait() })
}
