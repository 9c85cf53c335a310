package talk

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/queue"
)

// Stream is the name of the log that ratings travel in.
const Stream = "talks"

// The encoding of ratings as an entry's body. Numbers are unsigned varints (encoding/binary).
//
//	type 1, ratings:  n > 0 talks, each an id (16 bytes)
//	                  n > 0 ratings, each id (16 bytes), person (16 bytes), talk (0-based),
//	                  signs (1 byte), key (16 bytes, if the signs say so), length, comment (UTF-8)
//
// The three low bits of the signs are the value. The others are below.
//
// The body of a reply is a byte per rating, its verdict.
const (
	typeRatings = 1

	valueBits  = 0x07
	passedSign = 0x08
	keyedSign  = 0x10
	// loggedInSign stands beside passedSign alone.
	loggedInSign = 0x40

	leastTalk, leastRating = 16, 35 // bytes
)

// MaxRatings is the most ratings that an entry may hold. The group commit keeps well below.
const MaxRatings = 5000

// Batch is the ratings of one entry.
type Batch struct {
	ID       uuid.UUID
	Replayed bool
	Ratings  []Rating // none: nothing but the id is left to be recorded
}

// EncodeRatings makes the type and the body of an entry. It appends the body to buf. Ratings are
// 1 to MaxRatings.
func EncodeRatings(buf []byte, ratings []Rating) (kind byte, body []byte, err error) {
	if len(ratings) == 0 || len(ratings) > MaxRatings {
		return 0, buf, fmt.Errorf("an entry holds 1 to %d ratings", MaxRatings)
	}
	var talks []uuid.UUID
	places := map[uuid.UUID]int{}
	for i := range ratings {
		id := ratings[i].TalkID
		if _, ok := places[id]; !ok {
			places[id] = len(talks)
			talks = append(talks, id)
		}
	}
	buf = slices.Grow(buf, 8+16*len(talks)+40*len(ratings))
	buf = binary.AppendUvarint(buf, uint64(len(talks)))
	for _, id := range talks {
		buf = append(buf, id[:]...)
	}
	buf = binary.AppendUvarint(buf, uint64(len(ratings)))
	for i := range ratings {
		r := &ratings[i]
		if r.Value < Least || r.Value > Most {
			return 0, buf, fmt.Errorf("a rating is %d to %d, not %d", Least, Most, r.Value)
		}
		buf = append(append(buf, r.ID[:]...), r.Person[:]...)
		buf = binary.AppendUvarint(buf, uint64(places[r.TalkID]))
		buf = append(buf, r.signs())
		if r.Key != uuid.Nil {
			buf = append(buf, r.Key[:]...)
		}
		buf = binary.AppendUvarint(buf, uint64(len(r.Comment)))
		buf = append(buf, r.Comment...)
	}
	return typeRatings, buf, nil
}

func (r *Rating) signs() byte {
	signs := byte(r.Value)
	if r.Passed {
		signs |= passedSign
	}
	if r.LoggedIn {
		signs |= loggedInSign
	}
	if r.Key != uuid.Nil {
		signs |= keyedSign
	}
	return signs
}

// DecodeRatings reads the ratings of an entry. It keeps nothing of the body. Errors are
// queue.ErrMalformed.
func DecodeRatings(e queue.Entry) ([]Rating, error) {
	r := queue.NewReader(e.Body)
	if e.Type != typeRatings {
		r.Fail("type %d", e.Type)
	}
	talks := make([]uuid.UUID, r.Count(leastTalk))
	for i := range talks {
		talks[i] = r.UUID()
	}
	ratings := make([]Rating, r.Count(leastRating))
	if len(ratings) > MaxRatings {
		r.Fail("%d ratings", len(ratings))
		ratings = nil
	}
	for i := range ratings {
		readRating(&r, &ratings[i], talks)
		if r.Err() != nil {
			break
		}
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	return ratings, nil
}

func readRating(r *queue.Reader, into *Rating, talks []uuid.UUID) {
	into.ID, into.Person = r.UUID(), r.UUID()
	talk, signs := r.Int(), r.Byte()
	into.Value, into.Passed = int(signs&valueBits), signs&passedSign != 0
	into.LoggedIn = signs&loggedInSign != 0
	if signs&keyedSign != 0 {
		into.Key = r.UUID()
	}
	into.Comment = string(r.Bytes())
	switch {
	case r.Err() != nil:
	case talk >= int64(len(talks)):
		r.Fail("talk %d of %d", talk, len(talks))
	case signs&^(valueBits|passedSign|keyedSign|loggedInSign) != 0,
		into.LoggedIn && !into.Passed:
		r.Fail("signs %#x", signs)
	case into.Value < Least || into.Value > Most:
		r.Fail("value %d", into.Value)
	case signs&keyedSign != 0 && into.Key == uuid.Nil:
		r.Fail("an empty key")
	case !storable(into.Comment):
		r.Fail("a comment that cannot be kept")
	default:
		into.TalkID = talks[talk]
	}
}

// RatingsIn gives how many ratings an entry says that it holds, without a look at them.
func RatingsIn(e queue.Entry) int {
	if e.Type != typeRatings {
		return 0
	}
	r := queue.NewReader(e.Body)
	for range r.Count(leastTalk) {
		r.UUID()
	}
	return r.Count(leastRating)
}

func encodeVerdicts(verdicts []Verdict) []byte {
	body := make([]byte, len(verdicts))
	for i, v := range verdicts {
		body[i] = byte(v)
	}
	return body
}

func decodeVerdicts(body []byte) []Verdict {
	verdicts := make([]Verdict, len(body))
	for i, b := range body {
		verdicts[i] = Verdict(b)
	}
	return verdicts
}
