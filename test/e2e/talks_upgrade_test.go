package e2e

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// beforeTalks is the last commit whose programs know votes only.
const beforeTalks = "321a90353656e91d626ebbf59e7d86bae1da4145"

// raters are people who change their mind about a talk, until they leave. Each sends a rating
// until it is acknowledged.
type raters struct {
	*Talk
	mu     sync.Mutex
	stands map[string]int // by person: the last rating that was acknowledged

	counted, accepted atomic.Int64
	left              chan struct{}
	done              sync.WaitGroup
}

func rate(of *Talk, people int) *raters {
	r := &raters{Talk: of, stands: map[string]int{}, left: make(chan struct{})}
	for range people {
		r.done.Go(r.person)
	}
	return r
}

func (r *raters) person() {
	who := NewVoter()
	for n := 0; ; n++ {
		select {
		case <-r.left:
			return
		case <-time.After(20 * time.Millisecond):
		}
		value := 1 + n%5
		for key := NewVoter(); !r.once(who, value, key); {
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// once sends a rating, and says whether it has its answer.
func (r *raters) once(who string, value int, key string) bool {
	a := r.Rate(NewRating{Value: value, ClientID: who}, map[string]string{"Idempotency-Key": key})
	switch a.Status {
	case http.StatusNoContent:
		r.counted.Add(1)
	case http.StatusAccepted:
		r.accepted.Add(1)
	case http.StatusServiceUnavailable:
		return false
	default:
		r.tb.Errorf("a person who rates was told %v", a)
	}
	r.knows(who, value)
	return true
}

func (r *raters) knows(who string, value int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stands[who] = value
}

// leave ends what they do, and gives the histogram that they know of.
func (r *raters) leave() map[string]int64 {
	close(r.left)
	r.done.Wait()
	counts := make([]int64, 5)
	for _, value := range r.stands {
		counts[value-1]++
	}
	return Histogram(counts...)
}

// TestProgramsOfBeforeTalksWorkBesideTheNewOnes upgrades from before there were talks. People rate
// at the first new API from its start on, while the workers know nothing of ratings. These wait in
// the log, and count when a new worker has come.
func TestProgramsOfBeforeTalksWorkBesideTheNewOnes(t *testing.T) {
	var people *raters
	upgraded(t, beforeTalks, func(fresh, old *Room) {
		was, is := old.Presentation(true), fresh.Presentation(true) // somebody moves meanwhile
		require.Equal(t, was.PresentationID, is.PresentationID)
		require.Equal(t, was.JoinCode, is.JoinCode)
		asked := Request{Method: http.MethodGet, Path: Base + "/talks"}
		require.Equal(t, http.StatusNotFound, old.Do(asked).Status, "it is one of before")
		talk := fresh.AddTalk(nil)
		waits := talk.Rate(NewRating{Value: 5, ClientID: NewVoter()}, patient)
		require.Equal(t, http.StatusAccepted, waits.Status, "no worker knows ratings: %v", waits)
		require.EqualValues(t, 0, *talk.Ratings("").Count)
		people = rate(talk, 20)
		people.knows("who waited", 5)
	})
	want := people.leave()
	t.Logf("%d ratings counted at once, %d accepted", people.counted.Load(), people.accepted.Load())
	require.Positive(t, people.accepted.Load())
	require.Positive(t, people.counted.Load())
	require.Eventually(t, func() bool {
		return assert.ObjectsAreEqual(want, people.Ratings("").Histogram)
	}, wait, tick, "%v stand", want)
	require.EqualValues(t, len(people.stands), *people.Ratings("").Count)
}
