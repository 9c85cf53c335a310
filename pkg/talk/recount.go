package talk

import (
	"context"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/work"
)

// recountPage is how many talks are listed at once.
const recountPage = 1000

// Recounter is the work.Recounter of talks.
type Recounter struct{ store Store }

// NewRecounter makes a Recounter.
func NewRecounter(store Store) *Recounter { return &Recounter{store} }

// Recount is the promise of work.Recounter. A talk is locked while its ratings are counted.
func (r *Recounter) Recount(
	ctx context.Context, repair bool, found func(work.Difference),
) (compared int, err error) {
	after := uuid.Nil
	for { // in an order that no edit changes
		ids, err := r.store.TalkIDs(ctx, after, recountPage)
		if err != nil {
			return compared, err
		}
		for _, id := range ids {
			tally, rows, err := r.store.Recount(ctx, id, repair)
			switch {
			case fault.Is(err, fault.NotFound): // it was deleted meanwhile
				continue
			case err != nil:
				return compared, err
			case tally != rows:
				found(difference(id, tally, rows, repair))
			}
			compared++
		}
		if len(ids) < recountPage {
			return compared, nil
		}
		after = ids[len(ids)-1]
	}
}

func difference(id uuid.UUID, tally, rows Tally, mended bool) work.Difference {
	return work.Difference{
		Thing: id, What: "ratings of 1 to 5", Tally: tally[:], Rows: rows[:], Mended: mended,
	}
}
