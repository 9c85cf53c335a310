// Package question is what people are asked: kinds, options, answers, free text and tallies. It
// does no I/O. Every feature that asks something asks with it.
package question

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/plenary-live/plenary/pkg/fault"
)

// What a question may hold.
const (
	MaxOptions      = 100  // options
	MaxKeyLength    = 64   // characters of an option's key
	MaxValueLength  = 1000 // characters of an option's value, and of a text
	MaxBanned       = 200  // banned words
	MaxBannedLength = 64   // characters of one

	// MaxChosenBytes is how many bytes the keys take that one answer may name, in the JSON of a
	// client that escapes all it can. So a vote's body, which has 4 KiB, has room for whatever a
	// voter may choose.
	MaxChosenBytes = 3000
)

// Kind says how a question is answered.
type Kind string

// The kinds.
const (
	Choice   Kind = "choice"   // one option
	Multiple Kind = "multiple" // one option or several, at most MaxChoices
	Rating   Kind = "rating"   // one of the options 1 to 5, which the server makes

	// short texts of the voter's own, at most MaxChoices; they are folded for counting
	WordCloud Kind = "word_cloud"
	OpenText  Kind = "open_text" // one text of the voter's own
)

// Option is one answer to a question. Its key is unique among them.
type Option struct {
	Key   string
	Value string
}

// Question is what somebody asks.
type Question struct {
	Text string
	Kind Kind
	// for Multiple and WordCloud: how many options or texts one answer may hold; else 1
	MaxChoices int
	Banned     []string // words that answers in free text must not hold; nil: none
	Options    []Option // none for free text
}

// Check checks a question and puts it into its usual form. If old is not nil, the texts that it
// has stay as they are. An edit of something else must not fail on them, nor change them. Errors
// are of the kind Invalid and name the field below at.
func (q Question) Check(at string, old *Question) (_ Question, err error) {
	known := textsOf(old)
	if q.Text, err = known.clean(at+".question", q.Text, MaxValueLength, inLines); err != nil {
		return q, err
	}
	if err := q.setBanned(at+".banned_words", known); err != nil {
		return q, err
	}
	switch q.Kind {
	case "":
		q.Kind = Choice
	case Choice, Multiple, Rating, WordCloud, OpenText:
	default:
		return q, fault.Field(at+".kind",
			`must be "choice", "multiple", "rating", "word_cloud" or "open_text"`)
	}
	if err := q.setOptions(at+".options", known); err != nil {
		return q, err
	}
	if err := q.setMaxChoices(at + ".max_choices"); err != nil {
		return q, err
	}
	return q, q.checkChosen(at + ".options")
}

// Size gives how many bytes its text has in all: with keys, values and banned words.
func (q *Question) Size() int {
	size := len(q.Text)
	for _, o := range q.Options {
		size += len(o.Key) + len(o.Value)
	}
	for _, word := range q.Banned {
		size += len(word)
	}
	return size
}

// SameBallot says whether the same answers can be given to two questions.
func (q *Question) SameBallot(other *Question) bool {
	return q.Kind == other.Kind && q.MaxChoices == other.MaxChoices &&
		slices.EqualFunc(q.Options, other.Options, func(a, b Option) bool { return a.Key == b.Key })
}

// setBanned cleans the banned words.
func (q *Question) setBanned(at string, known texts) error {
	if len(q.Banned) > MaxBanned {
		return fault.Field(at, "must hold at most %d words", MaxBanned)
	}
	var banned []string
	for i, word := range q.Banned {
		word, err := known.clean(at+"["+strconv.Itoa(i)+"]", word, MaxBannedLength, oneLine)
		if err != nil {
			return err
		}
		banned = append(banned, word)
	}
	q.Banned = banned
	return nil
}

// setOptions checks the options, and makes those that the presenter does not give.
func (q *Question) setOptions(at string, known texts) error {
	switch {
	case q.Kind.FreeText() && len(q.Options) > 0:
		return fault.Field(at, "must be left out: voters write what they like")
	case q.Kind.FreeText():
		q.Options = []Option{}
		return nil
	case q.Kind == Rating && len(q.Options) > 0:
		return fault.Field(at, "must be left out: a rating has the options 1 to 5")
	case q.Kind == Rating:
		for i := 1; i <= 5; i++ {
			q.Options = append(q.Options, Option{Key: strconv.Itoa(i), Value: strconv.Itoa(i)})
		}
	}
	q.Options = slices.Clone(q.Options)
	return checkOptions(at, q.Options, known)
}

