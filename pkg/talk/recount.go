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
	var after *Place
	for {
		talks, err := r.store.List(ctx, after, recountPage)
		if err != nil {
			return compared, err
		}
		for i := range talks {
			tally, rows, err := r.store.Recount(ctx, talks[i].ID, repair)
			switch {
			case fault.Is(err, fault.NotFound): // it was deleted meanwhile
				continue
			case err != nil:
				return compared, err
			case tally != rows:
				found(difference(talks[i].ID, tally, rows, repair))
			}
			compared++
		}
		if len(talks) < recountPage {
			return compared, nil
		}
		last := &talks[len(talks)-1]
		after = &Place{last.StartsAt, last.ID}
	}
}

func difference(id uuid.UUID, tally, rows Tally, mended bool) work.Difference {
	return work.Difference{
		Thing: id, What: "ratings of 1 to 5", Tally: tally[:], Rows: rows[:], Mended: mended,
	}
}
