package chat

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

// ground counts calls, and has so many rows left.
type ground struct {
	took time.Duration

	mu          sync.Mutex
	left, calls int
	err         error
}

// becomes has so many rows left, and calls give an error; nil: none.
func (g *ground) becomes(left int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left, g.err = left, err
}

func (g *ground) require(t testing.TB, left, calls int) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	require.Equal(t, [2]int{left, calls}, [2]int{g.left, g.calls})
}

func (g *ground) Erase(ctx context.Context, limit int) (int, error) {
	g.mu.Lock()
	g.calls++
	g.mu.Unlock()
	select {
	case <-time.After(g.took):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err != nil {
		return 0, g.err
	}
	n := min(g.left, limit)
	g.left -= n
	return n, nil
}

// tidied runs an Upkeep on ground in a bubble, has look look at it, and ends it.
func tidied(t *testing.T, g *ground, look func(said *strings.Builder, end func())) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		u := &Upkeep{g, slog.New(slog.NewTextHandler(&said, nil))}
		go func() {
			defer close(ended)
			u.Run(ctx)
		}()
		look(&said, cancel)
		cancel()
		<-ended
	})
}

func TestAnUpkeepErasesAllThatIsLeftAndLooksAgainLater(t *testing.T) {
	g := &ground{left: 2*eraseAtOnce + 1}
	tidied(t, g, func(*strings.Builder, func()) {
		time.Sleep(time.Second)
		synctest.Wait()
		g.require(t, 0, 4) // the last one finds nothing
		g.becomes(1, nil)
		time.Sleep(2 * upkeepEvery)
		synctest.Wait()
		g.mu.Lock()
		defer g.mu.Unlock()
		require.Zero(t, g.left)
	})
}

func TestAnUpkeepThatFailsSaysSoAndIsTriedAgain(t *testing.T) {
	g := &ground{left: 1, err: errors.New("away")}
	tidied(t, g, func(said *strings.Builder, _ func()) {
		time.Sleep(time.Second)
		synctest.Wait()
		g.require(t, 1, 1)
		require.Contains(t, said.String(), "error=away")
		g.becomes(1, nil)
		time.Sleep(2 * upkeepEvery)
		synctest.Wait()
		g.mu.Lock()
		defer g.mu.Unlock()
		require.Zero(t, g.left)
	})
}

func TestAnUpkeepThatIsEndedFinishesTheCallUnderWay(t *testing.T) {
	g := &ground{left: 1, took: time.Second}
	tidied(t, g, func(_ *strings.Builder, end func()) {
		synctest.Wait()
		end()
	})
	g.require(t, 0, 1)
	g = &ground{left: 1, took: time.Hour}
	tidied(t, g, func(*strings.Builder, func()) { synctest.Wait() })
	g.require(t, 1, 1) // it is cut where it takes too long
}