// setMaxChoices checks how many options or texts an answer may hold, or says it where the presenter
// does not.
func (q *Question) setMaxChoices(at string) error {
	most, usual, limit := 1, 1, ""
	switch q.Kind {
	case Multiple:
		most, usual, limit = len(q.Options), len(q.Options), "the number of options"
	case WordCloud:
		most, usual, limit = MaxEntries, DefaultEntries, strconv.Itoa(MaxEntries)
	}
	switch {
	case limit == "" && q.MaxChoices > 1:
		return fault.Field(at, `is for the kinds "multiple" and "word_cloud" only`)
	case q.MaxChoices < 0 || q.MaxChoices > most:
		return fault.Field(at, "must be between 1 and %s", cmp.Or(limit, "1"))
	case q.MaxChoices == 0:
		q.MaxChoices = usual
	}
	return nil
}

// checkChosen checks that a vote has room for the longest keys, as many as a voter may choose.
func (q *Question) checkChosen(at string) error {
	sizes := make([]int, len(q.Options))
	for i, o := range q.Options {
		sizes[i] = sizeInJSON(o.Key)
	}
	slices.Sort(sizes)
	sum := 0
	for _, size := range sizes[max(0, len(sizes)-q.MaxChoices):] {
		sum += size + len(",")
	}
	if sum > MaxChosenBytes {
		return fault.Field(
			at, "the longest keys, as many as a vote may name (%d), must together have at most "+
				"%d bytes in JSON, with quotes, commas and "+
				"escapes; they have %d: take shorter keys, or a smaller max_choices", q.MaxChoices,
			MaxChosenBytes, sum)
	}
	return nil
}

// sizeInJSON gives how many bytes a string has at most in JSON. Some clients escape whatever is not
// ASCII, and some signs that are.
func sizeInJSON(s string) int {
	size := len(`""`)
	for _, r := range s {
		switch {
		case r > 0xffff:
			size += len(`\ud83d\ude00`)
		case r >= utf8.RuneSelf, strings.ContainsRune("\"\\/<>&'`+", r):
			size += len(`\u00e9`)
		default:
			size++
		}
	}
	return size
}

// checkOptions checks options and cleans their values. Keys stay as they are: voters name them.
func checkOptions(at string, options []Option, known texts) (err error) {
	switch {
	case len(options) == 0:
		return fault.Field(at, "must hold at least one option")
	case len(options) > MaxOptions:
		return fault.Field(at, "must hold at most %d options", MaxOptions)
	}
	seen := make(map[string]bool, len(options))
	for i, o := range options {
		field := at + "[" + strconv.Itoa(i) + "]"
		if o.Key == "" || utf8.RuneCountInString(o.Key) > MaxKeyLength {
			return fault.Field(field+".key", "must have 1 to %d characters", MaxKeyLength)
		}
		if !printable(o.Key) || strings.TrimSpace(o.Key) != o.Key {
			return fault.Field(field+".key",
				"must not hold control characters or begin or end with a space")
		}
		if _, err := known.clean(field+".key", o.Key, MaxKeyLength, oneLine); err != nil {
			return err
		}
		if seen[o.Key] {
			return fault.Field(field+".key", "%q is there twice", o.Key)
		}
		seen[o.Key] = true
		if options[i].Value, err = known.clean(field+".value", o.Value, MaxValueLength,
			inLines); err != nil {
			return err
		}
	}
	return nil
}

// texts holds those that are in use already.
type texts map[string]bool

func textsOf(q *Question) texts {
	if q == nil {
		return nil
	}
	known := texts{q.Text: true}
	for _, o := range q.Options {
		known[o.Key], known[o.Value] = true, true
	}
	for _, word := range q.Banned {
		known[word] = true
	}
	return known
}

// clean cleans a text that is not in use already.
func (t texts) clean(field, text string, most int, l layout) (string, error) {
	if t[text] {
		return text, nil
	}
	return clean(field, text, most, l)
}

func printable(s string) bool {
	return strings.IndexFunc(s, unicode.IsControl) < 0
}

// TakesOptions says whether the options of a question of that kind are its owner's.
func (k Kind) TakesOptions() bool {
	return k == Choice || k == Multiple || k == ""
}
