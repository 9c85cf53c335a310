package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// The encoding of a log entry, version 1. Numbers are unsigned varints (encoding/binary) unless said otherwise.
//
//	"PLN"  version byte  type byte  batch id (16 bytes)
//	type 1, votes:  n > 0 slides, each poll id (16 bytes), version
//	                n > 0 votes, each id (16 bytes), voter id (16 bytes), slide (0-based), seq, length, answer (UTF-8)
//	type 2, seal:   poll id (16 bytes), version
//
// and of replies:
//
//	"PLR"  version byte  n > 0 times: batch id (16 bytes), number of verdicts (2 bytes, big-endian), verdicts (a byte each)
//
// Without the three letters an entry is poison; with them and another version it is from a newer program.
const (
	version    = 1
	typeVotes  = 1
	typeSeal   = 2
	entryMagic = "PLN"
	replyMagic = "PLR"
)

// Limits of what a decoder takes. A batcher keeps well below.
const (
	// MaxVotes is the most votes that a batch may hold.
	MaxVotes = 5000
	// MaxBytes is the most bytes that an encoded batch may have.
	MaxBytes = 8 << 20
)

// What a decoder may say.
var (
	// ErrVersion: written by a newer version of the program.
	ErrVersion = errors.New("encoding version is not known")
	// ErrMalformed: not an entry of this log.
	ErrMalformed = errors.New("malformed")
)

type slide struct {
	pollID  uuid.UUID
	version int64
}

// Encode appends a batch to buf and gives the longer slice. A batch is either votes (1 to MaxVotes) or one seal.
func Encode(buf []byte, b *poll.Batch) ([]byte, error) {
	if (b.Seal == nil) == (len(b.Votes) == 0) || len(b.Votes) > MaxVotes {
		return buf, fmt.Errorf("a batch holds 1 to %d votes or one seal", MaxVotes)
	}
	buf = append(buf, entryMagic...)
	if b.Seal != nil {
		buf = append(append(buf, version, typeSeal), b.ID[:]...)
		buf = append(buf, b.Seal.PollID[:]...)
		return binary.AppendUvarint(buf, uint64(b.Seal.Version)), nil
	}
	buf = append(append(buf, version, typeVotes), b.ID[:]...)
	slides, refs := slidesOf(b.Votes)
	buf = binary.AppendUvarint(buf, uint64(len(slides)))
	for i := range slides {
		buf = append(buf, slides[i].pollID[:]...)
		buf = binary.AppendUvarint(buf, uint64(slides[i].version))
	}
	buf = binary.AppendUvarint(buf, uint64(len(b.Votes)))
	for i := range b.Votes {
		v := &b.Votes[i]
		buf = append(buf, v.ID[:]...)
		buf = append(buf, v.VoterID[:]...)
		buf = binary.AppendUvarint(buf, uint64(refs(v)))
		buf = binary.AppendUvarint(buf, uint64(v.Seq))
		buf = binary.AppendUvarint(buf, uint64(len(v.Answer)))
		buf = append(buf, v.Answer...)
	}
	return buf, nil
}

// slidesOf gives the distinct slides of votes, and a function that finds a vote's among them. Mostly there is one.
func slidesOf(votes []poll.Vote) ([]slide, func(*poll.Vote) int) {
	slides := []slide{{votes[0].PollID, votes[0].Version}}
	var index map[slide]int
	for i := range votes {
		s := slide{votes[i].PollID, votes[i].Version}
		if s == slides[0] {
			continue
		}
		if index == nil {
			index = map[slide]int{slides[0]: 0}
		}
		if _, ok := index[s]; !ok {
			index[s] = len(slides)
			slides = append(slides, s)
		}
	}
	return slides, func(v *poll.Vote) int { return index[slide{v.PollID, v.Version}] }
}

