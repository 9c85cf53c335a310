package feed

import (
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
)

// Why an account's answer is not counted.
var (
	Closed   = fault.Conflict.Named("poll_closed")
	Voted    = fault.Conflict.Named("already_voted")
	Skipped  = fault.Conflict.Named("already_skipped")
	Final    = fault.Conflict.Named("vote_final") // it cannot be changed any more
	NotVoted = fault.Conflict.Named("not_voted")  // there is no vote to change
	Spent    = fault.Busy.Named("quota_spent")    // the day's votes are given
)

// Action is what an account does with a poll.
type Action byte

// The actions.
const (
	Vote     Action = 1
	Skip     Action = 2
	Unskip   Action = 3 // takes a skip back, and has no effect where there is none
	Change   Action = 4 // of a vote, for as long as Rules.Undo
	Withdraw Action = 5 // a vote, for as long as Rules.Undo
)

func (a Action) takesOption() bool { return a == Vote || a == Change }

// Item is one account's, on its way to be decided.
type Item struct {
	ID      uuid.UUID
	Account uuid.UUID
	PollID  uuid.UUID
	Action  Action
	Option  int   // of Vote and Change
	At      int64 // when the API accepted it, in milliseconds since 1970
	// Keyed says that the ID follows from a key of the client's: a retry has the same one. An item
	// whose ID had its effect before has no other.
	Keyed bool
}

// Key names the answer of one account to one poll.
type Key struct{ Account, PollID uuid.UUID }

func (i *Item) key() Key { return Key{i.Account, i.PollID} }

// SkipOption is the option of an answer that is a skip.
const SkipOption = -1

// Answer is what stands of an account with a poll.
type Answer struct {
	Key
	Option int   // SkipOption: it skipped the poll
	At     int64 // when it voted or skipped first, in milliseconds since 1970
}

// Time gives when the account voted or skipped.
func (a Answer) Time() time.Time { return time.UnixMilli(a.At).UTC() }

// Member is an account that has acted in the feed.
type Member struct {
	Account   uuid.UUID
	Partition int   // of the log, for ever
	Day       int64 // days since 1970, in UTC, of its last vote
	Used      int   // votes of that day
	Undone    int64 // how many answers it has taken back
}

const (
	day       = 24 * time.Hour
	dayMillis = int64(day / time.Millisecond)
)

// dayOf gives the day of a time in milliseconds.
func dayOf(millis int64) int64 { return millis / dayMillis }

// endOf gives when a day is over.
func endOf(d int64) time.Time { return time.UnixMilli((d + 1) * dayMillis).UTC() }

// Rules bound what an account may do.
type Rules struct {
	DailyVotes int           // of a UTC day; 0: any number
	Undo       time.Duration // how long a vote may be changed or withdrawn; 0: never
}

// Quota is how many votes an account has left.
type Quota struct {
	Limit     int // 0: there is none
	Remaining int
	ResetsAt  time.Time
}

// Quota gives what a member has left at a time. A clock that is behind changes nothing.
func (r Rules) Quota(m Member, now time.Time) Quota {
	today := max(dayOf(now.UnixMilli()), m.Day)
	q := Quota{Limit: r.DailyVotes, Remaining: r.DailyVotes, ResetsAt: endOf(today)}
	if m.Day == today {
		q.Remaining = max(0, r.DailyVotes-m.Used)
	}
	return q
}

// Verdict is what became of an item.
type Verdict byte

// The verdicts. None is 0, which says that there is none yet. Those from 0x80 on come with a day.
const (
	Done          Verdict = 1 // it has its effect, or had it before
	PollGone      Verdict = 2
	PollClosed    Verdict = 3
	VotedBefore   Verdict = 4
	SkippedBefore Verdict = 5
	NoOption      Verdict = 6
	TooLate       Verdict = 7 // to change or withdraw a vote
	NoVote        Verdict = 8 // to change or withdraw
	QuotaSpent    Verdict = 0x80
)

// Result is what is said of an item.
type Result struct {
	Verdict
	Day int64 // whose votes are given; only of QuotaSpent
}
