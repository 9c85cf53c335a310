package e2e

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// rollers vote all the time, each with a new answer after the one before was acknowledged.
type rollers struct {
	room         *Room
	sent         atomic.Int64
	retried      atomic.Int64 // 503, or a connection that ended without an answer
	acknowledged atomic.Int64
	wrong        sync.Map // any other answer
	stop         chan struct{}
	done         sync.WaitGroup
	last         []string // per voter: the last answer, which was acknowledged
}

func roll(r *Room, client *fast, voters int) *rollers {
	x := &rollers{room: r, stop: make(chan struct{}), last: make([]string, voters)}
	for i := range voters {
		x.done.Go(func() {
			voter := NewVoter()
			for n := 0; ; n++ {
				select {
				case <-x.stop:
					return
				default:
				}
				key := []string{"A", "B"}[n%2]
				x.vote(client, fmt.Sprintf(`{"poll_id":%q,"key":%q,"client_id":%q}`, r.Polls[0].PollID, key, voter))
				x.last[i] = key
			}
		})
	}
	return x
}

// vote sends one vote until it is acknowledged, as a phone would.
func (x *rollers) vote(client *fast, body string) {
	for {
		x.sent.Add(1)
		a, err := client.post(x.room.Path("/polls/current/votes"), body)
		switch {
		case err == nil && (a.Status == 204 || a.Status == 202):
			x.acknowledged.Add(1)
			return
		case err == nil && a.Status != 503:
			x.wrong.Store(a.String(), true)
			return
		}
		x.retried.Add(1)
		time.Sleep(20 * time.Millisecond) // a client's own pause, shorter than Retry-After asks for
	}
}

func (x *rollers) end() {
	close(x.stop)
	x.done.Wait()
}

// pauseBetween is what a rolling restart leaves between two processes: NGINX takes a replica that refused connections up
// again after two seconds (fail_timeout), and if all were restarted within that time it would know none.
const pauseBetween = 3 * time.Second

// TestARollingRestartUnderLoadLosesNothing restarts every API and worker, one after the other, while people vote.
func TestARollingRestartUnderLoadLosesNothing(t *testing.T) {
	s, st := own(t, stack.Config{APIEnv: []string{"PLENARY_ACCESS_LOG=false"}})
	r := show(s.Client, choice("Who wins?"))
	client := newFast(s.base, 64)
	defer client.close()
	x := roll(r, client, 50)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var slowest time.Duration
	for _, processes := range [][]*stack.Process{st.APIs, st.Workers} {
		for _, p := range processes {
			begun := time.Now()
			require.NoError(t, p.Stop())
			took := time.Since(begun)
			slowest = max(slowest, took)
			t.Logf("%s stopped in %s", p.Name, took.Round(time.Millisecond))
			require.NoError(t, p.Start(ctx))
			time.Sleep(pauseBetween)
		}
	}
	x.end()
	x.wrong.Range(func(a, _ any) bool {
		t.Errorf("a voter was told: %v", a)
		return true
	})
	t.Logf("%d sent, %d acknowledged, %d retried", x.sent.Load(), x.acknowledged.Load(), x.retried.Load())
	res := r.Recount(r.Polls[0].PollID)
	want := map[string]int64{}
	for _, key := range x.last {
		want[key]++
	}
	require.Equal(t, want["A"], res.Counts()["A"], "every voter's last acknowledged answer stands")
	require.Equal(t, want["B"], res.Counts()["B"])
	require.Less(t, x.retried.Load(), x.acknowledged.Load()/5, "a restart is hardly noticed")
	require.Less(t, slowest, 10*time.Second)
}

// TestAWorkerThatStopsHandsOverAtOnce measures how long counting pauses when the worker that counts is asked to stop.
func TestAWorkerThatStopsHandsOverAtOnce(t *testing.T) {
	s, st := own(t, stack.Config{APIs: 1, APIEnv: []string{"PLENARY_ACCESS_LOG=false"}})
	r := show(s.Client, choice("Who wins?"))
	client := newFast(s.base, 64)
	defer client.close()
	x := roll(r, client, 20)
	defer x.done.Wait()
	for _, w := range st.Workers { // one of the two counts this presentation's partition
		begun := time.Now()
		require.NoError(t, w.Stop())
		stopped := time.Since(begun)
		before := r.Results(r.Polls[0].PollID).Revision
		require.Eventually(t, func() bool { return r.Results(r.Polls[0].PollID).Revision > before }, wait, 5*time.Millisecond)
		t.Logf("%s stopped in %s, counting went on after %s", w.Name, stopped.Round(time.Millisecond), time.Since(begun).Round(time.Millisecond))
		require.Less(t, time.Since(begun), 2*time.Second)
		require.NoError(t, w.Start(t.Context()))
	}
	close(x.stop)
}
