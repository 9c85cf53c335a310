package talk

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Place is where a part of the programme begins: behind a talk.
type Place struct {
	StartsAt time.Time // zero: behind those that say when they start
	ID       uuid.UUID
}

// MaxNewest is how many talks one call of Newest takes.
const MaxNewest = 1000

// Store keeps talks, ratings and tallies. It is safe for use by many goroutines, and by many
// processes where the adapter says so.
//
// A nil error is a promise: what was written is committed and survives a crash of the process, of
// the host and of the database. What was read is committed. An error of the kind Unavailable means
// that the store is away or too slow, and that the outcome of a write is unknown. Every method
// gives up, with Unavailable, when ctx ends. A write may have been committed all the same.
type Store interface {
	// Create writes talks, all of them or none. Conflict: an id or a code is there already.
	Create(ctx context.Context, talks ...Talk) error

	// Talk reads a talk with its tally, in one statement. Its cost does not depend on the number of
	// ratings. NotFound.
	Talk(ctx context.Context, id uuid.UUID) (Talk, error)

	// Find is Talk by the code. NotFound.
	Find(ctx context.Context, code string) (Talk, error)

	// List reads at most limit talks behind a place, or from the first one on where that is nil.
	// They are in the order of their start and then of their id. Those without a start come last.
	List(ctx context.Context, after *Place, limit int) ([]Talk, error)

	// Newest reads what Talk.Stand gives of talks, at most MaxNewest, in one statement. What is not
	// there is missing.
	Newest(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]int64, error)

	// Owned reads at most limit talks that an importer owns, the newest first. They are older than
	// one, or the newest ones where that is Nil. An importer without Account owns what was
	// imported with its token.
	Owned(ctx context.Context, by Importer, before uuid.UUID, limit int) ([]Talk, error)

	// Import has merge make talks of those that an importer owns with one of the sources. It writes
	// what merge gives: some anew, and others as Edit does. All of it is written, or nothing
	// and merge's error is given. No other edit of what is found is under way meanwhile. Of several
	// with one source those come first that have the importer's own hash. Conflict: an id, a code,
	// or an importer's source is there already.
	Import(ctx context.Context, by Importer, sources []string,
		merge func(found []Talk) (made, edited []Talk, err error)) error

	// Edit has change change a talk, and writes what an owner may change of it, with one edit more.
	// That is also whose it is. No other edit and no counting of the talk is under way meanwhile.
	// After an error of change,
	// which it gives, nothing is written. NotFound.
	Edit(ctx context.Context, id uuid.UUID, change func(*Talk) error) (Talk, error)

	// Delete removes a talk with its ratings. No counting of it is under way meanwhile. NotFound.
	Delete(ctx context.Context, id uuid.UUID) error

	// Comments reads at most limit comments of a talk that are older than one, or the newest where
	// that is Nil: the newest first. NotFound.
	Comments(ctx context.Context, id, before uuid.UUID, limit int) ([]Comment, error)

	// Hide hides a comment of a talk or shows it again. If that changes anything, it raises the
	// talk's revision, which it gives. NotFound.
	Hide(ctx context.Context, id, commentID uuid.UUID, hidden bool) (Comment, int64, error)

	// Count applies batches of partitions in one transaction, by the rules of Ledger. Each batch
	// has its effect exactly once however often it is given. Those of one partition are the next
	// ones of its log, in its order. Of two calls that share a partition one waits.
	Count(ctx context.Context, partitions []int, batches []Batch) (Outcome, error)

	// HasCounted says whether a rating with a key was counted. After some days that is forgotten.
	HasCounted(ctx context.Context, key uuid.UUID) (bool, error)

	// TalkIDs lists talks whose ids are above after, at most limit, in the order of their ids.
	TalkIDs(ctx context.Context, after uuid.UUID, limit int) ([]uuid.UUID, error)

	// Recount compares the tally of one talk with its ratings, under the lock by which both move,
	// and gives both. With repair it writes what the ratings say, with one revision more, where
	// that differs. NotFound.
	Recount(ctx context.Context, id uuid.UUID, repair bool) (tally, rows Tally, err error)
}
