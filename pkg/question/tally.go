package question

import (
	"slices"
	"strings"

	"github.com/google/uuid"
)

// Tally moves the counts of a question by the difference between answers, within one transaction of
// a store. It is for one goroutine.
type Tally struct {
	kind      Kind
	options   map[string]int
	counts    []int64
	fold      Fold
	words     map[string]*move  // for free text
	spellings map[spelled]*move // of a word cloud whose fold knows them
}

// NewTally begins with a question's kind, its options' keys in order, and a count per option. It
// changes none of them.
func NewTally(kind Kind, options []string, counts []int64) Tally {
	if len(options) != len(counts) { // those of before an edit, which no vote is for
		options = nil
	}
	t := Tally{kind: kind, options: make(map[string]int, len(options)),
		counts: slices.Clone(counts)}
	if kind.FreeText() {
		t.fold, t.words = PresentFold, map[string]*move{}
		if kind == WordCloud {
			t.spellings = map[spelled]*move{}
		}
	}
	for i, key := range options {
		t.options[key] = i
	}
	return t
}

// Folded says by which fold the words are counted, where it is not the present one. They are moved
// by it. The first one knows no spellings.
func (t *Tally) Folded(f Fold) {
	if t.fold = f; f == FirstFold {
		t.spellings = nil
	}
}

// Takes says whether an answer is one to the question, so that it can be counted.
func (t *Tally) Takes(a Answer) bool {
	if a.TakenBack() {
		return true
	}
	if t.kind.FreeText() {
		return t.kind.takes(a)
	}
	if _, ok := t.options[string(a)]; ok { // one key, the usual case
		return true
	}
	for _, key := range a.Keys() {
		if _, ok := t.options[key]; !ok {
			return false
		}
	}
	return true
}

// Add counts an answer n times more. That is 1 for one that stands now, with the id of its vote,
// and -1 for one that stands no more.
func (t *Tally) Add(a Answer, voteID uuid.UUID, n int64) {
	if t.kind.FreeText() {
		for _, s := range t.kind.spelled(t.fold, a) {
			shift(t.words, s.word, n, voteID)
			if t.spellings != nil {
				shift(t.spellings, s, n, voteID)
			}
		}
		return
	}
	if i, ok := t.options[string(a)]; ok { // one key, the usual case
		t.counts[i] += n
		return
	}
	for _, key := range a.Keys() {
		if i, ok := t.options[key]; ok {
			t.counts[i] += n
		}
	}
}

// Counts gives a count per option, as it is now.
func (t *Tally) Counts() []int64 { return t.counts }

// WordMove is by how much the count of a word moves, and those of its spellings. A word or spelling
// whose count is 0 then is there no more, unless the word is hidden.
type WordMove struct {
	Word      string
	By        int64     // 0: only the spellings move
	First     uuid.UUID // the oldest of the votes that name the word now; Nil: none does
	Spellings []SpellingMove
}

// SpellingMove is by how much the count of a spelling moves, never 0, and the oldest of the votes
// that write it now.
type SpellingMove struct {
	Spelling string
	By       int64
	First    uuid.UUID
}

// Words gives what the answers have moved, in the order of the words' bytes.
func (t *Tally) Words() (words []WordMove) {
	spellings := map[string][]SpellingMove{}
	for s, m := range t.spellings {
		if m.by != 0 {
			spellings[s.word] = append(spellings[s.word], SpellingMove{s.spelling, m.by, m.first})
		}
	}
	for word, m := range t.words {
		of := spellings[word]
		if m.by != 0 || len(of) > 0 {
			slices.SortFunc(of, func(a,
				b SpellingMove) int {
				return strings.Compare(a.Spelling, b.Spelling)
			})
			words = append(words, WordMove{word, m.by, m.first, of})
		}
	}
	slices.SortFunc(words, func(a, b WordMove) int { return strings.Compare(a.Word, b.Word) })
	return words
}

// move is by how much a count moves, and the oldest of the votes that raise it.
type move struct {
	by    int64
	first uuid.UUID
}

// shift adds to what moves the count of a key.
func shift[K comparable](moves map[K]*move, key K, n int64, voteID uuid.UUID) {
	m := moves[key]
	if m == nil {
		m = &move{}
		moves[key] = m
	}
	m.by += n
	if n > 0 {
		m.first = older(m.first, voteID)
	}
}

// older gives the id that is known and was made first: ids of votes begin with their time.
func older(a, b uuid.UUID) uuid.UUID {
	if a == uuid.Nil || b != uuid.Nil && slices.Compare(b[:], a[:]) < 0 {
		return b
	}
	return a
}
