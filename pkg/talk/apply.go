package talk

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/work"
)

// counter is the part of Store that an Applier needs.
type counter interface {
	Count(ctx context.Context, partitions []int, batches []Batch) (Outcome, error)
}

// Applier is the work.Applier of ratings: it has the store count them.
type Applier struct {
	store  counter
	logger *slog.Logger
}

var _ work.Applier = (*Applier)(nil)

// NewApplier makes an Applier.
func NewApplier(store counter, logger *slog.Logger) *Applier { return &Applier{store, logger} }

// Apply is the promise of work.Applier. Entries of any number of partitions go into one
// transaction. A result is a Verdict per rating.
func (a *Applier) Apply(ctx context.Context, entries []work.Partitioned) (work.Applied, error) {
	batches, partitions := make([]Batch, len(entries)), []int(nil)
	for i, e := range entries {
		partitions = append(partitions, e.Partition)
		batches[i] = Batch{ID: e.ID, Replayed: e.Replayed}
		if e.Halved {
			continue
		}
		var err error
		if batches[i].Ratings, err = DecodeRatings(e.Entry); err != nil {
			return work.Applied{}, err
		}
	}
	slices.Sort(partitions)
	outcome, err := a.store.Count(ctx, slices.Compact(partitions), batches)
	if err != nil {
		a.blame(batches, err)
		return work.Applied{}, err
	}
	results := make([][]byte, len(batches))
	for i, verdicts := range outcome.Verdicts {
		results[i] = encodeVerdicts(verdicts)
	}
	return work.Applied{Results: results, Changed: outcome.Changed}, nil
}

// blame says which rating it is that the store cannot keep.
func (a *Applier) blame(batches []Batch, err error) {
	if len(batches) == 1 && len(batches[0].Ratings) == 1 && fault.Is(err, fault.Invalid) {
		r := batches[0].Ratings[0]
		a.logger.Error("a rating cannot be counted",
			"rating_id", r.ID, "talk_id", r.TalkID, "error", err)
	}
}

// Size is the promise of work.Applier: the items are ratings.
func (a *Applier) Size(e queue.Entry) int { return RatingsIn(e) }

// Halve is the promise of work.Applier. The ratings of a replayed batch must be seen together.
func (a *Applier) Halve(e queue.Entry) (first, second queue.Entry, ok bool) {
	ratings, err := DecodeRatings(e)
	if err != nil || len(ratings) < 2 || e.Replayed {
		return first, second, false
	}
	half := len(ratings) / 2
	first.Type, first.Body, err = EncodeRatings(nil, ratings[:half])
	if err == nil {
		second.Type, second.Body, err = EncodeRatings(nil, ratings[half:])
	}
	return first, second, err == nil
}

// Unknown is the promise of work.Applier: of each rating there is no verdict.
func (a *Applier) Unknown(e queue.Entry) []byte { return make([]byte, RatingsIn(e)) }

// Describe is the promise of work.Applier.
func (a *Applier) Describe(e queue.Entry) string {
	ratings, err := DecodeRatings(e)
	if err != nil {
		return "unreadable"
	}
	return fmt.Sprintf("ratings: %d", len(ratings))
}
