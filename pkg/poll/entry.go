package poll

import (
	"encoding/binary"
	"fmt"
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
	r := queue.NewReader(e.Body)
	b := Batch{ID: e.ID, Replayed: e.Replayed}
	switch e.Type {
	case typeVotes:
		b.Votes = readVotes(&r)
	case typeSeal:
		b.Seal = &Seal{PollID: r.UUID(), Version: r.Int()}
	default:
		r.Fail("type %d", e.Type)
	}
	if err := r.End(); err != nil {
		return Batch{}, err
	}
	return b, nil
}

// VotesIn gives how many votes an entry says that it holds, without a look at them.
func VotesIn(e queue.Entry) int {
	if e.Type != typeVotes {
		return 0
	}
	r := queue.NewReader(e.Body)
	for range r.Count(leastSlide) {
		r.UUID()
		r.Int()
	}
	return r.Count(leastVote)
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

func readVotes(r *queue.Reader) []Vote {
	slides := make([]slide, r.Count(leastSlide))
	for i := range slides {
		slides[i] = slide{r.UUID(), r.Int()}
	}
	votes := make([]Vote, r.Count(leastVote))
	if len(votes) > MaxVotes {
		r.Fail("%d votes", len(votes))
		return nil
	}
	for i := range votes {
		v := &votes[i]
		ids := r.Take(2 * len(v.ID))
		ref := r.Int()
		v.Seq = r.Int()
		answer := r.Bytes()
		if r.Err() == nil && ref >= int64(len(slides)) {
			r.Fail("slide %d of %d", ref, len(slides))
		}
		if r.Err() != nil {
			return nil
		}
		v.ID, v.VoterID = uuid.UUID(ids[:16]), uuid.UUID(ids[16:])
		v.PollID, v.Version, v.Answer = slides[ref].pollID, slides[ref].version, question.Answer(
			answer)
	}
	return votes
}
