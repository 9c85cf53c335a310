package form

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/work"
)

// Recounter is the work.Recounter of forms.
type Recounter struct{ store Store }

// NewRecounter makes a Recounter.
func NewRecounter(store Store) *Recounter { return &Recounter{store} }

const (
	// listed is how many ids of forms are read at once.
	listed = 1000
	// shown is how many counts that differ a difference tells of.
	shown = 20
)

// Recount is the promise of work.Recounter. The numbers and the responses of a form are compared
// as they are at one moment, without a lock. What is between them is the same at any other. So it
// is mended when they have moved on, too.
func (r *Recounter) Recount(
	ctx context.Context, repair bool, found func(work.Difference),
) (compared int, err error) {
	after := uuid.Nil
	for { // in an order that nobody changes
		ids, err := r.store.FormIDs(ctx, after, listed)
		if err != nil {
			return compared, err
		}
		for _, id := range ids {
			after = id
			kept, rows, err := r.store.Recount(ctx, id, repair)
			if fault.Is(err, fault.NotFound) { // it was deleted meanwhile
				continue
			}
			if err != nil {
				return compared, err
			}
			compared++
			if by := rows.Minus(kept); !by.None() {
				found(difference(id, kept, rows, by, repair))
			}
		}
		if len(ids) < listed {
			return compared, nil
		}
	}
}

// difference tells of the responses, and of the first counts that differ.
func difference(id uuid.UUID, kept, rows, by Numbers, mended bool) work.Difference {
	d := work.Difference{
		Thing: id, What: "responses", Mended: mended,
		Tally: []int64{kept.Responses}, Rows: []int64{rows.Responses},
	}
	if n := len(by.Counts); n > 0 {
		d.What = fmt.Sprintf("responses, and counts of answers that differ (%d)", n)
	}
	places := slices.SortedFunc(maps.Keys(by.Counts), func(a, b Place) int {
		return inOrder(Move{Place: a}, Move{Place: b})
	})
	for _, at := range places[:min(len(places), shown)] {
		d.Tally, d.Rows = append(d.Tally, kept.Counts[at]), append(d.Rows, rows.Counts[at])
	}
	if len(places) > shown {
		d.What += fmt.Sprintf(", the first %d of them", shown)
	}
	return d
}
