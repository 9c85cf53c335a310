package form

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/queue"
)

// Stream is the name of the log that responses travel in.
const Stream = "forms"

// The encoding of items as an entry's body. Numbers are unsigned varints (encoding/binary).
//
//	type 1, items:  n > 0 forms, each an id (16 bytes), and the edits that it was checked by
//	                n + 1, n >= 0 questions, each an id (16 bytes)
//	                n > 0 items, each id (16 bytes), form (0-based), signs (1 byte), time,
//	                person (16 bytes, if a sign says so), edits seen (of Replace),
//	                n > 0 answers (but of Withdraw), each question (0-based), length, text
//
// The two low bits of the signs are the action. The others are below.
//
// The body of a reply is a byte per item, its verdict.
const (
	typeItems = 1

	actionBits = 0x03
	keyedSign  = 0x04
	ownerSign  = 0x08
	personSign = 0x10

	leastForm, leastQuestion, leastItem, leastAnswer = 17, 16, 19, 3 // bytes
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

// checkedBy is what an item's answers were checked by.
type checkedBy struct {
	form  uuid.UUID
	edits int64
}

// table gives each thing a place, in the order in which they come.
type table[T comparable] struct {
	all    []T
	places map[T]int
}

func (t *table[T]) place(thing T) uint64 {
	place, ok := t.places[thing]
	if !ok {
		if t.places == nil {
			t.places = map[T]int{}
		}
		place = len(t.all)
		t.places[thing] = place
		t.all = append(t.all, thing)
	}
	return uint64(place)
}

// EncodeItems makes the type and the body of an entry. It appends the body to buf. Items are 1 to
// MaxItems.
func EncodeItems(buf []byte, items []Item) (kind byte, body []byte, err error) {
	if len(items) == 0 || len(items) > MaxItems {
		return 0, buf, fmt.Errorf("an entry holds 1 to %d items", MaxItems)
	}
	var forms table[checkedBy]
	var questions table[uuid.UUID]
	var all []byte
	for i := range items {
		it := &items[i]
		if !it.whole() {
			return 0, buf, fmt.Errorf("no item is %+v", *it)
		}
		all = append(all, it.ID[:]...)
		all = binary.AppendUvarint(all, forms.place(checkedBy{it.FormID, it.Edits}))
		all = append(all, it.signs())
		all = binary.AppendUvarint(all, uint64(it.At))
		if it.Person != uuid.Nil {
			all = append(all, it.Person[:]...)
		}
		if it.Action == Replace {
			all = binary.AppendUvarint(all, uint64(it.Seen))
		}
		if it.Action == Withdraw {
			continue
		}
		all = binary.AppendUvarint(all, uint64(len(it.Answers)))
		for _, id := range slices.SortedFunc(maps.Keys(it.Answers), compareIDs) {
			all = binary.AppendUvarint(all, questions.place(id))
			all = binary.AppendUvarint(all, uint64(len(it.Answers[id])))
			all = append(all, it.Answers[id]...)
		}
	}
	buf = slices.Grow(buf, len(all)+26*len(forms.all)+16*len(questions.all)+16)
	buf = binary.AppendUvarint(buf, uint64(len(forms.all)))
	for _, f := range forms.all {
		buf = binary.AppendUvarint(append(buf, f.form[:]...), uint64(f.edits))
	}
	buf = binary.AppendUvarint(buf, uint64(len(questions.all)+1))
	for _, id := range questions.all {
		buf = append(buf, id[:]...)
	}
	buf = binary.AppendUvarint(buf, uint64(len(items)))
	return typeItems, append(buf, all...), nil
}

func (i *Item) signs() byte {
	signs := byte(i.Action)
	if i.Keyed {
		signs |= keyedSign
	}
	if i.Owner {
		signs |= ownerSign
	}
	if i.Person != uuid.Nil {
		signs |= personSign
	}
	return signs
}

// whole says whether an item can travel and be kept.
func (i *Item) whole() bool {
	submits, replaces := i.Action == Submit, i.Action == Replace
	return i.Action >= Submit && i.Action <= Withdraw && i.At >= 0 && i.Edits >= 0 &&
		i.Seen >= 0 && (i.Seen == 0 || replaces) &&
		(submits || !i.Keyed && i.Person == uuid.Nil) &&
		((submits || replaces) && i.Answers.storable() || i.Action == Withdraw && i.Answers == nil)
}

// DecodeItems reads the items of an entry. It keeps nothing of the body. Errors are
// queue.ErrMalformed.
func DecodeItems(e queue.Entry) ([]Item, error) {
	r := queue.NewReader(e.Body)
	if e.Type != typeItems {
		r.Fail("type %d", e.Type)
	}
	forms, questions := readTables(&r)
	items := make([]Item, r.Count(leastItem))
	if len(items) > MaxItems {
		r.Fail("%d items", len(items))
		items = nil
	}
	for i := range items {
		readItem(&r, &items[i], forms, questions)
		if r.Err() != nil {
			break
		}
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	return items, nil
}

func readTables(r *queue.Reader) (forms []checkedBy, questions []uuid.UUID) {
	forms = make([]checkedBy, r.Count(leastForm))
	for i := range forms {
		forms[i] = checkedBy{r.UUID(), r.Int()}
	}
	questions = make([]uuid.UUID, max(r.Count(leastQuestion), 1)-1) // items are longer than one
	for i := range questions {
		questions[i] = r.UUID()
	}
	return forms, questions
}

func readItem(r *queue.Reader, into *Item, forms []checkedBy, questions []uuid.UUID) {
	into.ID = r.UUID()
	form, signs := r.Int(), r.Byte()
	into.Action, into.Keyed = Action(signs&actionBits), signs&keyedSign != 0
	into.Owner, into.At = signs&ownerSign != 0, r.Int()
	if signs&personSign != 0 {
		if into.Person = r.UUID(); into.Person == uuid.Nil {
			r.Fail("no person")
		}
	}
	if into.Action == Replace {
		into.Seen = r.Int()
	}
	if into.Action != Withdraw {
		into.Answers = readAnswers(r, questions)
	}
	switch {
	case r.Err() != nil:
	case form >= int64(len(forms)):
		r.Fail("form %d of %d", form, len(forms))
	case signs&^(actionBits|keyedSign|ownerSign|personSign) != 0:
		r.Fail("signs %#x", signs)
	default:
		into.FormID, into.Edits = forms[form].form, forms[form].edits
		if !into.whole() {
			r.Fail("action %d, signs %#x", into.Action, signs)
		}
	}
}

func readAnswers(r *queue.Reader, questions []uuid.UUID) Answers {
	n := r.Count(leastAnswer)
	answers := make(Answers, n)
	for range n {
		place, text := r.Int(), r.Bytes()
		if r.Err() != nil {
			return nil
		}
		if place >= int64(len(questions)) || answers[questions[place]] != "" {
			r.Fail("question %d of %d, or twice", place, len(questions))
			return nil
		}
		answers[questions[place]] = question.Answer(text)
	}
	return answers
}

// ItemsIn gives how many items an entry says that it holds, without a look at them.
func ItemsIn(e queue.Entry) int {
	if e.Type != typeItems {
		return 0
	}
	r := queue.NewReader(e.Body)
	readTables(&r)
	return r.Count(leastItem)
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
