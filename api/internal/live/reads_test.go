package httpapi

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
)

var aTalk, aPoll = uuid.UUID{15: 1}, uuid.UUID{15: 2}

// slowReader takes a while for each read. The revision that it gives is the time at which the read began.
type slowReader struct {
	takes atomic.Int64 // a duration
	begun time.Time
	reads atomic.Int64
	atOne atomic.Int64
	err   error
}

func newSlowReader(takes time.Duration) *slowReader {
	s := &slowReader{begun: time.Now()}
	s.takes.Store(int64(takes))
	return s
}

func (s *slowReader) now() int64 { return int64(time.Since(s.begun)) }

func (s *slowReader) Results(ctx context.Context, _, _ uuid.UUID) (poll.Results, error) {
	s.reads.Add(1)
	defer s.atOne.Add(-1)
	if s.atOne.Add(1) > 1 {
		panic("two reads of one poll at a time")
	}
	began := s.now()
	select {
	case <-time.After(time.Duration(s.takes.Load())):
	case <-ctx.Done():
		return poll.Results{}, poll.Unavailablef(ctx.Err(), "too slow")
	}
	return poll.Results{Poll: poll.Poll{ID: aPoll}, State: poll.State{Status: poll.Open, Opened: 3, Revision: began}}, s.err
}

func revision(t *testing.T, r *encodedResults) int64 {
	n, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(r.tag, `"3.`), `"`), 10, 64)
	require.NoError(t, err)
	return n
}

func TestACrowdOfReadersCostsTheStoreTenReadsASecondAndNobodyReadsWhatIsOlderThanTheirRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const people, lasts, takes = 2000, 2 * time.Second, 2 * time.Millisecond
		store := newSlowReader(takes)
		c := newCoalescedResults(store)
		var room sync.WaitGroup
		var answers atomic.Int64
		for i := range people {
			room.Go(func() {
				for time.Sleep(time.Duration(i) * 37 * time.Microsecond); store.now() < int64(lasts); answers.Add(1) {
					asked := store.now()
					r, err := c.read(t.Context(), pollKey{aTalk, aPoll})
					if err != nil || revision(t, r) < asked || store.now()-asked > int64(readPace+2*takes) {
						t.Errorf("asked at %v, answered at %v: %v", asked, store.now(), err)
						return
					}
				}
			})
		}
		room.Wait()
		require.LessOrEqual(t, store.reads.Load(), int64(readBurst+lasts/readPace+1))
		require.Greater(t, answers.Load(), int64(people*int(lasts/readPace)*9/10), "what one read brings is for all")
		c.close()
	})
}

func TestWhoReadsAQuietPollNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newSlowReader(0)
		c := newCoalescedResults(store)
		for range 5 {
			for range readBurst {
				asked := store.now()
				r, err := c.read(t.Context(), pollKey{aTalk, aPoll})
				require.NoError(t, err)
				require.Equal(t, asked, store.now())
				require.Equal(t, asked, revision(t, r))
			}
			time.Sleep(readBurst * readPace)
		}
		c.close()
	})
}

func TestTwoPollsDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newSlowReader(0)
		c := newCoalescedResults(store)
		for range readBurst {
			_, err := c.read(t.Context(), pollKey{aTalk, aPoll})
			require.NoError(t, err)
		}
		asked := store.now()
		_, err := c.read(t.Context(), pollKey{aTalk, uuid.UUID{15: 9}})
		require.NoError(t, err)
		require.Equal(t, asked, store.now())
		_, err = c.read(t.Context(), pollKey{aTalk, aPoll})
		require.NoError(t, err)
		require.Greater(t, store.now(), asked)
		c.close()
	})
}

func TestAReadThatFailsFailsForAllWhoWaitForItAndIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newSlowReader(time.Millisecond)
		store.err = poll.Errorf(poll.NotFound, "no")
		c := newCoalescedResults(store)
		var room sync.WaitGroup
		for range 100 {
			room.Go(func() {
				_, err := c.read(t.Context(), pollKey{aTalk, aPoll})
				if poll.KindOf(err) != poll.NotFound {
					t.Error(err)
				}
			})
		}
		room.Wait()
		require.LessOrEqual(t, store.reads.Load(), int64(2))
		time.Sleep(readBurst * readPace)
		synctest.Wait()
		store.err = nil
		_, err := c.read(t.Context(), pollKey{aTalk, aPoll})
		require.NoError(t, err)
		c.close()
	})
}

func TestAReadThatHangsIsGivenUpAndAClientThatHangsUpFailsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newSlowReader(time.Hour)
		c := newCoalescedResults(store)
		impatient, hangUp := context.WithTimeout(t.Context(), time.Millisecond)
		defer hangUp()
		_, err := c.read(impatient, pollKey{aTalk, aPoll})
		require.Equal(t, poll.Unavailable, poll.KindOf(err))
		next := make(chan error)
		go func() {
			_, err := c.read(t.Context(), pollKey{aTalk, aPoll})
			next <- err
		}()
		synctest.Wait()
		store.takes.Store(0)
		require.NoError(t, <-next)
		require.Equal(t, int64(resultsTimeout), store.now())
		c.close()
	})
}

func TestWhatNobodyReadsIsForgottenWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCoalescedResults(newSlowReader(0))
		for range 1000 {
			_, err := c.read(t.Context(), pollKey{uuid.New(), uuid.New()})
			require.NoError(t, err)
		}
		time.Sleep(readBurst*readPace + 1)
		c.things.Wait() // their goroutines have ended
		require.Empty(t, c.lines)
		c.close()
	})
}

func TestClosingEndsTheReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newSlowReader(time.Hour)
		c := newCoalescedResults(store)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _ = c.read(ctx, pollKey{aTalk, aPoll}) }()
		synctest.Wait()
		cancel()
		c.close()
		require.Zero(t, store.now())
	})
}
