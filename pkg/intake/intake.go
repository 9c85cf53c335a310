// Package intake is the voter's way in: check a vote, take it under the lease of what is displayed, write it to the
// log with the others that arrive at the same time, and wait for what becomes of it.
package intake

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/queue"
)

// How long a request waits.
const (
	// Deadline is when a vote must have its answer.
	Deadline = 5 * time.Second
	// DefaultWait is how long a request waits for its verdict before it makes do with being accepted.
	DefaultWait = time.Second
)

// DefaultMaxWaiting bounds the votes that wait for an answer on a replica; each takes a few hundred bytes, and those of Cast
// a goroutine.
const DefaultMaxWaiting = 50_000

// Ballot is what a voter sends: keys, or texts where the poll takes free text, or none of either to take back what they sent before.
type Ballot struct {
	PollID  uuid.UUID
	Keys    []string
	Texts   []string  // nil: keys
	VoterID uuid.UUID // the client's own; not with a pass, whose voter it is then
	Pass    []byte    // nil: none
	Seq     int64     // 0: none
}

// Wait says what a voter waits for.
type Wait struct {
	For   time.Duration // how long for the verdict, at most Deadline
	Async bool          // not for the verdict at all, only until the vote is durable
}

// Receipt is the answer to an accepted vote. Verdict is Counted or Superseded, or 0: durable, and not counted yet.
type Receipt struct {
	VoteID  uuid.UUID
	Verdict poll.Verdict
}

// Display finds what a presentation displays: stage.Cache.
type Display interface {
	Known(id uuid.UUID) (poll.Display, time.Time, bool)
	Display(ctx context.Context, id uuid.UUID, since time.Time) (poll.Display, time.Time, error)
}

// Intake takes votes. It is safe for use by many goroutines.
type Intake struct {
	cache  Display
	passes *access.Passes
	log    queue.Publisher
	now    func() time.Time
	max    int64
	// maxPartition bounds the votes of one partition: one that stalls must leave room for the others.
	maxPartition int
	waiting      atomic.Int64
	batchers     []*batcher
	stop         chan struct{}
	timers       sync.Pool
	replies      chan struct{}  // closed when the goroutine that reads replies has ended
	telling      sync.WaitGroup // votes that Take took and whose hearers are not told

	mu      sync.Mutex
	expects map[uuid.UUID]*batch // published, verdicts outstanding
}

// New starts an intake over a log of partitions partitions. maxWaiting bounds the votes that wait for
// an answer; one of several partitions may hold half of them. now is
// the monotonic clock, the same as the cache's. Close it before the log.
func New(cache Display, passes *access.Passes, log queue.Publisher, partitions, maxWaiting int, now func() time.Time) *Intake {
	in := &Intake{
		cache: cache, passes: passes, log: log, now: now, max: int64(maxWaiting), maxPartition: max(maxWaiting/min(partitions, 2), 1),
		stop: make(chan struct{}), replies: make(chan struct{}),
		expects: make(map[uuid.UUID]*batch),
	}
	for i := range partitions {
		b := newBatcher(in, i)
		in.batchers = append(in.batchers, b)
		go b.run(in.stop)
	}
	go in.readReplies()
	return in
}

// Waiting gives the number of votes that wait for their answer now.
func (in *Intake) Waiting() int { return int(in.waiting.Load()) }

// Cast takes a vote and waits for its answer. A nil error is guarantee 1: the vote is counted, superseded by a later one of the
// same voter, or durable and sure to be one of these (Verdict 0). Errors: Invalid (names the field), NotFound, NotDisplayed (the poll is
// not on the slide, or voting for it is closed), NoPass (the presentation takes votes with a pass only), BadPass, OldPass, TooLate (the vote came behind its seal), Busy, and Unavailable, after which the vote may count or not and
// sending it again is safe.
func (in *Intake) Cast(ctx context.Context, presentationID uuid.UUID, ballot Ballot, wait Wait) (Receipt, error) {
	if in.waiting.Add(1) > in.max {
		in.waiting.Add(-1)
		return Receipt{}, full()
	}
	defer in.waiting.Add(-1)

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
	b := in.batcher(presentationID)
	batch, place, err := b.add(vote, accepted, nil)
	if err != nil {
		return Receipt{}, err
	}
	defer b.leave(ballot.VoterID)
	verdict, err := in.await(ctx, batch, place, arrived, accepted, wait)
	return Receipt{VoteID: vote.ID, Verdict: verdict}, err
}

// Take is Cast without a goroutine that waits: hearer is told what Cast would return, once, by any goroutine, which may be before
// Take returns. It waits as long as DefaultWait, or if async only until the vote is durable. It takes what can be taken at once,
// and that is nearly every vote; false: this one it has not, and hearer is not told. Cast knows why.
func (in *Intake) Take(ctx context.Context, presentationID uuid.UUID, ballot Ballot, async bool, hearer Hearer) bool {
	if in.waiting.Add(1) > in.max {
		in.waiting.Add(-1)
		return false
	}
	in.telling.Add(1)
	taken := false
	arrived := in.now()
	if display, accepted, ok := in.cache.Known(presentationID); ok && ballot.taken(display) && in.identify(presentationID, &ballot, arrived) == nil {
		if vote, err := ballot.vote(display); err == nil {
			_, _, err = in.batcher(presentationID).add(vote, accepted, &pending{
				ctx: ctx, hearer: hearer, voteID: vote.ID, voterID: vote.VoterID, arrived: arrived, async: async,
			})
			taken = err == nil
		}
	}
	if !taken {
		in.waiting.Add(-1)
		in.telling.Done()
	}
	return taken
}

