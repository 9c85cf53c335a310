package poll

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
)

// Display is what is on a presentation's slide.
type Display struct {
	PresentationID uuid.UUID
	access.Admission
	Edits int64 // how often it was edited, and its tokens and its code were renewed
	Slide
	Partition int // of the log, where its votes and seals go; the same for ever

	Poll *Poll // nil when nothing is displayed, not when it is closed; shared: nobody changes it

	// TalkID names the talk that the audience is to rate now; Nil: there is none, or the last poll
	// is not over.
	TalkID uuid.UUID

	// Of the store's Display only.
	Tokens   *access.Tokens // shared, too
	JoinCode string
}

// Stand is a number that rises with every transition, and with every edit of the presentation.
func (d *Display) Stand() int64 { return d.Version + d.Edits }

// UseNoted is how exactly a store knows when a presentation was used last: use is written down once
// in that time.
const UseNoted = 24 * time.Hour

// Turn is what a store's Transit did.
type Turn struct {
	Display
	Changed bool // false: the slide showed that already, nothing was written
	// the poll that voting ended for and the version that ended, to be sealed after SealDelay
	Ended *Seal
}

// ClosingPoll is a poll that voting has ended for and that is not sealed yet.
type ClosingPoll struct {
	PresentationID uuid.UUID
	Partition      int  // of its presentation
	Seal           Seal // the one that it waits for
}

// Newest is how far presentations and polls are, by their ids.
type Newest struct {
	Versions  map[uuid.UUID]int64 // of presentations: what Display.Stand gives
	Revisions map[uuid.UUID]int64 // of polls
}

// Add takes note of an id's number; of a presentation it is its stand.
func (n *Newest) Add(id uuid.UUID, isPresentation bool, number int64) {
	if isPresentation {
		n.Versions[id] = number
	} else {
		n.Revisions[id] = number
	}
}

// NewNewest makes an empty one, or refuses what is too much. It is for stores.
func NewNewest(presentations, polls []uuid.UUID) (Newest, error) {
	if n := len(presentations) + len(polls); n > MaxNewest {
		return Newest{}, fault.Errorf(fault.Invalid, "one call is about at most %d ids, not %d",
			MaxNewest, n)
	}
	return Newest{make(map[uuid.UUID]int64, len(presentations)),
		make(map[uuid.UUID]int64, len(polls))}, nil
}

// Owned is a presentation in the list of its owner's.
type Owned struct {
	ID       uuid.UUID `db:"id"`
	Title    string    `db:"title"`
	JoinCode string    `db:"join_code"`
}

// MaxNewest is how many ids one call of Newest takes.
const MaxNewest = 1000

