package chat

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/work"
)

// recountAtOnce is how many things are compared in one statement. A chat may be large.
const recountAtOnce = 20

// What the Numbers of a thing are, in order. A chat whose numbers have no gap has as many rows as
// its last number says. Votes that differ are those of messages that say another number of votes
// than there are.
var numbersOf = map[Thing]string{
	Apps:  "last number and rows of its chats",
	Chats: "last number and rows of its messages, not deleted, shown, votes, messages with others",
}

// Recounter is the work.Recounter of chats.
type Recounter struct{ store Store }

// NewRecounter makes a Recounter.
func NewRecounter(store Store) *Recounter { return &Recounter{store} }

// Recount is the promise of work.Recounter. Things are compared many at once without a lock. One
// that differs is locked and counted again. A number that no row has is told, and never mended:
// nobody knows what it was.
func (r *Recounter) Recount(
	ctx context.Context, repair bool, found func(work.Difference),
) (compared int, err error) {
	for _, of := range []Thing{Apps, Chats} {
		n, err := r.recount(ctx, of, repair, found)
		if compared += n; err != nil {
			return compared, err
		}
	}
	return compared, nil
}

func (r *Recounter) recount(
	ctx context.Context, of Thing, repair bool, found func(work.Difference),
) (compared int, err error) {
	after := uuid.Nil
	for { // in an order that nobody changes
		n, last, differing, err := r.store.Differing(ctx, of, after, recountAtOnce)
		if err != nil {
			return compared, err
		}
		compared += n
		for _, id := range differing {
			numbers, err := r.store.Recount(ctx, of, id, repair)
			switch {
			case fault.Is(err, fault.NotFound): // it was deleted meanwhile
				compared--
			case err != nil:
				return compared, err
			case numbers.Differ():
				found(work.Difference{
					Thing: id, What: numbersOf[of], Tally: numbers.Kept, Rows: numbers.Rows,
					Mended: repair && !numbers.Lost(),
				})
			}
		}
		if n < recountAtOnce {
			return compared, nil
		}
		after = last
	}
}

// Differ says whether the rows say something else than what stands.
func (n Numbers) Differ() bool { return !slices.Equal(n.Kept, n.Rows) }

// Lost says whether there is a number that no row has. The first two of Rows are the last number,
// and how many rows there are.
func (n Numbers) Lost() bool { return max(n.Kept[0], n.Rows[0]) != n.Rows[1] }
