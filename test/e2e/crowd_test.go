package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	people      = 30_000
	connections = 500
)

func TestThirtyThousandPeopleVoteAtOnceAndAreCountedExactly(t *testing.T) {
	s := production.on(t)
	r := show(s.Client, NewPoll{Question: "Which letter?",
		Options: []Option{{"A", "a"}, {"B", "b"}, {"C", "c"}, {"D", "d"}, {"E", "e"}}})
	pollID := r.Polls[0].PollID
	c := newCrowd(t, r)
	defer c.close()

	began := time.Now()
	stop, watched := make(chan struct{}), make(chan int)
	go watch(t, r, stop, watched)
	var next atomic.Int64
	concurrently(connections, func(int) {
		for i := next.Add(1) - 1; i < people; i = next.Add(1) - 1 {
			c.vote(int(i))
		}
	})
	took := time.Since(began)
	require.Eventually(t, func() bool {
		return r.Results(pollID).
			Total >= people-c.lost.Load()
	}, wait, tick)
	counted := time.Since(began)
	close(stop)
	looks := <-watched

	want := map[string]int64{}
	for i := range people {
		want[letter(i)]++
	}
	res, votes := r.Results(pollID), r.Votes(pollID)
	t.Logf("\n%8s %8s %8s %8s %8s %8s %10s\n%8d %8d %8d %8d %8d %8d %10.2f\nlast answer after "+
		"%.2f s, %.0f votes a second; the presenter saw %d results meanwhile",
		"sent", "204", "202", "refused", "broken", "counted", "seconds",
		c.sent.Load(), c.counted.Load(), c.accepted.Load(), c.refused.Load(), c.broken.Load(),
		res.Total, counted.Seconds(),
		took.Seconds(), people/took.Seconds(), looks)
	require.Zero(t, c.lost.Load(), "votes that found no answer in many tries")
	require.EqualValues(t, people, res.Total)
	require.Equal(t, want, res.Counts())
	r.recount(res, votes)
	there := map[string]string{}
	for _, v := range votes {
		there[v.ClientID] = v.Key
	}
	for i := range people {
		if there[person(i)] != letter(i) {
			require.Equal(t, letter(i), there[person(i)], "voter %d", i)
		}
	}
	c.check()
}

// watch looks at the results, as a presenter does, until stop: they never go back.
func watch(t *testing.T, r *Room, stop <-chan struct{}, looks chan<- int) {
	var last Results
	n := 0
	defer func() { looks <- n }()
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for {
		select {
		case <-stop:
			return
		case <-every.C:
		}
		now := r.Results(r.Polls[0].PollID)
		if now.Total < last.Total || now.Revision < last.Revision {
			t.Errorf("the results went back from %+v to %+v", last, now)
		}
		var sum int64
		for _, o := range now.Options {
			sum += o.Count
		}
		if sum != now.Total {
			t.Errorf("the tallies add up to %d, the total is %d", sum, now.Total)
		}
		last = now
		n++
	}
}

// crowd votes by a client that leaves the processors to the servers, and keeps every answer to be
// checked afterwards.
type crowd struct {
	t    *testing.T
	room *Room
	*fast

	sent, counted, accepted, refused, broken, lost atomic.Int64

	mu      sync.Mutex
	answers []*Answer
}

func newCrowd(t *testing.T, r *Room) *crowd {
	t.Helper()
	return &crowd{t: t, room: r, fast: newFast(r.base, connections),
		answers: make([]*Answer, 0, people)}
}

// vote sends one person's vote until it is accepted. Both 503 and a broken connection mean unknown:
// sending it again is safe.
func (c *crowd) vote(i int) {
	body := c.body(i)
	for range 50 {
		c.sent.Add(1)
		a, err := c.post(c.room.Path("/polls/current/votes"), body)
		if err != nil {
			c.broken.Add(1)
			continue
		}
		c.keep(a)
		switch a.Status {
		case http.StatusNoContent:
			c.counted.Add(1)
			return
		case http.StatusAccepted:
			c.accepted.Add(1)
			return
		case http.StatusServiceUnavailable, http.StatusTooManyRequests:
			c.refused.Add(1)
			// a person's patience; Retry-After counts whole seconds
			time.Sleep(200 * time.Millisecond)
		default:
			c.t.Errorf("voter %d: %v", i, a)
			return
		}
	}
	c.lost.Add(1)
}

func (c *crowd) body(i int) string {
	return ballotJSON(c.room.Polls[0].PollID, person(i), `,"key":"`+letter(i)+`"`)
}

func (c *crowd) keep(a *Answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers = append(c.answers, a)
}

// check holds what was sent and what came back to the contract, once nobody waits for the
// processors any more.
func (c *crowd) check() {
	c.t.Helper()
	var req *http.Request
	for i := range people {
		var err error
		req, err = c.room.request(Request{Method: http.MethodPost,
			Path: c.room.Path("/polls/current/votes"), Header: contentType("{"), Body: c.body(i)})
		require.NoError(c.t, err)
		if err := c.room.contract.Request(req); err != nil {
			require.NoError(c.t, err)
		}
	}
	receipts := map[string]bool{}
	for _, a := range c.answers {
		if err := c.room.contract.Answer(req, a); err != nil {
			require.NoError(c.t, err, "%v", a)
		}
		if id := a.Header.Get("X-Vote-Id"); id != "" {
			if receipts[id] {
				c.t.Errorf("two votes have the receipt %s", id)
			}
			receipts[id] = true
		}
	}
}

func person(i int) string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", i, i) }

func letter(i int) string { return string("AABCDEE"[i%7]) }

func TestMedianOfAVoteAtTwoHundredASecond(t *testing.T) {
	const rate, seconds = 200, 4
	s := production.on(t)
	r := show(s.Client, choice("Who wins?"))
	pollID := r.Polls[0].PollID
	// the first connection and the first statements are not what is measured
	r.Vote(pollID, NewVoter(), "A")
	f := newFast(r.base, connections)
	defer f.close()

	latencies := make([]time.Duration, rate*seconds)
	var answers [600]atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for i := range latencies {
		due := began.Add(time.Duration(i) * time.Second / rate)
		time.Sleep(time.Until(due)) // an open loop: a slow answer does not delay the next request
		wg.Go(func() {
			a, err := f.post(r.Path("/polls/current/votes"),
				ballotJSON(pollID, person(i), `,"key":"A"`))
			if err != nil {
				t.Error(err)
				return
			}
			latencies[i] = time.Since(due)
			answers[a.Status].Add(1)
		})
	}
	wg.Wait()
	p50, p99 := percentile(latencies, 50), percentile(latencies, 99)
	t.Logf("\n%8s %8s %8s %10s %10s\n%8d %8d %8d %10v %10v", "sent", "204", "202", "median", "99 %",
		len(latencies), answers[204].Load(), answers[202].Load(), p50.Round(10*time.Microsecond),
		p99.Round(10*time.Microsecond))
	// The aim is 15 ms on a quiet machine of two cores, and an answer for each. A noisy machine,
	// where a disk may take a second, and the race detector must not fail the build. What is
	// measured is in docs/benchmarks.md.
	require.Greater(t, answers[204].Load()+answers[202].Load(), int64(len(latencies)*9/10))
	require.Less(t, p50, time.Second)
}
