package gather

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const slow = 10 * time.Millisecond

// shelf is what is read: the squares of numbers that are not negative.
type shelf struct {
	mu    sync.Mutex
	reads [][]int
	most  int // reads at once
	now   int
}

func (s *shelf) read(ctx context.Context, keys []int) (map[int]int, error) {
	s.mu.Lock()
	s.reads, s.now = append(s.reads, slices.Sorted(slices.Values(keys))), s.now+1
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.now--; s.mu.Unlock() }()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	found := map[int]int{}
	for _, k := range keys {
		if k >= 0 {
			found[k] = k * k
		}
	}
	return found, nil
}

func TestACallReadsAtOnceAndACrowdReadsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		r := New(1000, time.Second, s.read)
		var all sync.WaitGroup
		for k := range 100 {
			all.Go(func() {
				v, ok, err := r.Read(t.Context(), k)
				if v != k*k || !ok || err != nil {
					t.Errorf("%d: %d, %t, %v", k, v, ok, err)
				}
			})
			synctest.Wait() // it reads, or waits
		}
		all.Wait()
		require.Len(t, s.reads, abreast+1)
		for i := range abreast {
			require.Equal(t, []int{i}, s.reads[i], "nothing was under way that it waits for")
		}
		require.Len(t, s.reads[abreast], 100-abreast)
		require.Equal(t, abreast, s.most)
	})
}

func TestAReadHasEachKeyOnceAndNoMoreThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		r := New(3, time.Second, s.read)
		var all sync.WaitGroup
		for i := range abreast {
			all.Go(func() { _, _, _ = r.Read(t.Context(), i) })
		}
		synctest.Wait()
		for i := range 21 {
			all.Go(func() { _, _, _ = r.Read(t.Context(), 100+i%7) })
			synctest.Wait()
		}
		all.Wait()
		require.ElementsMatch(t, [][]int{
			{100, 101, 102}, {103, 104, 105}, {100, 101, 106}, {102, 103, 104}, {100, 105, 106},
			{101, 102, 103}, {104, 105, 106},
		}, s.reads[abreast:])
	})
}

func TestWhatIsNotThereIsMissingAndAnErrorIsEverybodys(t *testing.T) {
	s := &shelf{}
	r := New(10, time.Second, s.read)
	_, ok, err := r.Read(t.Context(), -1)
	require.NoError(t, err)
	require.False(t, ok)

	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("no")
		var reads atomic.Int32
		r := New(10, time.Second, func(context.Context, []int) (map[int]int, error) {
			reads.Add(1)
			time.Sleep(slow)
			return nil, broken
		})
		var all sync.WaitGroup
		for k := range 20 {
			all.Go(func() {
				if _, ok, err := r.Read(t.Context(), k%5); ok || !errors.Is(err, broken) {
					t.Errorf("%t, %v", ok, err)
				}
			})
		}
		all.Wait()
		require.LessOrEqual(t, reads.Load(), int32(abreast+1))
	})
}

func TestARoundGoesOnWithoutTheCallThatItBeganWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		r := New(10, time.Second, s.read)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			v, ok, err := r.Read(ctx, 2)
			if v != 4 || !ok || err != nil {
				t.Errorf("%d, %t, %v", v, ok, err)
			}
		}()
		synctest.Wait()
		cancel()
		time.Sleep(2 * slow)
	})
}

func TestCallsThatAreGivenUpHoldUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		r := New(10, time.Second, s.read)
		var all sync.WaitGroup
		for i := range abreast {
			all.Go(func() { _, _, _ = r.Read(t.Context(), i) })
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), slow/2)
		defer cancel()
		for i := range 5 {
			all.Go(func() {
				_, _, err := r.Read(ctx, 10+i)
				if !fault.Is(err, fault.Unavailable) {
					t.Errorf("%v", err)
				}
			})
		}
		all.Wait()
		require.Len(t, s.reads, abreast, "nobody waited for the next one any more")
		v, ok, err := r.Read(t.Context(), 3)
		require.Equal(t, 9, v)
		require.True(t, ok)
		require.NoError(t, err)
	})
}

// TestATurnThatNobodyTakesGoesToTheNext has calls end at the moment at which it is their turn.
func TestATurnThatNobodyTakesGoesToTheNext(t *testing.T) {
	r := New(2, time.Second, func(_ context.Context, keys []int) (map[int]int, error) {
		return map[int]int{keys[0]: 1}, nil
	})
	var all sync.WaitGroup
	for i := range 5000 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%50)*time.Microsecond)
			defer cancel()
			_, _, _ = r.Read(ctx, i)
		})
	}
	all.Wait()
	for i := range abreast + 1 {
		_, ok, err := r.Read(t.Context(), i)
		require.NoError(t, err)
		require.True(t, ok)
	}
	require.Zero(t, r.running)
	require.Empty(t, r.waiting)
}

func TestAReadThatTakesTooLongIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(10, slow/2, (&shelf{}).read)
		_, _, err := r.Read(t.Context(), 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestAReadThatPanicsIsOverForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(10, time.Second, func(context.Context, []int) (map[int]int, error) {
			panic("no")
		})
		require.Panics(t, func() { _, _, _ = r.Read(t.Context(), 1) })
		require.Zero(t, r.running)
	})
}