func (in *Intake) batcher(presentationID uuid.UUID) *batcher {
	return in.batchers[queue.Partition(presentationID, len(in.batchers))]
}

// vote makes a vote for what is displayed of what the voter chose or wrote.
func (b *Ballot) vote(display poll.Display) (poll.Vote, error) {
	answer, err := b.answer(display.Poll)
	return poll.Vote{
		ID: newID(), PollID: b.PollID, VoterID: b.VoterID, Version: display.Version, Seq: b.Seq, Answer: answer,
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
	if b.Pass != nil {
		b.VoterID, err = in.passes.Check(presentationID, b.Pass, now)
	}
	return err
}

// displayed gives what is displayed if the ballot can be taken for it. Only what was read after the request arrived
// may say that it cannot: an older entry may have missed the transition, or the edit, that the voter has seen.
func (in *Intake) displayed(ctx context.Context, presentationID uuid.UUID, b *Ballot, arrived time.Time) (poll.Display, time.Time, error) {
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
	return d.Poll != nil && d.Poll.ID == b.PollID && !d.Closed && (b.Pass != nil || d.Voters != access.ByPass)
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
	return fault.Errorf(access.NoPass, "voters of this presentation need a pass")
}

// await waits for the answer of one vote. The voter's patience is measured from the request's arrival, what the
// protocol says from the acceptance.
func (in *Intake) await(ctx context.Context, b *batch, place int, arrived, accepted time.Time, wait Wait) (poll.Verdict, error) {
	patient := !wait.Async && wait.For > 0 // wants the verdict; when the budget is over, no longer
	budget, heard := Deadline, b.confirmed
	if patient { // waking up for the confirm would cost as much as for the verdict, and say less
		budget, heard = min(wait.For, Deadline), b.refused
	}
	timer := in.timer(budget - in.now().Sub(arrived))
	defer in.putTimer(timer)
	for {
		select {
		case <-b.replied:
		case <-heard:
			heard = nil
		case <-timer.C:
			durable, err := b.durable(accepted)
			switch {
			case durable:
				return 0, nil
			case in.now().Sub(arrived) >= Deadline:
				return 0, unknown(err)
			}
			patient, heard = false, b.confirmed
			timer.Reset(Deadline - in.now().Sub(arrived))
		case <-ctx.Done():
			if durable, _ := b.durable(accepted); durable {
				return 0, nil
			}
			return 0, unknown(ctx.Err())
		}
		if verdict, known, err := b.outcome(place, accepted, patient, wait.Async); known {
			return verdict, err
		}
	}
}

// timer gives a running timer; one per vote would be a fifth of what a vote allocates, so they are used again.
func (in *Intake) timer(d time.Duration) *time.Timer {
	if t, ok := in.timers.Get().(*time.Timer); ok {
		t.Reset(d)
		return t
	}
	return time.NewTimer(d)
}

func (in *Intake) putTimer(t *time.Timer) {
	t.Stop() // nothing is left in its channel after that (since Go 1.23)
	in.timers.Put(t)
}

func verdictError(v poll.Verdict) (poll.Verdict, error) {
	switch v {
	case poll.Counted, poll.Superseded:
		return v, nil
	case poll.Late:
		return v, fault.Errorf(poll.TooLate, "the poll left the slide before the vote came")
	case poll.Rejected:
		return v, fault.Field("key", "names nothing that can be voted for")
	}
	return 0, unknown(nil)
}

func full() error {
	return fault.Errorf(fault.Unavailable, "too many votes are waiting; send it again in a moment")
}

func refused(cause error) error {
	return fault.Unavailablef(cause, "the vote could not be stored; send it again")
}

func unknown(cause error) error {
	return fault.Unavailablef(cause, "it is not known yet whether the vote was stored; send it again")
}

// expect remembers a batch until its verdicts come.
func (in *Intake) expect(b *batch) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.expects[b.ID] = b
}

func (in *Intake) forget(id uuid.UUID) *batch {
	in.mu.Lock()
	defer in.mu.Unlock()
	b := in.expects[id]
	delete(in.expects, id)
	return b
}

// readReplies hands verdicts to those who wait, and forgets batches whose verdicts nobody waits for any more, until
// the log is closed.
func (in *Intake) readReplies() {
	defer close(in.replies)
	ticker := time.NewTicker(Deadline)
	defer ticker.Stop()
	for {
		select {
		case r, ok := <-in.log.Replies():
			if !ok {
				return
			}
			if b := in.forget(r.BatchID); b != nil {
				b.answer(r.Verdicts)
				b.home.over(b)
				in.tell(b)
			}
		case <-ticker.C:
			in.forgetOld()
		}
	}
}

func (in *Intake) forgetOld() {
	now := in.now()
	in.mu.Lock()
	defer in.mu.Unlock()
	for id, b := range in.expects {
		if now.Sub(b.accepted[len(b.accepted)-1]) > Deadline {
			delete(in.expects, id)
		}
	}
}

// Close sends what waits still and returns when the log has taken or refused it. Cast and Take must not be called after it.
// Close the log next, then Wait.
func (in *Intake) Close() {
	close(in.stop)
	for _, b := range in.batchers {
		<-b.done
	}
}

// Wait returns when the log, which is closed, has no more replies, and everybody was told.
func (in *Intake) Wait() {
	<-in.replies
	in.telling.Wait()
}
