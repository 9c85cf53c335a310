package feed

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// ground is what an Upkeep tidies up: so many rows are to be erased.
type ground struct {
	left  int
	calls int
	took  time.Duration

	mu       sync.Mutex
	prepared []Month
	from     []Month
	err      error
}

// looked says how many months were prepared, and how often it was said what to keep.
func (g *ground) looked() (prepared, from int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.prepared), len(g.from)
}

// fails has calls give an error; nil: none.
func (g *ground) fails(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err = err
}

func (g *ground) call(ctx context.Context) error {
	g.calls++
	select {
	case <-time.After(g.took):
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *ground) Prepare(ctx context.Context, m Month) error {
	g.mu.Lock()
	g.prepared = append(g.prepared, m)
	g.mu.Unlock()
	return g.call(ctx)
}

func (g *ground) KeepFrom(ctx context.Context, m Month) error {
	g.mu.Lock()
	g.from = append(g.from, m)
	g.mu.Unlock()
	return g.call(ctx)
}

func (g *ground) Erase(ctx context.Context, _ time.Time, limit int) (int, error) {
	n := min(limit, g.left)
	g.left -= n
	return n, g.call(ctx)
}

func upkeepOf(g *ground, keep time.Duration, at time.Time) *Upkeep {
	u := NewUpkeep(g, keep, slog.New(slog.DiscardHandler))
	u.now = func() time.Time { return at }
	return u
}

func month(year int, m time.Month) Month {
	return MonthOf(time.Date(year, m, 1, 0, 0, 0, 0, time.UTC))
}

func TestAnUpkeepPreparesMonthsAheadAndDropsWholeOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		november := time.Date(2030, 11, 30, 23, 59, 59, 0, time.UTC)
		ahead := []Month{
			month(2030, 11), month(2030, 12), month(2031, 1), month(2031, 2),
		}
		for keep, from := range map[time.Duration][]Month{
			0: nil, time.Hour: {month(2030, 11)}, 29 * day: {month(2030, 11)},
			30 * day: {month(2030, 10)}, 60 * day: {month(2030, 10)}, 61 * day: {month(2030, 9)},
		} {
			g := &ground{left: 2*eraseAtOnce + 1}
			require.NoError(t, upkeepOf(g, keep, november).Once(t.Context()))
			require.Equal(t, ahead, g.prepared)
			require.Equal(t, from, g.from, keep)
			require.Zero(t, g.left, "all that nobody needs goes")
		}
	})
}

func TestAnUpkeepThatFailsIsTriedAgainAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		g := &ground{err: errors.New("away")}
		u := NewUpkeep(g, day, slog.New(slog.NewTextHandler(&said, nil)))
		require.ErrorIs(t, u.Once(t.Context()), g.err)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			u.Run(ctx)
		}()
		synctest.Wait()
		require.Contains(t, said.String(), "error=away")
		prepared, _ := g.looked()
		require.Equal(t, 2, prepared)
		g.fails(nil)
		time.Sleep(2 * upkeepEvery)
		synctest.Wait()
		_, from := g.looked()
		require.Positive(t, from, "it looks again")
		cancel()
		<-ended
	})
}

func TestAnUpkeepFinishesTheCallUnderWayAndBeginsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &ground{took: time.Second}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		begun := time.Now()
		require.ErrorIs(t, upkeepOf(g, day, begun).Once(ctx), context.DeadlineExceeded)
		require.Equal(t, 1, g.calls)
		require.Equal(t, time.Second, time.Since(begun))
		g.took = time.Hour
		require.ErrorIs(t, upkeepOf(g, day, begun).Once(t.Context()), context.DeadlineExceeded)
		require.Equal(t, time.Second+upkeepTimeout, time.Since(begun), "a call has a bound")
	})
}
