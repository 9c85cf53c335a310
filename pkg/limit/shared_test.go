package limit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/limit"
)

// elsewhere is a counter in memory that can be away, or silent.
type elsewhere struct {
	*limit.Memory
	away, silent atomic.Bool
	asked        atomic.Int64
}

func (e *elsewhere) Take(ctx context.Context, key string) (limit.Answer, error) {
	if err := e.Ping(ctx); err != nil {
		return limit.Answer{}, err
	}
	return e.Memory.Take(ctx, key)
}

func (e *elsewhere) Ping(ctx context.Context) error {
	e.asked.Add(1)
	if e.silent.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	if e.away.Load() {
		return errors.New("away")
	}
	return nil
}

var two = limit.Rule{PerMinute: 2}

// replicas makes so many that count together, and gives what they log.
func replicas(n int) (e *elsewhere, all []*limit.Shared, logged func() []string) {
	e = &elsewhere{Memory: limit.NewMemory(two, time.Now)}
	out := &lines{}
	for range n {
		logger := slog.New(slog.NewTextHandler(out, nil))
		all = append(all, limit.NewShared(e, two, logger))
	}
	return e, all, out.all
}

type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.text.String()), "\n")
}

// allowed counts what is allowed of ten tries at each replica.
func allowed(t *testing.T, all []*limit.Shared) (n int) {
	for _, s := range all {
		for range 10 {
			a, err := s.Take(t.Context(), "a")
			require.NoError(t, err)
			if a.OK() {
				n++
			}
		}
	}
	return n
}

func TestWhileWhatReplicasShareIsAwayEachCountsForItselfAndSaysSoOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, all, logged := replicas(3)
		ctx, stop := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		for _, s := range all {
			watching.Go(func() { s.Watch(ctx) })
		}
		require.Equal(t, 2, allowed(t, all), "one count")
		e.away.Store(true)
		require.Equal(t, 6, allowed(t, all), "each has its own")
		for _, s := range all {
			require.True(t, s.Away())
		}
		time.Sleep(time.Minute) // of the bubble
		require.Len(t, logged(), 3, "a line for each replica: %v", logged())
		e.away.Store(false)
		time.Sleep(time.Second)
		for _, s := range all {
			require.False(t, s.Away())
		}
		require.Equal(t, 2, allowed(t, all), "one count again")
		require.Len(t, logged(), 6)
		stop()
		watching.Wait()
	})
}

func TestAReplicaHearsThatWhatIsSharedIsAwayThoughNobodyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, all, _ := replicas(1)
		e.away.Store(true)
		ctx, stop := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		watching.Go(func() { all[0].Watch(ctx) })
		synctest.Wait()
		require.True(t, all[0].Away())
		stop()
		watching.Wait()
	})
}

func TestATryWaitsATenthOfASecondForASilentCounterAndTheNextDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, all, _ := replicas(1)
		e.silent.Store(true)
		for i, want := range []time.Duration{100 * time.Millisecond, 0, 0} {
			begun := time.Now()
			a, err := all[0].Take(t.Context(), "a")
			require.NoError(t, err)
			require.Equal(t, i < 2, a.OK())
			require.Equal(t, want, time.Since(begun))
		}
		require.EqualValues(t, 1, e.asked.Load(), "nobody asks one that is away")
	})
}

// queueing answers one call after the other.
type queueing struct {
	*elsewhere
	turn chan struct{}
}

func (q *queueing) Take(ctx context.Context, key string) (limit.Answer, error) {
	q.turn <- struct{}{}
	defer func() { <-q.turn }()
	time.Sleep(50 * time.Millisecond)
	return q.Memory.Take(ctx, key)
}

