package question

import (
	"slices"
	"strings"

	"github.com/plenary-live/plenary/pkg/fault"
)

// Answer is what a voter chose or wrote. Options are their keys in the poll's order, one per line
// (a key holds no control character). Texts are sorted, one per line. An answer is canonical: two
// answers that choose or say the same are equal. An empty one takes back what the voter has
// answered: it stands like any other, and counts for nothing.
type Answer string

// TakenBack says whether the answer is empty.
func (a Answer) TakenBack() bool { return a == "" }

// Keys gives the option keys of the answer.
func (a Answer) Keys() []string {
	if a.TakenBack() {
		return nil
	}
	return strings.Split(string(a), "\n")
}

// Texts gives the texts of an answer to a poll of free text, as they were written. An open text is
// one, however many lines it has.
func (a Answer) Texts() []string {
	if a.TakenBack() {
		return nil
	}
	texts := strings.Split(string(a), "\n")
	for i := range texts {
		texts[i] = Written(texts[i])
	}
	return texts
}

// Answer checks the keys that a voter chose against the question, and makes an answer of them. Of
// none it makes the empty one, for questions of any kind. Errors are of the kind Invalid and name
// the field: "key" where the poll takes one key, "keys" where it takes several.
func (q *Question) Answer(keys []string) (Answer, error) { return q.Choose("poll", keys) }

// Choose is Answer, whose errors call what takes the answer so.
func (q *Question) Choose(taker string, keys []string) (Answer, error) {
	if len(keys) == 0 {
		return "", nil
	}
	if q.Kind.FreeText() {
		return "", fault.Field(q.keyField(), "this %s takes text, not a key", taker)
	}
	if len(keys) == 1 { // the usual case, without a copy
		if q.option(keys[0]) < 0 {
			return "", fault.Field(q.keyField(), "%q is not an option of this %s", keys[0], taker)
		}
		return Answer(keys[0]), nil
	}
	switch {
	case q.Kind != Multiple:
		return "", fault.Field("keys", "this %s takes one key", taker)
	case len(keys) > q.MaxChoices:
		return "", fault.Field("keys", "this %s takes at most %d keys", taker, q.MaxChoices)
	}
	places := make([]int, len(keys))
	for i, k := range keys {
		if places[i] = q.option(k); places[i] < 0 {
			return "", fault.Field("keys", "%q is not an option of this %s", k, taker)
		}
	}
	slices.Sort(places)
	chosen := make([]string, len(places))
	for i, place := range places {
		if i > 0 && place == places[i-1] {
			return "", fault.Field("keys", "%q is there twice", q.Options[place].Key)
		}
		chosen[i] = q.Options[place].Key
	}
	return Answer(strings.Join(chosen, "\n")), nil
}

func (q *Question) keyField() string {
	if q.Kind == Multiple {
		return "keys"
	}
	return "key"
}

// option gives the place of the option with that key, or -1.
func (q *Question) option(key string) int {
	for i := range q.Options {
		if q.Options[i].Key == key {
			return i
		}
	}
	return -1
}
