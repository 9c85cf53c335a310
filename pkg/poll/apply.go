package poll

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/work"
)

// counter is the part of Store that an Applier needs.
type counter interface {
	Count(ctx context.Context, batches []Batch) (Outcome, error)
}

// Applier is the work.Applier of votes and seals: it has the store count them.
type Applier struct {
	store  counter
	logger *slog.Logger
}

var _ work.Applier = (*Applier)(nil)

// NewApplier makes an Applier.
func NewApplier(store counter, logger *slog.Logger) *Applier {
	return &Applier{store: store, logger: logger}
}

// Apply is the promise of work.Applier. A result is the Verdicts of a batch.
func (a *Applier) Apply(ctx context.Context, entries []work.Partitioned) (work.Applied, error) {
	batches := make([]Batch, len(entries))
	for i, e := range entries {
		if e.Halved {
			batches[i].ID = e.ID
		} else {
			var err error
			if batches[i], err = DecodeBatch(e.Entry); err != nil {
				return work.Applied{}, err
			}
		}
		batches[i].Partition = e.Partition
	}
	outcome, err := a.store.Count(ctx, batches)
	if err != nil {
		a.blame(batches, err)
		return work.Applied{}, err
	}
	results := make([][]byte, len(batches))
	for i, verdicts := range outcome.Verdicts {
		results[i] = EncodeVerdicts(verdicts)
	}
	return work.Applied{Results: results, Changed: outcome.Changed}, nil
}

// blame says which vote it is that the store cannot keep.
func (a *Applier) blame(batches []Batch, err error) {
	if len(batches) == 1 && len(batches[0].Votes) == 1 && fault.Is(err, fault.Invalid) {
		v := batches[0].Votes[0]
		a.logger.Error("a vote cannot be counted",
			"partition", batches[0].Partition, "vote_id", v.ID, "poll_id", v.PollID, "error", err)
	}
}

// Size is the promise of work.Applier: the items are votes.
func (a *Applier) Size(e queue.Entry) int { return VotesIn(e) }

// Halve is the promise of work.Applier. The votes of a replayed batch must be seen together.
func (a *Applier) Halve(e queue.Entry) (first, second queue.Entry, ok bool) {
	b, err := DecodeBatch(e)
	if err != nil || len(b.Votes) < 2 || e.Replayed {
		return first, second, false
	}
	half := len(b.Votes) / 2
	first = queue.Entry{Type: e.Type, Body: appendVotes(nil, b.Votes[:half])}
	second = queue.Entry{Type: e.Type, Body: appendVotes(nil, b.Votes[half:])}
	return first, second, true
}

// Unknown is the promise of work.Applier: of each vote there is no verdict.
func (a *Applier) Unknown(e queue.Entry) []byte { return make(Verdicts, VotesIn(e)) }

// Describe is the promise of work.Applier.
func (a *Applier) Describe(e queue.Entry) string {
	b, err := DecodeBatch(e)
	if err != nil {
		return "unreadable"
	}
	return b.Describe()
}

// Describe says in a few words what a batch holds, for operators.
func (b *Batch) Describe() string {
	if b.Seal != nil {
		return "a seal"
	}
	return fmt.Sprintf("votes: %d", len(b.Votes))
}
