package feed

import (
	"context"
	"math"
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
			kept, answers, err := r.store.Recount(ctx, id, repair)
			switch {
			case fault.Is(err, fault.NotFound): // it was deleted meanwhile
				compared--
			case err != nil:
				return compared, err
			case !kept.Equal(answers):
				found(difference(id, kept, answers, repair))
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

// difference tells of the tallies, or of the hours where these alone differ.
func difference(id uuid.UUID, kept, answers Numbers, mended bool) work.Difference {
	d := work.Difference{Thing: id, Mended: mended}
	if kept.Tally.Equal(answers.Tally) {
		d.What = "votes by hour"
		d.Tally, d.Rows = aligned(kept.Hours, answers.Hours)
		return d
	}
	d.What = "skips, and votes by option"
	d.Tally = append([]int64{kept.Skips}, kept.Votes...)
	d.Rows = append([]int64{answers.Skips}, answers.Votes...)
	return d
}

// aligned gives the votes of all hours that one of two lists has, in order.
func aligned(a, b []Hour) (ofA, ofB []int64) {
	for len(a)+len(b) > 0 {
		at := int64(math.MaxInt64)
		for _, hours := range [][]Hour{a, b} {
			if len(hours) > 0 {
				at = min(at, hours[0].At)
			}
		}
		take := func(hours *[]Hour) (votes int64) {
			if len(*hours) > 0 && (*hours)[0].At == at {
				votes, *hours = (*hours)[0].Votes, (*hours)[1:]
			}
			return votes
		}
		ofA, ofB = append(ofA, take(&a)), append(ofB, take(&b))
	}
	return ofA, ofB
}
