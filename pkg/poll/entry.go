package poll

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/queue"
)

// Stream is the name of the log that votes and seals travel in.
const Stream = "votes"

// The encoding of a batch as an entry's body. Numbers are unsigned varints (encoding/binary).
//
//	type 1, votes:  n > 0 slides, each poll id (16 bytes), version
//	                n > 0 votes, each id (16 bytes), voter id (16 bytes), slide (0-based), seq,
//	                length, answer (UTF-8)
//	type 2, seal:   poll id (16 bytes), version
//
// The body of a reply is a byte per vote, its verdict.
const (
	typeVotes = 1
	typeSeal  = 2

	leastSlide, leastVote = 17, 35 // bytes
)

// MaxVotes is the most votes that a batch may hold. The intake keeps well below.
const MaxVotes = 5000

type slide struct {
	pollID  uuid.UUID
	version int64
}

// EncodeBatch makes an entry of a batch, whose body it appends to buf. A batch is either votes
// (1 to MaxVotes) or one seal.
func EncodeBatch(buf []byte, b *Batch) (queue.Entry, error) {
	if (b.Seal == nil) == (len(b.Votes) == 0) || len(b.Votes) > MaxVotes {
		return queue.Entry{}, fmt.Errorf("a batch holds 1 to %d votes or one seal", MaxVotes)
	}
	e := queue.Entry{ID: b.ID, Replayed: b.Replayed}
	if b.Seal != nil {
		e.Type = typeSeal
		e.Body = binary.AppendUvarint(append(buf, b.Seal.PollID[:]...), uint64(b.Seal.Version))
		return e, nil
	}
	e.Type, e.Body = typeVotes, appendVotes(slices.Grow(buf, 32+40*len(b.Votes)), b.Votes)
	return e, nil
}

func appendVotes(buf []byte, votes []Vote) []byte {
	slides, refs := slidesOf(votes)
	buf = binary.AppendUvarint(buf, uint64(len(slides)))
	for i := range slides {
		buf = append(buf, slides[i].pollID[:]...)
		buf = binary.AppendUvarint(buf, uint64(slides[i].version))
	}
	buf = binary.AppendUvarint(buf, uint64(len(votes)))
	for i := range votes {
		v := &votes[i]
		buf = append(buf, v.ID[:]...)
		buf = append(buf, v.VoterID[:]...)
		buf = binary.AppendUvarint(buf, uint64(refs[slide{v.PollID, v.Version}]))
		buf = binary.AppendUvarint(buf, uint64(v.Seq))
		buf = binary.AppendUvarint(buf, uint64(len(v.Answer)))
		buf = append(buf, v.Answer...)
	}
	return buf
}

// slidesOf gives the distinct slides of votes, and the place of each. Mostly there is one, which
// needs no map: a nil one says 0 of it.
func slidesOf(votes []Vote) (slides []slide, refs map[slide]int) {
	slides = []slide{{votes[0].PollID, votes[0].Version}}
	for i := range votes {
		s := slide{votes[i].PollID, votes[i].Version}
		if s == slides[0] {
			continue
		}
		if refs == nil {
			refs = map[slide]int{slides[0]: 0}
		}
		if _, ok := refs[s]; !ok {
			refs[s] = len(slides)
			slides = append(slides, s)
		}
	}
	return slides, refs
}

// DecodeBatch reads the batch of an entry. It keeps nothing of the body. Errors are
// queue.ErrMalformed.
func DecodeBatch(e queue.Entry) (Batch, error) {
	r := reader{data: e.Body}
	b := Batch{ID: e.ID, Replayed: e.Replayed}
	switch e.Type {
	case typeVotes:
		b.Votes = r.votes()
	case typeSeal:
		b.Seal = &Seal{PollID: r.uuid(), Version: r.int()}
	default:
		r.fail("type %d", e.Type)
	}
	if r.err == nil && len(r.data) > 0 {
		r.fail("%d bytes too many", len(r.data))
	}
	if r.err != nil {
		return Batch{}, r.err
	}
	return b, nil
}

// VotesIn gives how many votes an entry says that it holds, without a look at them.
func VotesIn(e queue.Entry) int {
	if e.Type != typeVotes {
		return 0
	}
	r := reader{data: e.Body}
	for range r.count(leastSlide) {
		r.uuid()
		r.int()
	}
	return r.count(leastVote)
}

// Verdicts is the body of a reply: a verdict per vote of a batch, in order.
type Verdicts []byte

// At gives the verdict on the vote at a place.
func (v Verdicts) At(place int) Verdict { return Verdict(v[place]) }

// EncodeVerdicts makes the body of a reply.
func EncodeVerdicts(verdicts []Verdict) Verdicts {
	body := make(Verdicts, len(verdicts))
	for i, v := range verdicts {
		body[i] = byte(v)
	}
	return body
}

// DecodeVerdicts reads the body of a reply. It keeps nothing of it.
func DecodeVerdicts(body Verdicts) []Verdict {
	verdicts := make([]Verdict, len(body))
	for i, b := range body {
		verdicts[i] = Verdict(b)
	}
	return verdicts
}

// reader takes values off data; the first error stays and everything after it is zero.
type reader struct {
	data []byte
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = queue.Malformedf(format, args...)
	}
	r.data = nil
}

func (r *reader) take(n int) []byte {
	if n > len(r.data) {
		r.fail("cut off")
		return nil
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) uuid() (id uuid.UUID) {
	copy(id[:], r.take(len(id)))
	return id
}

func (r *reader) int() int64 {
	if len(r.data) > 0 && r.data[0] < 0x80 { // as most
		n := r.data[0]
		r.data = r.data[1:]
		return int64(n)
	}
	n, size := binary.Uvarint(r.data)
	if size <= 0 || n > math.MaxInt64 {
		r.fail("bad number")
		return 0
	}
	r.data = r.data[size:]
	return int64(n)
}

// count reads a number of things that take at least size bytes each. So no number makes us
// allocate more than a small multiple of what was sent.
func (r *reader) count(size int) int {
	n := r.int()
	if n == 0 || n > int64(len(r.data)/size) {
		r.fail("bad count %d", n)
		return 0
	}
	return int(n)
}

func (r *reader) votes() []Vote {
	slides := make([]slide, r.count(leastSlide))
	for i := range slides {
		slides[i] = slide{r.uuid(), r.int()}
	}
	votes := make([]Vote, r.count(leastVote))
	if len(votes) > MaxVotes {
		r.fail("%d votes", len(votes))
		return nil
	}
	for i := range votes {
		v := &votes[i]
		ids := r.take(2 * len(v.ID))
		ref := r.int()
		v.Seq = r.int()
		answer := r.take(int(min(r.int(), int64(len(r.data)+1))))
		if r.err == nil && ref >= int64(len(slides)) {
			r.fail("slide %d of %d", ref, len(slides))
		}
		if r.err != nil {
			return nil
		}
		v.ID, v.VoterID = uuid.UUID(ids[:16]), uuid.UUID(ids[16:])
		v.PollID, v.Version, v.Answer = slides[ref].pollID, slides[ref].version, question.Answer(
			answer)
	}
	return votes
}
