package feed

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/queue"
)

// Stream is the name of the log that votes and skips travel in.
const Stream = "feed"

// The encoding of items as an entry's body. Numbers are unsigned varints (encoding/binary).
//
//	type 1, items:  n > 0 polls, each an id (16 bytes)
//	                n > 0 items, each id (16 bytes), account (16 bytes), poll (0-based),
//	                signs (1 byte), time, option (if the action takes one)
//
// The three low bits of the signs are the action. The other is below.
//
// The body of a reply is a byte per item, its verdict. A day follows one from 0x80 on, as a varint.
const (
	typeItems = 1

	actionBits = 0x07
	keyedSign  = 0x08

	leastPoll, leastItem = 16, 35 // bytes
)

// MaxItems is the most items that an entry may hold. The group commit keeps well below.
const MaxItems = 5000

// maxDay is the last day that a reply tells of.
const maxDay = 1 << 32

// Batch is the items of one entry.
type Batch struct {
	ID        uuid.UUID
	Partition int
	Replayed  bool
	Items     []Item // none: nothing but the id is left to be recorded
}

// EncodeItems makes the type and the body of an entry. It appends the body to buf. Items are 1 to
// MaxItems.
func EncodeItems(buf []byte, items []Item) (kind byte, body []byte, err error) {
	if len(items) == 0 || len(items) > MaxItems {
		return 0, buf, fmt.Errorf("an entry holds 1 to %d items", MaxItems)
	}
	var polls []uuid.UUID
	places := map[uuid.UUID]int{}
	for i := range items {
		id := items[i].PollID
		if _, ok := places[id]; !ok {
			places[id] = len(polls)
			polls = append(polls, id)
		}
	}
	buf = slices.Grow(buf, 8+16*len(polls)+44*len(items))
	buf = binary.AppendUvarint(buf, uint64(len(polls)))
	for _, id := range polls {
		buf = append(buf, id[:]...)
	}
	buf = binary.AppendUvarint(buf, uint64(len(items)))
	for i := range items {
		it := &items[i]
		if !it.whole() {
			return 0, buf, fmt.Errorf("no item is %+v", *it)
		}
		buf = append(append(buf, it.ID[:]...), it.Account[:]...)
		buf = binary.AppendUvarint(buf, uint64(places[it.PollID]))
		signs := byte(it.Action)
		if it.Keyed {
			signs |= keyedSign
		}
		buf = append(buf, signs)
		buf = binary.AppendUvarint(buf, uint64(it.At))
		if it.Action.takesOption() {
			buf = binary.AppendUvarint(buf, uint64(it.Option))
		}
	}
	return typeItems, buf, nil
}

// whole says whether an item can travel and be kept.
func (i *Item) whole() bool {
	return i.Action >= Vote && i.Action <= Withdraw && i.At >= 0 && dayOf(i.At) < maxDay &&
		i.Option >= 0 && i.Option < MaxOptions && (i.Option == 0 || i.Action.takesOption())
}

// DecodeItems reads the items of an entry. It keeps nothing of the body. Errors are
// queue.ErrMalformed.
func DecodeItems(e queue.Entry) ([]Item, error) {
	r := queue.NewReader(e.Body)
	if e.Type != typeItems {
		r.Fail("type %d", e.Type)
	}
	polls := make([]uuid.UUID, r.Count(leastPoll))
	for i := range polls {
		polls[i] = r.UUID()
	}
	items := make([]Item, r.Count(leastItem))
	if len(items) > MaxItems {
		r.Fail("%d items", len(items))
		items = nil
	}
	for i := range items {
		readItem(&r, &items[i], polls)
		if r.Err() != nil {
			break
		}
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	return items, nil
}

func readItem(r *queue.Reader, into *Item, polls []uuid.UUID) {
	into.ID, into.Account = r.UUID(), r.UUID()
	poll, signs := r.Int(), r.Byte()
	into.Action, into.Keyed, into.At = Action(signs&actionBits), signs&keyedSign != 0, r.Int()
	if into.Action.takesOption() {
		into.Option = int(min(r.Int(), MaxOptions))
	}
	switch {
	case r.Err() != nil:
	case poll >= int64(len(polls)):
		r.Fail("poll %d of %d", poll, len(polls))
	case signs&^(actionBits|keyedSign) != 0:
		r.Fail("signs %#x", signs)
	case !into.whole():
		r.Fail("action %d, option %d, time %d", into.Action, into.Option, into.At)
	default:
		into.PollID = polls[poll]
	}
}

// ItemsIn gives how many items an entry says that it holds, without a look at them.
func ItemsIn(e queue.Entry) int {
	if e.Type != typeItems {
		return 0
	}
	r := queue.NewReader(e.Body)
	for range r.Count(leastPoll) {
		r.UUID()
	}
	return r.Count(leastItem)
}

// withDay says whether a verdict comes with a day.
func (v Verdict) withDay() bool { return v >= QuotaSpent }

func encodeResults(results []Result) []byte {
	body := make([]byte, 0, len(results))
	for _, r := range results {
		body = append(body, byte(r.Verdict))
		if r.withDay() {
			body = binary.AppendUvarint(body, uint64(r.Day))
		}
	}
	return body
}

// decodeResults reads as many results as there are. What is cut off is unknown.
func decodeResults(body []byte) (results []Result) {
	for len(body) > 0 {
		r := Result{Verdict: Verdict(body[0])}
		body = body[1:]
		if r.withDay() {
			d, n := binary.Uvarint(body)
			if n <= 0 || d > maxDay {
				return results
			}
			r.Day, body = int64(d), body[n:]
		}
		results = append(results, r)
	}
	return results
}
