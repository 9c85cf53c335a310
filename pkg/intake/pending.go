package intake

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Hearer is told what became of a vote. It must not block for long: others of the batch are told after it.
type Hearer interface {
	Heard(Receipt, error)
}

// pending is a vote that waits for its answer without a goroutine.
type pending struct {
	heard    Hearer
	ctx      context.Context // nil: Cast waits for this vote, or it was told
	voteID   uuid.UUID
	voterID  uuid.UUID
	arrived  time.Time
	accepted time.Time
	async    bool
}

// await has the hearer of the vote at a place told. The batch is open.
func (b *batch) await(place int, p *pending) {
	for len(b.pending) < place {
		b.pending = append(b.pending, pending{})
	}
	if b.hurry == nil {
		b.pending = append(make([]pending, 0, cap(b.Votes)), b.pending...)
		b.hurry = time.AfterFunc(DefaultWait, func() { b.home.intake.attend(b) })
	}
	b.pending = append(b.pending, *p)
	b.asyncs = b.asyncs || p.async
}

// heard is what a hearer is told.
type heard struct {
	*pending
	Receipt
	err error
}

// tell tells everybody of a batch of whose vote the outcome is known.
func (in *Intake) tell(b *batch) {
	if b.hurry == nil {
		return
	}
	in.telling.Go(func() {
		told := b.known()
		voters := make([]uuid.UUID, len(told))
		for i, h := range told {
			voters[i] = h.voterID
		}
		b.home.leave(voters...)
		in.waiting.Add(-int64(len(told)))
		for _, h := range told {
			h.pending.heard.Heard(h.Receipt, h.err)
		}
	})
}

// known takes out whose outcome is known.
func (b *batch) known() (told []heard) {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := 0
	for place := range b.pending {
		p := &b.pending[place]
		if p.ctx == nil {
			continue
		}
		verdict, known, err := b.outcome(place, p.accepted, !p.async)
		if !known {
			left++
			continue
		}
		if told == nil {
			told = make([]heard, 0, len(b.pending))
		}
		told = append(told, heard{p, Receipt{p.voteID, verdict}, err})
		p.ctx = nil
	}
	if left == 0 {
		b.hurry.Stop()
	}
	return told
}

// attend gives everybody who is left a goroutine that waits as Cast does: they are few, or nothing is quick any more.
func (in *Intake) attend(b *batch) {
	b.home.mu.Lock()
	defer b.home.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	for place := range b.pending {
		p := b.pending[place]
		if p.ctx == nil {
			continue
		}
		b.pending[place].ctx = nil
		in.telling.Go(func() {
			verdict, err := in.await(p.ctx, b, place, p.arrived, p.accepted, Wait{For: DefaultWait, Async: p.async})
			b.home.leave(p.voterID)
			in.waiting.Add(-1)
			p.heard.Heard(Receipt{p.voteID, verdict}, err)
		})
	}
	if slices.Contains(b.home.waiting, b) { // more may come
		b.hurry.Reset(DefaultWait / 10)
	}
}
