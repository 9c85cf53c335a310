package polls

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/pkg/poll"
)

// resultsTimeout bounds a read of a poll's results, for which others wait: on a connection that has
// fallen silent it must not hold them up.
const resultsTimeout = 2 * time.Second

// resultsReader is the part of poll.Store that is needed for results. Coalesced results are one,
// too.
type resultsReader interface {
	Results(ctx context.Context, presentationID, pollID uuid.UUID) (poll.Results, error)
}

type pollKey struct{ presentationID, pollID uuid.UUID }

// encodedResults are a poll's results, of one read. They are encoded once, when they are first
// wanted so: event streams need numbers only, and a client that has them already nothing.
type encodedResults struct {
	poll.Results
	body   func() ([]byte, error) // JSON, for the presenter
	veiled func() ([]byte, error) // for others; nil: nothing is hidden from them
}

func newEncodedResults(r poll.Results) *encodedResults {
	e := &encodedResults{Results: r}
	encode := func(presenter bool) func() ([]byte, error) {
		return sync.OnceValues(func() ([]byte, error) {
			return json.Marshal(seen(&e.Results, presenter))
		})
	}
	e.body = encode(true)
	if r.Hidden() {
		e.veiled = encode(false)
	}
	return e
}

// coalescedResults reads polls' results for many at once.
type coalescedResults struct {
	*live.Reads[pollKey, *encodedResults]
}

func newCoalescedResults(store resultsReader) coalescedResults {
	read := func(ctx context.Context, k pollKey) (*encodedResults, error) {
		ctx, cancel := context.WithTimeout(ctx, resultsTimeout)
		defer cancel()
		r, err := store.Results(ctx, k.presentationID, k.pollID)
		if err != nil {
			return nil, err
		}
		return newEncodedResults(r), nil
	}
	return coalescedResults{live.NewReads(read)}
}

// Results gives results that are not encoded: event streams so share the reads of everybody else.
func (c coalescedResults) Results(
	ctx context.Context, presentationID, pollID uuid.UUID,
) (poll.Results, error) {
	r, err := c.Read(ctx, pollKey{presentationID, pollID})
	if err != nil {
		return poll.Results{}, err
	}
	return r.Results, nil
}
