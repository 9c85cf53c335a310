// Package intake is the voter's way in. It checks a vote, and takes it under the lease of what is
// displayed. It commits it with the others that arrive at the same time, and says what became of
// it.
package intake

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/queue"
)

// How long a request waits.
const (
	// Deadline is when a vote must have its answer.
	Deadline = commit.Deadline
	// DefaultWait is how long a request waits for its verdict before it makes do with being
	// accepted.
	DefaultWait = commit.DefaultWait
)

// Ballot is what a voter sends: keys, or texts where the poll takes free text. A ballot with
// neither takes back what the voter sent before.
type Ballot struct {
	PollID  uuid.UUID
	Keys    []string
	Texts   []string  // nil: keys
	VoterID uuid.UUID // the client's own; not with a pass, whose voter it is then
	Pass    []byte    // nil: none
	Seq     int64     // 0: none

	by access.Identity // of the voter, from identify on
}

// Wait says what a voter waits for: its result is the verdict.
type Wait = commit.Wait

// Hearer is told a vote that Take took, and what Cast would return for it.
type Hearer = commit.Hearer[poll.Vote, poll.Verdict]

// Receipt is the answer to an accepted vote. Verdict is Counted or Superseded, or 0: durable, and
// not counted yet.
type Receipt struct {
	VoteID  uuid.UUID
	Verdict poll.Verdict
}

// Display finds what a presentation displays: stage.Cache.
type Display interface {
	Known(id uuid.UUID) (poll.Display, time.Time, bool)
	Display(ctx context.Context, id uuid.UUID, since time.Time) (poll.Display, time.Time, error)
}

// Intake takes votes. It is safe for use by many goroutines. It is a life.Service, whose Stop sends
// what waits still and returns when the log has taken or refused it, and everybody was told. Cast
// and Take are called while it runs.
type Intake struct {
	life.Service
	cache  Display
	passes *access.Passes
	now    func() time.Time
	group  *commit.Group[poll.Vote, poll.Verdict]
}

// New makes an intake over a log, which may have more than partitions partitions. maxWaiting bounds
// the votes that wait for an answer; one of several partitions may hold half of them. now is the
// monotonic clock, the same as the cache's.
func New(cache Display, passes *access.Passes, log queue.Publisher, partitions, maxWaiting int,
	now func() time.Time) *Intake {
	group := commit.New(log, commit.Config[poll.Vote, poll.Verdict]{
		Encode: encode, Decode: decode, Judge: judge, Window: poll.Window, Words: words,
		Partitions: partitions, MaxWaiting: maxWaiting, Now: now,
	})
	return &Intake{Service: group, cache: cache, passes: passes, now: now, group: group}
}

// Waiting gives the number of votes that wait for their answer now.
func (in *Intake) Waiting() int { return in.group.Waiting() }

// Cast takes a vote and waits for its answer. A nil error is guarantee 1. Then the vote is one of
// these:
//   - counted
//   - superseded by a later one of the same voter
//   - durable and sure to be one of the two above (Verdict 0)
//
// The errors are:
//   - Invalid, which names the field
//   - NotFound
//   - NotDisplayed: the poll is not on the slide, or voting for it is closed
//   - NoPass: the presentation takes votes with a pass only
//   - BadPass and OldPass
//   - TooLate: the vote came behind its seal
//   - Busy
//   - Unavailable: the vote may count or not, and sending it again is safe
func (in *Intake) Cast(ctx context.Context, presentationID uuid.UUID, ballot Ballot,
	wait Wait) (Receipt, error) {
	if err := in.group.Enter(); err != nil {
		return Receipt{}, err
	}
	defer in.group.Leave()
	arrived := in.now()
	if err := in.identify(presentationID, &ballot, arrived); err != nil {
		return Receipt{}, err
	}
	display, accepted, err := in.displayed(ctx, presentationID, &ballot, arrived)
	if err != nil {
		return Receipt{}, err
	}
	vote, err := ballot.vote(display)
	if err != nil {
		return Receipt{}, err
	}
	verdict, err := in.group.Commit(ctx, in.item(display.Partition, vote, arrived, accepted), wait)
	return Receipt{VoteID: vote.ID, Verdict: verdict}, err
}

