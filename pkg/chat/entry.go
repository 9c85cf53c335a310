package chat

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/queue"
)

// Stream is the name of the log that chats travel in.
const Stream = "chats"

// The encoding of items as an entry's body. Numbers are unsigned varints (encoding/binary). A text
// is its length in bytes, and the bytes.
//
//	type 1, items:  n > 0 applications, each an id (16 bytes)
//	                n > 0 items, each id (16 bytes), person (16 bytes), application (0-based),
//	                signs (1 byte), time, and what the action takes:
//
//	make    kind (1 byte: 1 chat, 2 questions; 0x80 moderated), title
//	post    chat, author, body
//	edit    chat, message, body
//	mark    chat, message, marks (1 byte)
//	react   slide (16 bytes), emoji (1 byte)
//	others  chat, message
//
// The four low bits of the signs are the action. The others are below.
//
// The body of a reply is a byte per item, its verdict. A number follows one from 0x80 on.
const (
	typeItems = 1

	actionBits  = 0x0f
	keyedSign   = 0x10
	trustedSign = 0x20

	plainKind     = 1
	questionsKind = 2
	moderatedSign = 0x80

	leastApp, leastItem = 16, 37 // bytes
)

// MaxItems is the most items that an entry may hold. The group commit keeps well below.
const MaxItems = 5000

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
	var apps []uuid.UUID
	places, texts := map[uuid.UUID]int{}, 0
	for i := range items {
		id := items[i].App
		if _, ok := places[id]; !ok {
			places[id] = len(apps)
			apps = append(apps, id)
		}
		texts += len(items[i].Author) + len(items[i].Body)
	}
	buf = slices.Grow(buf, 8+16*len(apps)+56*len(items)+texts)
	buf = binary.AppendUvarint(buf, uint64(len(apps)))
	for _, id := range apps {
		buf = append(buf, id[:]...)
	}
	buf = binary.AppendUvarint(buf, uint64(len(items)))
	for i := range items {
		it := &items[i]
		if !it.whole() {
			return 0, buf, fmt.Errorf("no item is %+v", *it)
		}
		buf = append(append(buf, it.ID[:]...), it.Person[:]...)
		buf = binary.AppendUvarint(buf, uint64(places[it.App]))
		buf = append(buf, it.signs())
		buf = binary.AppendUvarint(buf, uint64(it.At))
		buf = it.appendRest(buf)
	}
	return typeItems, buf, nil
}

func (i *Item) signs() byte {
	signs := byte(i.Action)
	if i.Keyed {
		signs |= keyedSign
	}
	if i.Trusted {
		signs |= trustedSign
	}
	return signs
}

// appendRest appends what the action takes.
func (i *Item) appendRest(buf []byte) []byte {
	switch i.Action {
	case Make:
		return appendText(append(buf, i.kind()), i.Body)
	case React:
		return append(append(buf, i.Slide[:]...), byte(i.Emoji))
	}
	buf = binary.AppendUvarint(buf, uint64(i.Chat))
	if i.Action == Post {
		return appendText(appendText(buf, i.Author), i.Body)
	}
	buf = binary.AppendUvarint(buf, uint64(i.Message))
	switch i.Action {
	case Edit:
		return appendText(buf, i.Body)
	case Mark:
		return append(buf, byte(i.Marks))
	}
	return buf
}

func (i *Item) kind() byte {
	kind := byte(plainKind)
	if i.Kind == Questions {
		kind = questionsKind
	}
	if i.Moderated {
		kind |= moderatedSign
	}
	return kind
}

func appendText(buf []byte, text string) []byte {
	return append(binary.AppendUvarint(buf, uint64(len(text))), text...)
}

// DecodeItems reads the items of an entry. It keeps nothing of the body. Errors are
// queue.ErrMalformed.
func DecodeItems(e queue.Entry) ([]Item, error) {
	r := queue.NewReader(e.Body)
	if e.Type != typeItems {
		r.Fail("type %d", e.Type)
	}
	apps := make([]uuid.UUID, r.Count(leastApp))
	for i := range apps {
		apps[i] = r.UUID()
	}
	items := make([]Item, r.Count(leastItem))
	if len(items) > MaxItems {
		r.Fail("%d items", len(items))
		items = nil
	}
	for i := range items {
		readItem(&r, &items[i], apps)
		if r.Err() != nil {
			break
		}
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	return items, nil
}

func readItem(r *queue.Reader, into *Item, apps []uuid.UUID) {
	into.ID, into.Person = r.UUID(), r.UUID()
	app, signs := r.Int(), r.Byte()
	into.Action, into.At = Action(signs&actionBits), r.Int()
	into.Keyed, into.Trusted = signs&keyedSign != 0, signs&trustedSign != 0
	switch {
	case r.Err() != nil:
		return
	case app >= int64(len(apps)):
		r.Fail("application %d of %d", app, len(apps))
		return
	case signs&^(actionBits|keyedSign|trustedSign) != 0:
		r.Fail("signs %#x", signs)
		return
	}
	into.App = apps[app]
	readRest(r, into)
	if r.Err() == nil && !into.whole() {
		r.Fail("an item that cannot be kept, of action %d", into.Action)
	}
}

func readRest(r *queue.Reader, into *Item) {
	switch into.Action {
	case Make:
		readKind(r, into)
		into.Body = string(r.Bytes())
		return
	case React:
		into.Slide, into.Emoji = r.UUID(), int(r.Byte())
		return
	}
	into.Chat = r.Int()
	if into.Action == Post {
		into.Author, into.Body = string(r.Bytes()), string(r.Bytes())
		return
	}
	into.Message = r.Int()
	switch into.Action {
	case Edit:
		into.Body = string(r.Bytes())
	case Mark:
		into.Marks = Marks(r.Byte())
	}
}

func readKind(r *queue.Reader, into *Item) {
	kind := r.Byte()
	into.Moderated = kind&moderatedSign != 0
	switch kind &^ moderatedSign {
	case plainKind:
		into.Kind = Plain
	case questionsKind:
		into.Kind = Questions
	default:
		r.Fail("kind %#x", kind)
	}
}

// ItemsIn gives how many items an entry says that it holds, without a look at them.
func ItemsIn(e queue.Entry) int {
	if e.Type != typeItems {
		return 0
	}
	r := queue.NewReader(e.Body)
	for range r.Count(leastApp) {
		r.UUID()
	}
	return r.Count(leastItem)
}

// withNumber says whether a verdict comes with a number.
func (v Verdict) withNumber() bool { return v >= Numbered }

func encodeResults(results []Result) []byte {
	body := make([]byte, 0, 4*len(results))
	for _, r := range results {
		body = append(body, byte(r.Verdict))
		if r.withNumber() {
			body = binary.AppendUvarint(body, uint64(r.Number))
		}
	}
	return body
}

// decodeResults reads as many results as there are. What is cut off is unknown.
func decodeResults(body []byte) (results []Result) {
	for len(body) > 0 {
		r := Result{Verdict: Verdict(body[0])}
		body = body[1:]
		if r.withNumber() {
			number, n := binary.Uvarint(body)
			if n <= 0 || number > math.MaxInt64 {
				return results
			}
			r.Number, body = int64(number), body[n:]
		}
		results = append(results, r)
	}
	return results
}
