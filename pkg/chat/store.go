package chat

import (
	"context"

	"github.com/google/uuid"
)

// Sees says which messages a reader of a chat sees.
type Sees int

// The kinds of readers.
const (
	Public     Sees = iota // what is shown, and the numbers of what was deleted
	Everything             // for moderators
	ToModerate             // what waits for a moderator, alone
)

// Range is a part of a chat's messages. With Before it is read from there downwards.
type Range struct {
	Chat   uuid.UUID
	Sees   Sees
	After  int64 // messages with higher numbers; 0: from the first on
	Before int64 // messages with lower numbers, the highest ones; 0: read upwards from After
	Limit  int   // at least 1
}

// Rank is a question's place among those of its chat: pinned ones first, then by votes, then by
// age.
type Rank struct {
	Pinned bool
	Votes  int64
	Number int64
}

// Ranking is a part of a chat's questions that are shown, in the order of Rank.
type Ranking struct {
	Chat     uuid.UUID
	Answered bool  // those that are answered; else the others
	After    *Rank // nil: from the first on
	Limit    int   // at least 1
}

// Look is where somebody looks for parts of words: the newest messages first.
type Look struct {
	Chat   uuid.UUID
	Sees   Sees   // Public or Everything
	Search string // a part of Message.Words
	Before int64  // messages with lower numbers; 0: from the newest on
	Limit  int    // at least 1
}

// Thing is what a recount looks at.
type Thing int

// The things.
const (
	Apps  Thing = 1 // their chats
	Chats Thing = 2 // their messages
)

// Numbers are those of a thing, beside each other: what stands, and what the rows say.
type Numbers struct{ Kept, Rows []int64 }

// Store keeps applications, chats, messages and what is counted of them. It is safe for use by many
// goroutines, and by many processes where the adapter says so.
//
// A nil error is a promise: what was written is committed and survives a crash of the process, of
// the host and of the database. What was read is committed. An error of the kind Unavailable means
// that the store is away or too slow, and that the outcome of a write is unknown. Every method
// gives up, with Unavailable, when ctx ends.
//
// Messages appear in the order of their numbers: whoever sees one has those with lower numbers,
// too. No reading costs more where a chat has more messages, but as Search says.
type Store interface {
	// Create writes an application. Conflict: its id, token or subject is there already.
	Create(ctx context.Context, a Application) error

	// Application reads an application. NotFound.
	Application(ctx context.Context, id uuid.UUID) (Application, error)

	// Find reads the application of a token, which is not the zero hash. NotFound.
	Find(ctx context.Context, tokenHash [32]byte) (Application, error)

	// Of reads the application of a subject, which is not Nil. NotFound.
	Of(ctx context.Context, subject uuid.UUID) (Application, error)

	// Owned reads at most limit applications of an account that are older than one, or the newest
	// where that is Nil: the newest first.
	Owned(ctx context.Context, account, before uuid.UUID, limit int) ([]Application, error)

	// Edit has change change an application's name, reactions, token and epoch, under the lock by
	// which its chats are counted. Nothing is written after an error of change. NotFound.
	Edit(
		ctx context.Context, id uuid.UUID, change func(*Application) error,
	) (Application, error)

	// Delete removes an application with its chats. Erase removes their rows. NotFound.
	Delete(ctx context.Context, id uuid.UUID) error

	// Chat reads a chat. NotFound.
	Chat(ctx context.Context, p Place) (Chat, error)

	// Chats reads at most limit chats of an application whose numbers are above after: by number.
	Chats(ctx context.Context, app uuid.UUID, after int64, limit int) ([]Chat, error)

	// Adjust has change change a chat's settings, under the lock by which its messages are counted.
	// It raises the revision. Nothing is written after an error of change. NotFound.
	Adjust(ctx context.Context, p Place, change func(*Chat) error) (Chat, error)

	// Message reads a message. NotFound.
	Message(ctx context.Context, chat uuid.UUID, number int64) (Message, error)

	// Numbered finds the chat or the message of an application that an item made, by the item's id.
	// The message is 0 where it made a chat. NotFound: it made nothing, or not yet.
	Numbered(ctx context.Context, app, id uuid.UUID) (chat, message int64, err error)

	// Messages reads at most Range.Limit messages: upwards, or downwards from Before. It looks at a
	// bounded number of them, and may hence give fewer. rest is from where it goes on, as After or
	// Before; 0: there are no more.
	Messages(ctx context.Context, r Range) (messages []Message, rest int64, err error)

	// Ranked reads at most Ranking.Limit questions.
	Ranked(ctx context.Context, r Ranking) ([]Message, error)

	// Search finds at most Look.Limit messages: the newest first. Where the text is too short for
	// an index, it looks at a bounded number of messages, and may hence give fewer. rest is before
	// which it goes on; 0: there are no more. Its cost rises with the number of messages that have
	// the text.
	Search(ctx context.Context, l Look) (messages []Message, rest int64, err error)

	// Changed reads at most limit messages that changed after a revision of their chat, in the
	// order of their changes. Those that are as they were when they got their number are left out.
	Changed(ctx context.Context, chat uuid.UUID, revision int64, limit int) ([]Message, error)

	// Versions reads what a message said before its edits: the oldest first.
	Versions(ctx context.Context, chat uuid.UUID, number int64) ([]Version, error)

	// Upvoted says for which messages, of at most 1,000, a vote of a person stands.
	Upvoted(
		ctx context.Context, chat, person uuid.UUID, numbers []int64,
	) (map[int64]bool, error)

	// Read takes note that a member has read a chat up to a number, or up to the newest one. A
	// marker never goes back.
	Read(ctx context.Context, chat, member uuid.UUID, number int64) error

	// Unread gives up to which number a member has read a chat, and how many shown messages are
	// above, at most limit.
	Unread(
		ctx context.Context, chat, member uuid.UUID, limit int,
	) (marker int64, unread int, err error)

	// Reactions reads those to slides of an application, of at most 1,000. What has none is
	// missing.
	Reactions(
		ctx context.Context, app uuid.UUID, slides []uuid.UUID,
	) (map[uuid.UUID]Reactions, error)

	// Count applies batches of partitions in one transaction, by the rules of Ledger. Each batch
	// has its effect exactly once however often it is given. Those of one partition are the next
	// ones of its log, in its order. Numbers are given under locks of the applications' and the
	// chats' rows. Of two calls that share one of these, one waits, and never in a circle.
	Count(ctx context.Context, partitions []int, batches []Batch) (Outcome, error)

	// Differing compares the numbers of things with their rows, as they are at one moment. These
	// are at most limit things whose ids are above after, in the order of their ids. It gives how
	// many, the last of them, and those that differ.
	Differing(
		ctx context.Context, of Thing, after uuid.UUID, limit int,
	) (n int, last uuid.UUID, differing []uuid.UUID, err error)

	// Recount compares the numbers of one thing with its rows, under the lock by which both move.
	// With repair it writes what the rows say, with one revision more, where that differs. It
	// lowers no last number: that would be given again. NotFound.
	Recount(ctx context.Context, of Thing, id uuid.UUID, repair bool) (Numbers, error)

	// Erase deletes at most limit rows of each kind that are left of deleted applications, and
	// gives how many.
	Erase(ctx context.Context, limit int) (int, error)
}
