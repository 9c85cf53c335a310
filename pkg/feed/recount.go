package feed

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/work"
)

// Recounter is the work.Recounter of the feed.
type Recounter struct{ store Store }

// NewRecounter makes a Recounter.
func NewRecounter(store Store) *Recounter { return &Recounter{store} }

// Recount is the promise of work.Recounter. Polls are compared many at once without a lock. One
// that differs is locked and counted again. Polls whose answers are not kept are not compared.
func (r *Recounter) Recount(
	ctx context.Context, repair bool, found func(work.Difference),
) (compared int, err error) {
	after := uuid.Nil
	for { // in an order that nobody changes
		n, last, differing, err := r.store.Differing(ctx, after, MaxAtOnce)
		if err != nil {
			return compared, err
		}
		compared += n
		for _, id := range differing {
			tally, answers, err := r.store.Recount(ctx, id, repair)
			switch {
			case fault.Is(err, fault.NotFound): // it was deleted meanwhile
				compared--
			case err != nil:
				return compared, err
			case !tally.Equal(answers):
				found(difference(id, tally, answers, repair))
			}
		}
		if n < MaxAtOnce {
			return compared, nil
		}
		after = last
	}
}

// Equal says whether two tallies count the same.
func (t Tally) Equal(other Tally) bool {
	return t.Skips == other.Skips && slices.Equal(t.Votes, other.Votes)
}

func difference(id uuid.UUID, tally, answers Tally, mended bool) work.Difference {
	return work.Difference{
		Thing: id, What: "skips, and votes by option", Mended: mended,
		Tally: append([]int64{tally.Skips}, tally.Votes...),
		Rows:  append([]int64{answers.Skips}, answers.Votes...),
	}
}