func TestWhatAnswersOthersMeanwhileIsNotAwayForThoseInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _, _ := replicas(0)
		logger := slog.New(slog.DiscardHandler)
		s := limit.NewShared(&queueing{e, make(chan struct{}, 1)}, two, logger)
		var ok atomic.Int64
		var all sync.WaitGroup
		for range 15 { // the last one waits for 750 ms
			all.Go(func() {
				if a, err := s.Take(t.Context(), "a"); err == nil && a.OK() {
					ok.Add(1)
				}
			})
		}
		all.Wait()
		require.False(t, s.Away())
		require.EqualValues(t, 2, ok.Load())
	})
}

// slow answers everybody at once, a while later, which grows to most.
type slow struct {
	*elsewhere
	most  time.Duration
	tries atomic.Int64
}

func (s *slow) Take(ctx context.Context, key string) (limit.Answer, error) {
	s.tries.Add(1)
	if err := s.Ping(ctx); err != nil {
		return limit.Answer{}, err
	}
	return s.Memory.Take(ctx, key)
}

func (s *slow) Ping(ctx context.Context) error {
	select {
	case <-time.After(s.most * time.Duration(min(50, s.tries.Load())) / 50):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestACounterThatBecomesSlowIsAwayHoweverManyAnswersItGives(t *testing.T) {
	for most, away := range map[time.Duration]bool{
		90 * time.Millisecond: false, 110 * time.Millisecond: true, 900 * time.Millisecond: true,
		2 * time.Second: true,
	} {
		synctest.Test(t, func(t *testing.T) {
			e, _, _ := replicas(0)
			counter := &slow{elsewhere: e, most: most}
			s := limit.NewShared(counter, two, slog.New(slog.DiscardHandler))
			ctx, stop := context.WithCancel(t.Context())
			var all sync.WaitGroup
			all.Go(func() { s.Watch(ctx) })
			took := make(chan time.Duration, 1000)
			for range 1000 { // one comes each 10 ms, so that somebody is always answered
				all.Go(func() {
					begun := time.Now()
					if _, err := s.Take(ctx, "a"); err != nil {
						t.Error(err)
					}
					took <- time.Since(begun)
				})
				time.Sleep(10 * time.Millisecond)
			}
			require.Equal(t, away, s.Away(), most)
			begun := time.Now()
			_, err := s.Take(ctx, "a")
			require.NoError(t, err)
			if away {
				require.Zero(t, time.Since(begun), "nobody waits for it any more")
			}
			stop()
			all.Wait()
			for range 1000 {
				require.LessOrEqual(t, <-took, 500*time.Millisecond)
			}
		})
	}
}

func TestATryThatIsGivenUpIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, all, _ := replicas(1)
		e.silent.Store(true)
		ctx, giveUp := context.WithCancel(t.Context())
		answers := make(chan limit.Answer, 1)
		go func() {
			a, err := all[0].Take(ctx, "a")
			if err != nil {
				t.Error(err)
			}
			answers <- a
		}()
		synctest.Wait()
		giveUp()
		require.Equal(t, 2, (<-answers).Limit, "it is counted here")
		require.False(t, all[0].Away())
	})
}

func TestTheWatchLives(t *testing.T) {
	lifetest.Run(t, func(*testing.T) lifetest.Made {
		e, all, _ := replicas(1)
		return lifetest.Made{Service: life.Loop(all[0].Watch), Work: func() {
			e.silent.Store(true)
			require.Eventually(t, all[0].Away, 10*time.Second, time.Millisecond)
		}}
	})
}

func TestAStopOfTheWatchIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, all, _ := replicas(1)
		e.silent.Store(true)
		ctx, stop := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		watching.Go(func() { all[0].Watch(ctx) })
		synctest.Wait()
		stop()
		watching.Wait()
		require.False(t, all[0].Away())
	})
}

func TestATryAfterTheEndAsksNobodyElse(t *testing.T) {
	e, all, _ := replicas(1)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	all[0].Watch(over)
	asked := e.asked.Load()
	require.Equal(t, 2, allowed(t, all))
	require.Equal(t, asked, e.asked.Load())
	require.False(t, all[0].Away())
}