// Take is Cast without a goroutine that waits: hearer is told what Cast would return, once, by any
// goroutine, which may be before Take returns. It waits as long as DefaultWait, or if async only
// until the vote is durable. It takes what can be taken at once, and that is nearly every vote;
// false: this one it has not, and hearer is not told. Cast knows why.
func (in *Intake) Take(ctx context.Context, presentationID uuid.UUID, ballot Ballot, async bool,
	hearer Hearer) bool {
	if in.group.Enter() != nil {
		return false
	}
	arrived := in.now()
	display, accepted, ok := in.cache.Known(presentationID)
	ok = ok && in.identify(presentationID, &ballot, arrived) == nil
	if ok && ballot.taken(display) {
		vote, err := ballot.vote(display)
		if err == nil && in.group.Submit(ctx, in.item(display.Partition, vote, arrived, accepted),
			async, hearer) == nil {
			return true
		}
	}
	in.group.Leave()
	return false
}

// item makes an item of a vote. It was accepted when the lease of what is displayed was looked at.
func (in *Intake) item(
	partition int, v poll.Vote, arrived, accepted time.Time,
) commit.Item[poll.Vote] {
	return commit.Item[poll.Vote]{
		Value: v, Partition: partition, Sender: v.VoterID,
		Bytes: len(v.Answer), Arrived: arrived, Accepted: accepted,
	}
}

// vote makes a vote for what is displayed of what the voter chose or wrote.
func (b *Ballot) vote(display poll.Display) (poll.Vote, error) {
	answer, err := b.answer(display.Poll)
	return poll.Vote{
		ID: commit.NewID(), PollID: b.PollID, VoterID: b.VoterID, Version: display.Version,
		Seq: b.Seq, Answer: answer,
	}, err
}

// answer checks what the voter chose or wrote.
func (b *Ballot) answer(p *poll.Poll) (question.Answer, error) {
	if b.Texts != nil {
		return p.TextAnswer(b.Texts)
	}
	return p.Answer(b.Keys)
}

// identify puts a pass's voter into the ballot. It keeps nothing of the pass.
func (in *Intake) identify(presentationID uuid.UUID, b *Ballot, now time.Time) (err error) {
	b.by = access.ByClient
	if b.Pass != nil {
		b.VoterID, b.by, err = in.passes.Identify(presentationID, b.Pass, now)
	}
	return err
}

// displayed gives what is displayed, if the ballot can be taken for it. Only a display that was
// read after the request arrived may say that it cannot. An older entry may have missed the
// transition, or the edit, that the voter has seen.
func (in *Intake) displayed(ctx context.Context, presentationID uuid.UUID, b *Ballot,
	arrived time.Time) (poll.Display, time.Time, error) {
	if display, now, ok := in.cache.Known(presentationID); ok && b.taken(display) {
		return display, now, nil // as nearly always; no context is needed where nothing waits
	}
	ctx, cancel := context.WithTimeout(ctx, Deadline)
	defer cancel()
	display, now, err := in.cache.Display(ctx, presentationID, time.Time{})
	if err == nil && !b.taken(display) {
		display, now, err = in.cache.Display(ctx, presentationID, arrived)
	}
	if err == nil {
		err = b.refusal(display)
	}
	return display, now, err
}

// taken says whether a ballot is taken for what is displayed.
func (b *Ballot) taken(d poll.Display) bool {
	return d.Poll != nil && d.Poll.ID == b.PollID && !d.Closed && d.Voters.Admits(b.by)
}

// refusal says why it is not.
func (b *Ballot) refusal(d poll.Display) error {
	switch {
	case b.taken(d):
		return nil
	case d.Poll == nil || d.Poll.ID != b.PollID:
		return fault.Errorf(poll.NotDisplayed, "the poll is not on the slide")
	case d.Closed:
		return fault.Errorf(poll.NotDisplayed, "voting for the poll is closed")
	}
	if d.Voters == access.ByAccount {
		return fault.Errorf(access.NoPass,
			"voters of this presentation log in, and get a pass then")
	}
	return fault.Errorf(access.NoPass, "voters of this presentation need a pass")
}
