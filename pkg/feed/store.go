package feed

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// MaxAtOnce is how many polls one call of Polls, Answers or Differing takes.
const MaxAtOnce = 1000

// Look is where an account looks for polls.
type Look struct {
	Account uuid.UUID
	Tag     string    // folded; empty: any
	Search  string    // a part of Poll.Words; empty: any
	Before  uuid.UUID // polls that are older than this one; Nil: from the newest on
	Now     time.Time
	Limit   int // at least 1
}

// TagCount says how many polls have a tag.
type TagCount struct {
	Tag   string
	Polls int
}

// Store keeps polls, answers, tallies and accounts' days. It is safe for use by many goroutines,
// and by many processes where the adapter says so.
//
// A nil error is a promise: what was written is committed and survives a crash of the process, of
// the host and of the database. What was read is committed. An error of the kind Unavailable means
// that the store is away or too slow, and that the outcome of a write is unknown. Every method
// gives up, with Unavailable, when ctx ends.
type Store interface {
	// Create writes a poll. Conflict: its id is there already.
	Create(ctx context.Context, p Poll) error

	// Polls reads polls with their tallies, at most MaxAtOnce, in one statement. Its cost does not
	// depend on the number of answers. What is not there is missing.
	Polls(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Poll, error)

	// Close closes a poll for ever. No counting of it is under way meanwhile. NotFound.
	Close(ctx context.Context, id uuid.UUID) error

	// Delete removes a poll. No counting of it is under way meanwhile. Erase removes the answers to
	// it. NotFound.
	Delete(ctx context.Context, id uuid.UUID) error

	// By reads at most limit polls of an author that are older than one, or the newest where that
	// is Nil: the newest first.
	By(ctx context.Context, author, before uuid.UUID, limit int) ([]Poll, error)

	// Unseen finds open polls that an account has neither voted on nor skipped: the newest first,
	// at most Look.Limit. It looks at a bounded number of polls and answers, and may hence give
	// fewer. rest is before which it goes on; Nil: there are no more. Its cost does not depend on
	// the number of polls and answers.
	Unseen(ctx context.Context, l Look) (ids []uuid.UUID, rest uuid.UUID, err error)

	// Popular counts the tags of so many of the newest open polls: the most frequent first.
	Popular(ctx context.Context, newest, limit int) ([]TagCount, error)

	// Join makes an account a member whose items travel in a partition. Of a member it gives what
	// is there, and changes nothing.
	Join(ctx context.Context, account uuid.UUID, partition int) (Member, error)

	// Member reads a member. One that is not there has not acted: it has the account alone.
	Member(ctx context.Context, account uuid.UUID) (Member, error)

	// Answers reads the answers of an account to polls, at most MaxAtOnce. What is not there is
	// missing.
	Answers(
		ctx context.Context, account uuid.UUID, polls []uuid.UUID,
	) (map[uuid.UUID]Answer, error)

	// Voted reads at most limit votes of an account on polls that are older than one: the newest
	// poll first. Nil: from the newest on. It looks at a bounded number of answers, and may hence
	// give fewer. rest is before which it goes on; Nil: there are no more.
	Voted(
		ctx context.Context, account, before uuid.UUID, limit int,
	) (votes []Answer, rest uuid.UUID, err error)

	// History reads the hours of a poll that have votes, at most the limit newest ones: the oldest
	// first. Its cost does not depend on the number of answers. A poll that is not there has none.
	History(ctx context.Context, id uuid.UUID, limit int) ([]Hour, error)

	// Count applies batches of partitions in one transaction, by the rules of Ledger. Each batch
	// has its effect exactly once however often it is given. Those of one partition are the next
	// ones of its log, in its order. Of two calls that share a partition one waits. Two that share
	// polls alone never wait for each other in a circle.
	Count(ctx context.Context, rules Rules, partitions []int, batches []Batch) (Outcome, error)

	// Differing compares the numbers of polls with their answers, as both are at one moment. It
	// takes at most limit polls above after, in the order of their ids. It gives how many, the
	// last of them, and those that differ. Polls whose answers are not kept are left out.
	Differing(
		ctx context.Context, after uuid.UUID, limit int,
	) (n int, last uuid.UUID, differing []uuid.UUID, err error)

	// Recount compares the numbers of one poll with its answers, under the lock by which both move,
	// and gives both. With repair it writes what the answers say, with one revision more, where
	// that differs. NotFound, also where the answers are not kept.
	Recount(ctx context.Context, id uuid.UUID, repair bool) (kept, answers Numbers, err error)

	// Prepare makes a place of their own for the answers to a month's polls, so that KeepFrom can
	// drop them at once. Where there is none, they have a place with others.
	Prepare(ctx context.Context, m Month) error

	// KeepFrom closes all polls that were made before a month, and drops the answers to them, at
	// once or with Erase. Their numbers stay. A later call with an earlier month changes nothing.
	KeepFrom(ctx context.Context, m Month) error

	// Erase deletes at most limit rows of each kind that nobody needs any more, and gives how many.
	// These are answers to polls that were deleted or are not kept, and places in the feed of polls
	// that are over by now.
	Erase(ctx context.Context, now time.Time, limit int) (int, error)
}