// Store keeps presentations, votes and tallies. It is safe for use by many goroutines, and by many
// processes where the adapter says so.
//
// A nil error is a promise: what was written is committed and survives a crash of the process, of
// the host and of the database. What was read is committed, too. An error of the kind Unavailable
// means that the store is away or too slow, and that the outcome of a write is unknown. Every
// method gives up, with Unavailable, when ctx ends; a write may have been committed all the same.
type Store interface {
	// Create writes a new presentation, with the poll that its Slide displays, if any, open.
	// Conflict: the id or the join code is there already.
	Create(ctx context.Context, p Presentation) error

	// Presentation reads a presentation and the states of its polls, in the same order and from one
	// snapshot. NotFound.
	Presentation(ctx context.Context, id uuid.UUID) (Presentation, []State, error)

	// Join finds a presentation's id and title by its join code, as Create got it. NotFound.
	Join(ctx context.Context, code string) (id uuid.UUID, title string, err error)

	// Owned lists an account's own presentations, the newest first, at most limit of them, older
	// than the one with the id before (Nil: all).
	Owned(ctx context.Context, account, before uuid.UUID, limit int) ([]Owned, error)

	// Access reads what a presentation's tokens hash to, and whose it is. NotFound.
	Access(ctx context.Context, id uuid.UUID) (access.Tokens, error)

	// SetAccess puts other tokens in the place of a presentation's, if its presenter's is still the
	// one that hashes to presenter. Stale: it is not; whoever held that one has no say any more.
	// NotFound.
	SetAccess(ctx context.Context, id uuid.UUID, presenter [32]byte, a access.Tokens) error

	// SetJoinCode gives a presentation another join code. The old one names nothing from then on.
	// Conflict: the code is there already. NotFound.
	SetJoinCode(ctx context.Context, id uuid.UUID, code string) error

	// Display reads what is displayed, in one statement that sees everything committed before the
	// call. It notes that the presentation is used, which costs a write once in UseNoted.
	// NotFound.
	Display(ctx context.Context, id uuid.UUID) (Display, error)

	// Newest reads the versions of presentations and the revisions of polls, at most MaxNewest of
	// both together (Invalid). It reads them in one statement that sees everything committed
	// before the call. Whatever viewers of a slide or of results may see raises one or the other.
	// So a caller that knows both tells what to read anew. What is not there is missing.
	Newest(ctx context.Context, presentations, polls []uuid.UUID) (Newest, error)

	// Transit decides a move (Slide.Decide) and writes it, in one transaction that excludes other
	// transitions of the presentation and the counting of the polls concerned. ifMatch, if not nil,
	// is the version the presenter saw. NotFound, OutOfPolls, Stale, NotDisplayed.
	Transit(ctx context.Context, id uuid.UUID, m Move, ifMatch *int64) (Turn, error)

	// Edit makes an edit (Draft.Apply) and writes it, in one transaction. The transaction excludes
	// other edits and transitions of the presentation, and the counting of the poll concerned.
	// NotFound, Invalid, Stale (IfSeen), HasBeenShown, NotFinal, LastPoll.
	Edit(ctx context.Context, id uuid.UUID, e Edit) (Edited, error)

	// Delete removes a presentation with everything of it, in one transaction that excludes
	// transitions and the counting of its polls. What is counted for it later is rejected.
	// NotFound, and Stale: it is at no revision of seen.
	Delete(ctx context.Context, id uuid.UUID, seen Seen) error

	// History lists what was mended of a presentation, the oldest first, of the numbers above after
	// at most limit. What is of a poll goes with its votes. NotFound.
	History(ctx context.Context, id uuid.UUID, after int64, limit int) ([]Mend, error)

	// Unused lists presentations whose use was noted last age ago or longer by the database's
	// clock, the longest unused first, at most limit of them. Create, Display, Transit and Edit
	// note it.
	Unused(ctx context.Context, age time.Duration, limit int) ([]uuid.UUID, error)

	// Expire removes a presentation with everything of it but votes, words and spellings, if its
	// use was still noted last age ago or longer. It does so in one transaction that excludes
	// transitions, edits, a note of its use, and the counting of its polls. What is counted for it
	// later is rejected. Nobody sees its votes and words any more, and Erase deletes them. false:
	// nothing was removed, since it was used, is gone, or another call is about to change it. Of
	// many calls at once, one gives true.
	Expire(ctx context.Context, id uuid.UUID, age time.Duration) (bool, error)

	// Erase deletes what Expire left, at most limit rows in one transaction, and gives how many. 0:
	// nothing is left that no other call is about to delete.
	Erase(ctx context.Context, limit int) (int, error)

	// Results reads a poll's state, tallies and words in one statement. Its cost does not depend
	// on the number of votes, nor on that of words that were not banned later. NotFound: no such
	// poll in that presentation.
	Results(ctx context.Context, presentationID, pollID uuid.UUID) (Results, error)

	// Votes calls yield for the counted vote of every voter of a poll whose id is above after
	// (uuid.Nil: every voter). It leaves out voters who took their vote back. The votes are from
	// one snapshot, in the order of voter ids. The memory that Votes takes does not depend on
	// their number. Where it begins costs nothing. It stops at the first error of yield and
	// returns it. NotFound comes before the first yield.
	Votes(ctx context.Context, presentationID, pollID, after uuid.UUID,
		yield func(VoterAnswer) error) error

	// Answers calls yield for the words of a poll of free text, of other kinds for none. The words
	// are from one snapshot, in an order. The memory that Answers takes does not depend on their
	// number. Where it begins costs nothing. Words that nobody says any more are not among them.
	// It stops at the first error of yield and returns it. NotFound comes before the first yield.
	Answers(ctx context.Context, presentationID, pollID uuid.UUID, l question.Listing,
		yield func(question.WordCount) error) error

	// Hide hides a word of a poll, which is named by a text (Poll.Forms), or shows it again. It
	// does so in one transaction that excludes the counting of the poll. If that changes anything,
	// it raises the poll's revision. A hidden word stays hidden, also while nobody says it, until
	// the poll is reset. It counts as before, and only Answers gives it. NotFound: also of a word
	// that nobody says. NotFreeText, WordBanned.
	Hide(ctx context.Context, presentationID, pollID uuid.UUID, text string,
		hidden bool) (question.WordCount, Edited, error)

	// Count applies batches in one transaction, by the rules of Ledger. Those of one partition are
	// the next ones of its log, in its order. A presentation's batches are all in one partition, so
	// the order between partitions decides nothing. Each batch has its effect exactly once however
	// often it is given. The votes of a replayed one count only for voters who had none when its
	// turn came. At most one Count per partition is under way at a time, whoever calls; others
	// wait, and never for each other in a circle. A partition that the engine does not have is a
	// fault, and then nothing is applied.
	Count(ctx context.Context, batches []Batch) (Outcome, error)

	// Refold counts the words of one poll anew from its votes, by the present fold. It takes a
	// poll whose words another fold has counted (Folding.Due), if there is one. It does so in one
	// transaction that excludes counting and transitions of the poll. It gives the change if
	// results are others then. more: there may be more to do. Any number of calls may be under way
	// at once: each takes another poll.
	Refold(ctx context.Context) (changed *bus.Change, more bool, err error)

	// Secret gives the key of that name, which is fresh at the first call, and for ever after what
	// that call wrote.
	Secret(ctx context.Context, name string, fresh []byte) ([]byte, error)

	// Grant counts up to n more passes of a presentation as given. It grants as many as its
	// MaxVoters has room for, exactly, however many call at once. A transition does not hold it
	// up. NotFound.
	Grant(ctx context.Context, id uuid.UUID, n int) (granted int, err error)

	// Present says who is in each of these presentations' rooms on a replica now, in place of what
	// that replica said of it before. It drops whatever any replica said more than age ago by the
	// database's clock. It is the one write that a nil error does not make last. A crash may take
	// it back, and a replica says it again and again.
	Present(ctx context.Context, replica uuid.UUID, rooms map[uuid.UUID]Presence,
		age time.Duration) error

	// Audiences adds up what all replicas said of each of these presentations in the last age by
	// the database's clock. It adds the passes that were given, in one statement. A presentation
	// whose room is empty may be missing.
	Audiences(ctx context.Context, presentations []uuid.UUID,
		age time.Duration) (map[uuid.UUID]Audience, error)

	// Closing lists the polls that wait for their seal.
	Closing(ctx context.Context) ([]ClosingPoll, error)
}