// Decode reads a batch. It keeps nothing of data. Errors are ErrVersion and ErrMalformed.
func Decode(data []byte) (poll.Batch, error) {
	r := reader{data: data}
	if len(data) > MaxBytes {
		return poll.Batch{}, fmt.Errorf("%w: %d bytes, more than %d", ErrMalformed, len(data), MaxBytes)
	}
	if err := r.magic(entryMagic); err != nil {
		return poll.Batch{}, err
	}
	kind := r.byte()
	b := poll.Batch{ID: r.uuid()}
	switch kind {
	case typeVotes:
		b.Votes = r.votes()
	case typeSeal:
		b.Seal = &poll.Seal{PollID: r.uuid(), Version: r.int()}
	default:
		r.fail("type %d", kind)
	}
	if r.err == nil && len(r.data) > 0 {
		r.fail("%d bytes too many", len(r.data))
	}
	if r.err != nil {
		return poll.Batch{}, r.err
	}
	return b, nil
}

// EncodeReplies appends replies to buf and gives the longer slice.
func EncodeReplies(buf []byte, replies ...Reply) []byte {
	buf = append(append(buf, replyMagic...), version)
	for _, r := range replies {
		buf = append(buf, r.BatchID[:]...)
		buf = binary.BigEndian.AppendUint16(buf, uint16(len(r.Verdicts)))
		for _, v := range r.Verdicts {
			buf = append(buf, byte(v))
		}
	}
	return buf
}

// DecodeReplies reads replies. It keeps nothing of data. Errors are ErrVersion and ErrMalformed.
func DecodeReplies(data []byte) ([]Reply, error) {
	r := reader{data: data}
	if err := r.magic(replyMagic); err != nil {
		return nil, err
	}
	var replies []Reply
	for more := true; more; more = r.err == nil && len(r.data) > 0 {
		reply := Reply{BatchID: r.uuid()}
		n := 0
		if size := r.take(2); size != nil {
			n = int(binary.BigEndian.Uint16(size))
		}
		if n > MaxVotes {
			r.fail("%d verdicts", n)
		}
		said := r.take(n)
		reply.Verdicts = make([]poll.Verdict, len(said))
		for i, b := range said {
			reply.Verdicts[i] = poll.Verdict(b)
		}
		replies = append(replies, reply)
	}
	if r.err != nil {
		return nil, r.err
	}
	return replies, nil
}

// reader takes values off data; the first error stays and everything after it is zero.
type reader struct {
	data []byte
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
	}
	r.data = nil
}

func (r *reader) magic(want string) error {
	if got := r.take(len(want)); r.err == nil && string(got) != want {
		r.fail("does not begin with %q", want)
	}
	if v := r.byte(); r.err == nil && v == 0 {
		r.fail("version 0")
	} else if r.err == nil && v != version {
		return fmt.Errorf("%w: %d", ErrVersion, v)
	}
	return r.err
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

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uuid() (id uuid.UUID) {
	copy(id[:], r.take(len(id)))
	return id
}

func (r *reader) int() int64 {
	n, size := binary.Uvarint(r.data)
	if size <= 0 || n > math.MaxInt64 {
		r.fail("bad number")
		return 0
	}
	r.data = r.data[size:]
	return int64(n)
}

// count reads a number of things that take at least size bytes each, so that no number makes us allocate more than
// a small multiple of what was sent.
func (r *reader) count(size int) int {
	n := r.int()
	if n == 0 || n > int64(len(r.data)/size) {
		r.fail("bad count %d", n)
		return 0
	}
	return int(n)
}

func (r *reader) votes() []poll.Vote {
	slides := make([]slide, r.count(17))
	for i := range slides {
		slides[i] = slide{r.uuid(), r.int()}
	}
	votes := make([]poll.Vote, r.count(35))
	if len(votes) > MaxVotes {
		r.fail("%d votes", len(votes))
		return nil
	}
	for i := range votes {
		v := &votes[i]
		v.ID, v.VoterID = r.uuid(), r.uuid()
		ref := r.int()
		if r.err == nil && ref >= int64(len(slides)) {
			r.fail("slide %d of %d", ref, len(slides))
		}
		v.Seq = r.int()
		answer := r.take(int(min(r.int(), int64(len(r.data)+1))))
		if r.err != nil {
			return nil
		}
		v.PollID, v.Version, v.Answer = slides[ref].pollID, slides[ref].version, question.Answer(answer)
	}
	return votes
}
