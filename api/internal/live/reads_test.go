package live

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
)

// slowReader takes a while for each read of a thing. What it brings is the time at which it began.
type slowReader struct {
	takes time.Duration
	begun time.Time
	reads atomic.Int64
	atOne atomic.Int64
	err   error
}

func newSlowReader(takes time.Duration) (*slowReader, *Reads[string, int64]) {
	s := &slowReader{begun: time.Now(), takes: takes}
	return s, NewReads(s.look)
}

func (s *slowReader) now() int64 { return int64(time.Since(s.begun)) }

func (s *slowReader) look(ctx context.Context, _ string) (int64, error) {
	s.reads.Add(1)
	defer s.atOne.Add(-1)
	if s.atOne.Add(1) > 1 {
		panic("two reads of one thing at a time")
	}
	began := s.now()
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return 0, fault.Unavailablef(ctx.Err(), "too slow")
	}
	return began, s.err
}

func TestACrowdOfReadersCostsTheStoreTenReadsASecondAndNobodyReadsWhatIsOlderThanTheirRequest(
	t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const people, lasts, takes = 2000, 2 * time.Second, 2 * time.Millisecond
		store, c := newSlowReader(takes)
		var room sync.WaitGroup
		var answers atomic.Int64
		for i := range people {
			room.Go(func() {
				for time.Sleep(
					time.Duration(
						i) * 37 * time.Microsecond); store.now() < int64(lasts); answers.Add(1) {
					asked := store.now()
					r, err := c.Read(t.Context(), "a poll")
					if err != nil || r < asked || store.now()-asked > int64(Pace+2*takes) {
						t.Errorf("asked at %v, answered at %v: %v", asked, store.now(), err)
						return
					}
				}
			})
		}
		room.Wait()
		require.LessOrEqual(t, store.reads.Load(), int64(Burst+lasts/Pace+1))
		least := int64(people * int(lasts/Pace) * 9 / 10)
		require.Greater(t, answers.Load(), least, "what one read brings is for all")
		lifetest.Stop(t, c)
	})
}

func TestWhoReadsAQuietPollNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, c := newSlowReader(0)
		for range 5 {
			for range Burst {
				asked := store.now()
				r, err := c.Read(t.Context(), "a poll")
				require.NoError(t, err)
				require.Equal(t, asked, store.now())
				require.Equal(t, asked, r)
			}
			time.Sleep(Burst * Pace)
		}
		lifetest.Stop(t, c)
	})
}

func TestTwoPollsDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, c := newSlowReader(0)
		for range Burst {
			_, err := c.Read(t.Context(), "a poll")
			require.NoError(t, err)
		}
		asked := store.now()
		_, err := c.Read(t.Context(), "another")
		require.NoError(t, err)
		require.Equal(t, asked, store.now())
		_, err = c.Read(t.Context(), "a poll")
		require.NoError(t, err)
		require.Greater(t, store.now(), asked)
		lifetest.Stop(t, c)
	})
}

func TestSeveralThingsAreReadAtOnceAndEachFailsForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewReads(func(_ context.Context, k string) (int, error) {
			time.Sleep(time.Second)
			return strconv.Atoi(k)
		})
		begun, told := time.Now(), []string{}
		c.ReadEach(t.Context(), []string{"3", "x", "1"}, func(k string, v int, err error) {
			told = append(told, k+" "+strconv.Itoa(v)+" "+strconv.FormatBool(err == nil))
		})
		require.Equal(t, []string{"3 3 true", "x 0 false", "1 1 true"}, told)
		require.Equal(t, time.Second, time.Since(begun))
		lifetest.Stop(t, c)
	})
}

func TestAReadThatFailsFailsForAllWhoWaitForItAndIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, c := newSlowReader(time.Millisecond)
		store.err = fault.Errorf(fault.NotFound, "no")
		var room sync.WaitGroup
		for range 100 {
			room.Go(func() {
				_, err := c.Read(t.Context(), "a poll")
				if fault.CodeOf(err) != fault.NotFound {
					t.Error(err)
				}
			})
		}
		room.Wait()
		require.LessOrEqual(t, store.reads.Load(), int64(2))
		time.Sleep(Burst * Pace)
		synctest.Wait()
		store.err = nil
		_, err := c.Read(t.Context(), "a poll")
		require.NoError(t, err)
		lifetest.Stop(t, c)
	})
}

func TestWhatNobodyReadsIsForgottenWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := newSlowReader(0)
		for i := range 1000 {
			_, err := c.Read(t.Context(), strconv.Itoa(i))
			require.NoError(t, err)
		}
		time.Sleep(Burst*Pace + 1)
		synctest.Wait() // their goroutines have ended
		require.Empty(t, c.lines)
		lifetest.Stop(t, c)
	})
}

func TestClosingEndsTheReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, c := newSlowReader(time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _ = c.Read(ctx, "a poll") }()
		synctest.Wait()
		cancel()
		lifetest.Stop(t, c)
		require.Zero(t, store.now())
	})
}
