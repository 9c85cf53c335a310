package form

import (
	"context"

	"github.com/google/uuid"
)

// Store keeps forms, responses and counts. It is safe for use by many goroutines, and by many
// processes where the adapter says so.
//
// A nil error is a promise: what was written is committed and survives a crash of the process, of
// the host and of the database. What was read is committed. An error of the kind Unavailable means
// that the store is away or too slow, and that the outcome of a write is unknown. Every method
// gives up, with Unavailable, when ctx ends. A write may have been committed all the same.
type Store interface {
	// Create writes a form. Conflict: its id or its code is there already.
	Create(ctx context.Context, f Form) error

	// Form reads a form, in one statement. Its cost does not depend on the number of responses.
	// NotFound.
	Form(ctx context.Context, id uuid.UUID) (Form, error)

	// Find is Form by the code. NotFound.
	Find(ctx context.Context, code string) (Form, error)

	// Owned reads at most limit forms of an account that are older than one, or the newest where
	// that is Nil: the newest first.
	Owned(ctx context.Context, account, before uuid.UUID, limit int) ([]Form, error)

	// Edit has change change a form, and writes what an owner may change of it, with one edit more.
	// That is also whose it is. Change is told how many people have answered each question. No
	// other edit and no counting of the form is under way meanwhile. After an error of change,
	// which it gives, nothing is written. NotFound.
	Edit(
		ctx context.Context, id uuid.UUID,
		change func(f *Form, answered map[uuid.UUID]int64) error,
	) (Form, error)

	// Delete removes a form. No counting of it is under way meanwhile. Its responses are read no
	// more, and Erase removes them. NotFound.
	Delete(ctx context.Context, id uuid.UUID) error

	// Response reads a response. NotFound, also where its form is gone.
	Response(ctx context.Context, id uuid.UUID) (Response, error)

	// Responses reads at most limit responses to a form whose numbers are below one, or the newest
	// where that is 0: the newest first. NotFound.
	Responses(ctx context.Context, formID uuid.UUID, before int64, limit int) ([]Response, error)

	// Each calls yield with each response to a form, in the order of their numbers, as they are at
	// one moment. After an error of yield, which it gives, it ends. The memory that it takes does
	// not depend on the number of responses. NotFound.
	Each(ctx context.Context, formID uuid.UUID, yield func(Response) error) error

	// Counts reads the counts of a form but those of words, and the numbers of its row, all of one
	// moment. Its cost does not depend on the number of responses. NotFound.
	Counts(ctx context.Context, formID uuid.UUID) (Tally, error)

	// Words reads at most limit words of a word cloud: those that most people wrote first. Equal
	// ones are in the order of their bytes.
	Words(ctx context.Context, formID, question uuid.UUID, limit int) ([]Word, error)

	// Count applies batches of partitions in one transaction, by the rules of Ledger. Each batch
	// has its effect exactly once however often it is given. Those of one partition are the next
	// ones of its log, in its order. Of two calls that share a partition one waits.
	Count(ctx context.Context, partitions []int, batches []Batch) (Outcome, error)

	// FormIDs lists forms whose ids are above after, at most limit, in the order of their ids.
	FormIDs(ctx context.Context, after uuid.UUID, limit int) ([]uuid.UUID, error)

	// Recount compares the numbers of one form with its responses, both of one moment, and gives
	// both. With repair it moves the numbers by the difference, with one revision more, where there
	// is any. Conflict: another call has repaired them meanwhile. NotFound.
	Recount(ctx context.Context, id uuid.UUID, repair bool) (kept, rows Numbers, err error)

	// Erase deletes at most limit rows of each kind that are of no form any more, and gives how
	// many.
	Erase(ctx context.Context, limit int) (int, error)
}

// Tally is what is counted of a form, without words.
type Tally struct {
	Numbers
	Revision int64
}

// Word is what people wrote to a word cloud.
type Word struct {
	Word  string // by which it is counted: the fold of what they wrote
	Text  string // as most of them wrote it
	Count int64  // of people
}
