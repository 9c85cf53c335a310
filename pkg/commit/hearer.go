package intake

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Hearer is told what became of a vote (Intake.Take). It must be quick: the others of the batch are told after it.
type Hearer interface {
	Heard(Receipt, error)
}

// pending is a vote whose hearer is not told yet. A goroutine that waits would cost about as much as all the rest of a vote does
// (BenchmarkVote): its stack and what lies there grow cold while the batch is counted, and are fetched again from memory that thousands share.
type pending struct {
	hearer  Hearer // nil: Cast waits for this vote, or its hearer is told
	ctx     context.Context
	voteID  uuid.UUID
	voterID uuid.UUID
	arrived time.Time
	async   bool
}

// await notes who waits for the vote at a place, the last one of an open batch.
func (b *batch) await(place int, p *pending) {
	if b.attention == nil {
		b.pending = make([]pending, 0, cap(b.Votes))
		b.attention = time.AfterFunc(DefaultWait, func() { b.home.intake.attend(b) })
	}
	b.pending = append(b.pending, make([]pending, place-len(b.pending))...) // Cast's
	b.pending = append(b.pending, *p)
	b.asyncs = b.asyncs || p.async
}

// told is what a hearer is told.
type told struct {
	pending
	Receipt
	err error
}

// tell tells everybody who waits for a batch and whose answer is known, in a goroutine: there may be hundreds, and each has an
// answer to write.
func (in *Intake) tell(b *batch) {
	if b.attention == nil {
		return
	}
	go func() {
		all := b.known()
		voters := make([]uuid.UUID, len(all))
		for i, t := range all {
			voters[i] = t.voterID
		}
		b.home.leave(voters...)
		in.waiting.Add(-int64(len(all)))
		for _, t := range all {
			t.hearer.Heard(t.Receipt, t.err)
			in.telling.Done()
		}
	}()
}

// known takes out those whose answer is known.
func (b *batch) known() (all []told) {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := 0
	all = make([]told, 0, len(b.pending))
	for place := range b.pending {
		p := b.pending[place]
		if p.hearer == nil {
			continue
		}
		verdict, known, err := b.outcome(place, b.accepted[place], !p.async, p.async)
		if !known {
			left++
			continue
		}
		b.pending[place] = pending{}
		all = append(all, told{p, Receipt{p.voteID, verdict}, err})
	}
	if left == 0 {
		b.attention.Stop()
	}
	return all
}

// attend gives everybody who is left a goroutine that waits as Cast does: they are few, or nothing is quick any more.
func (in *Intake) attend(b *batch) {
	b.home.mu.Lock()
	defer b.home.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	for place := range b.pending {
		p := b.pending[place]
		if p.hearer == nil {
			continue
		}
		b.pending[place] = pending{}
		accepted := b.accepted[place] // which may grow
		go func() {
			verdict, err := in.await(p.ctx, b, place, p.arrived, accepted, Wait{For: DefaultWait, Async: p.async})
			b.home.leave(p.voterID)
			in.waiting.Add(-1)
			p.hearer.Heard(Receipt{p.voteID, verdict}, err)
			in.telling.Done()
		}()
	}
	if slices.Contains(b.home.waiting, b) { // more may come
		b.attention.Reset(DefaultWait / 10)
	}
}
