package intake

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
)

// Bounds of a batch. They keep a message far below what a broker takes, and a worker that holds a full prefetch of
// decoded batches within some 30 MB a partition, or twice that where people write as much as they may: 30 texts of 500
// characters of four bytes fill a batch.
const (
	maxBatchVotes = 500
	maxBatchBytes = 64 << 10 // answers only; ids add about 40 bytes a vote
)

// batch is the votes that leave in one message. Whoever waits for one of them is told with all the others, or waits on its
// channels (Cast), and its verdicts come under its id: a vote needs neither a channel nor a place in Intake.expects of its own. It
// does have a count under its voter's id (batcher.voters). TestAVoteAllocatesLittleAloneAndLessInACrowd bounds what all that allocates.
type batch struct {
	poll.Batch
	accepted []time.Time // per vote
	bytes    int
	expired  []bool // votes that were taken out before the write, per vote; nil: none

	confirmed   chan struct{} // closed when err and confirmedAt are set
	refused     chan struct{} // closed as well if votes of the batch are not in the log and never will be
	confirmedAt time.Time
	err         error // of the publish: nil, queue.ErrRefused, queue.ErrUnknown

	replied  chan struct{} // closed when verdicts is set
	verdicts []poll.Verdict

	home  *batcher
	lapse *time.Timer // of the home's; nil: not confirmed yet

	pending   []pending   // per vote, up to the last one that Take took; under home.mu while the batch is open
	mu        sync.Mutex  // of pending, after that
	asyncs    bool        // somebody waits for the confirm only
	attention *time.Timer // for whoever has no answer when the usual wait is over; nil: nobody waits so
}

// newBatch makes a batch with room for so many votes.
func newBatch(home *batcher, votes int) *batch {
	return &batch{
		home:      home,
		Batch:     poll.Batch{ID: newID(), Votes: make([]poll.Vote, 0, votes)},
		accepted:  make([]time.Time, 0, votes),
		confirmed: make(chan struct{}),
		refused:   make(chan struct{}),
		replied:   make(chan struct{}),
	}
}

func (b *batch) full() bool { return len(b.Votes) >= maxBatchVotes || b.bytes >= maxBatchBytes }

// add appends a vote and gives its place.
func (b *batch) add(v poll.Vote, accepted time.Time) int {
	b.Votes = append(b.Votes, v)
	b.accepted = append(b.accepted, accepted)
	b.bytes += len(v.Answer)
	return len(b.Votes) - 1
}

// expire takes out the votes that were accepted more than a window before now. Their places stay what they are.
func (b *batch) expire(now time.Time) {
	if !slices.ContainsFunc(b.accepted, func(at time.Time) bool { return now.Sub(at) > poll.Window }) {
		return // as always but under a stalled broker
	}
	b.expired = make([]bool, len(b.accepted))
	kept := make([]poll.Vote, 0, len(b.Votes))
	for i, at := range b.accepted {
		if now.Sub(at) <= poll.Window {
			kept = append(kept, b.Votes[i])
			continue
		}
		b.expired[i] = true
	}
	b.Votes = kept
}

// written says whether the vote at a place was in the message, and where.
func (b *batch) written(place int) (at int, ok bool) {
	at = place
	if b.expired == nil {
		return at, true
	}
	for _, gone := range b.expired[:place] {
		if gone {
			at--
		}
	}
	return at, !b.expired[place]
}

// settle closes the confirm side. It is called once.
func (b *batch) settle(err error, now time.Time) {
	b.err, b.confirmedAt = err, now
	close(b.confirmed)
	if b.expired != nil || err != nil && !errors.Is(err, queue.ErrUnknown) {
		close(b.refused)
	}
}

// durable says whether a vote that was accepted then is in the log for certain, and in time: only then may the answer be
// that it is accepted. The error is the publish's.
func (b *batch) durable(accepted time.Time) (bool, error) {
	select {
	case <-b.confirmed:
		return b.err == nil && b.confirmedAt.Sub(accepted) <= poll.Window, b.err
	default:
		return false, nil
	}
}

// outcome says what a request is answered that waits for the vote at a place, and whether that is known: who is patient waits for the
// verdict, others until the vote is durable. Who asked for no more than that (async) is told no more, except what is wrong.
func (b *batch) outcome(place int, accepted time.Time, patient, async bool) (v poll.Verdict, known bool, err error) {
	durable, err := b.durable(accepted)
	select {
	case <-b.replied:
		if at, ok := b.written(place); ok && at < len(b.verdicts) {
			if v, err = b.verdict(at); async && durable && err == nil {
				v = 0
			}
			return v, true, err
		}
		return 0, true, unknown(err)
	default:
	}
	select {
	case <-b.confirmed:
		if _, ok := b.written(place); !ok {
			return 0, true, refused(queue.ErrRefused)
		}
		if err != nil && !errors.Is(err, queue.ErrUnknown) {
			return 0, true, refused(err)
		}
		return 0, durable && !patient, nil
	default:
		return 0, false, nil
	}
}

// verdict gives what became of the vote at a place in the message.
func (b *batch) verdict(at int) (poll.Verdict, error) {
	if b.verdicts[at] == poll.Rejected && b.Votes[at].Answer.TakenBack() {
		// It was a worker of before there was that, or the poll is gone. The next try finds out.
		return 0, fault.Unavailablef(nil, "the vote cannot be taken back yet; send it again")
	}
	return verdictError(b.verdicts[at])
}

// answer closes the verdict side. It is called once.
func (b *batch) answer(verdicts []poll.Verdict) {
	b.verdicts = verdicts
	close(b.replied)
}

// newID makes a UUIDv7 (RFC 9562, section 5.7). Ids are no secrets, and nothing is ordered by them, so the runtime's
// generator does: the usual one asks the kernel under a lock, for every vote (BenchmarkID).
func newID() (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:], uint64(time.Now().UnixMilli())<<16|rand.Uint64()&0x0fff|0x7000)
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()>>2|1<<63)
	return id
}
