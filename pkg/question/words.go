package question

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
)

// The codes of questions' own.
var (
	// people choose their answers: there are none in free text
	NotFreeText = fault.Conflict.Named("not_free_text")
	// the text holds a banned word: it cannot be shown
	WordBanned = fault.Conflict.Named("word_banned")
)

// MaxTotal is up to how many words of a poll are counted.
const MaxTotal = 10_000

// WordCount is a word of a poll of free text, and how many people's votes hold it.
type WordCount struct {
	Word  string // by which it is counted: the fold of what people wrote
	Text  string // as most people wrote it; Word where nobody knows
	Count int64  // of people
	// the vote that named it first; Nil: a process counted it that does not note that
	First  uuid.UUID
	Hidden bool // the presenter hides it, or it holds a banned word
}

// FirstAt gives the time at which a replica took the vote that named the word first, as
// CastAt does.
func (w WordCount) FirstAt() time.Time { return CastAt(w.First) }

// Order is the order of a poll's words. Equal ones stand in the order of their bytes.
type Order byte

// The orders.
const (
	// the most named ones first; of those that are named as often, the older ones
	MostFirst   Order = iota
	NewestFirst       // the newest first
)

// Order gives the order in which results have words: a cloud is about what many say, texts are to
// be read.
func (k Kind) Order() Order {
	if k == OpenText {
		return NewestFirst
	}
	return MostFirst
}

// Listing says which words of a poll Store.Answers gives.
type Listing struct {
	Order Order
	// where to begin: behind its Count, First and Word, be it there or not; nil: with the first one
	After  *WordCount
	Hidden bool // also those that are hidden
}

// Sieve is for stores. It gives what marks the words of a poll that are banned, has texts as they
// were written, and says which are listed.
func (l Listing) Sieve(q *Question) func(*WordCount) (listed bool) {
	banned := bansOf(q.Banned)
	return func(w *WordCount) bool {
		w.Text = Written(w.Text)
		w.Hidden = w.Hidden || len(q.Banned) > 0 && banned.in(w.Word)
		return l.Hidden || !w.Hidden
	}
}

// TakesText refuses what is about answers in free text where there are none. NotFreeText.
func (q *Question) TakesText() error {
	if !q.Kind.FreeText() {
		return fault.Errorf(NotFreeText, "people choose their answers to this poll, and write none")
	}
	return nil
}

// Forms gives the words that somebody may mean who names a text: that very one, else the one that
// it counts as. So what a listing says always names what it was said of. NotFreeText.
func (q *Question) Forms(text string) ([]string, error) {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) { // no store has such
		return nil, q.TakesText()
	}
	forms := append([]string{text}, q.Kind.Words(Answer(text))...)
	return forms[:min(2, len(slices.Compact(forms)))], q.TakesText()
}

// Hide is for stores, which have read the word, in a transaction that excludes counting. It hides
// the word, or shows it, and says whether that is to be written. NotFound: nobody says it.
// WordBanned: it is to be shown and cannot be.
func (q *Question) Hide(w *WordCount, hidden bool) (changed bool, err error) {
	w.Text = Written(w.Text)
	switch {
	case w.Count <= 0 && !w.Hidden:
		return false, NoWord()
	case !hidden && bansOf(q.Banned).in(w.Word):
		return false, fault.Errorf(WordBanned,
			"it holds a banned word, and stays hidden for as long as that is banned")
	}
	changed = w.Hidden != hidden
	w.Hidden = hidden
	return changed, nil
}

// NoWord is the error about a word that nobody says.
func NoWord() error { return fault.Errorf(fault.NotFound, "nobody has written that") }

// CastAt gives the time at which a replica took a vote, by its own clock, in milliseconds: it
// informs, and nothing is ordered by it. It is zero where the vote's id does not hold it.
func CastAt(voteID uuid.UUID) time.Time {
	if voteID.Version() != 7 {
		return time.Time{}
	}
	return time.Unix(voteID.Time().UnixTime()).UTC()
}
