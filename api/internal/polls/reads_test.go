package polls

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/poll"
)

var aTalk, aPoll = uuid.UUID{15: 1}, uuid.UUID{15: 2}

// slowReader takes a while for each read.
type slowReader struct {
	takes atomic.Int64 // a duration
	begun time.Time
}

func newSlowReader(takes time.Duration) *slowReader {
	s := &slowReader{begun: time.Now()}
	s.takes.Store(int64(takes))
	return s
}

func (s *slowReader) now() int64 { return int64(time.Since(s.begun)) }

func (s *slowReader) Results(ctx context.Context, _, _ uuid.UUID) (poll.Results, error) {
	select {
	case <-time.After(time.Duration(s.takes.Load())):
		return poll.Results{}, nil
	case <-ctx.Done():
		return poll.Results{}, fault.Unavailablef(ctx.Err(), "too slow")
	}
}

func TestAReadThatHangsIsGivenUpAndAClientThatHangsUpFailsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newSlowReader(time.Hour)
		c := newCoalescedResults(store)
		impatient, hangUp := context.WithTimeout(t.Context(), time.Millisecond)
		defer hangUp()
		_, err := c.Read(impatient, pollKey{aTalk, aPoll})
		require.Equal(t, fault.Unavailable, fault.CodeOf(err))
		next := make(chan error)
		go func() {
			_, err := c.Read(t.Context(), pollKey{aTalk, aPoll})
			next <- err
		}()
		synctest.Wait()
		store.takes.Store(0)
		require.NoError(t, <-next)
		require.Equal(t, int64(resultsTimeout), store.now())
		lifetest.Stop(t, c)
	})
}

func TestResultsAreEncodedOnceForEachOfTwoViews(t *testing.T) {
	q := poll.Poll{ID: aPoll, Visibility: poll.PresenterOnly}
	e := newEncodedResults(poll.Results{Poll: q, State: poll.State{Status: poll.Open}})
	for _, view := range []func() ([]byte, error){e.body, e.veiled} {
		first, err := view()
		require.NoError(t, err)
		again, err := view()
		require.NoError(t, err)
		require.Same(t, &first[0], &again[0])
	}
	all, _ := e.body()
	require.NotContains(t, string(all), `"hidden"`)
	hidden, _ := e.veiled()
	require.Contains(t, string(hidden), `"hidden":true`)
	require.Nil(t, newEncodedResults(poll.Results{}).veiled, "nothing is hidden")
}
