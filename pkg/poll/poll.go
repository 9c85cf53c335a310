// Package poll is the domain of Plenary: presentations, polls, votes, tallies and results, the rules of
// transitions and of voting, and the port of the store that keeps them. It does no I/O.
package poll

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
)

// The protocol's constants (DESIGN.md, section 3). They are no settings: every process must agree on them.
const (
	// Lease (L) is how long an API replica may trust what it read about a presentation, from before the read began.
	Lease = time.Second
	// Window (W) is how long after its acceptance a vote may still be written to the log and its confirm be read.
	Window = time.Second
	// Slack (S) bounds by how much two monotonic clocks differ over Lease + Window.
	Slack = 500 * time.Millisecond
	// SealDelay is how long after a transition the poll that left is sealed: no acknowledged vote for it enters
	// the log later than that.
	SealDelay = Lease + Window + Slack
)

// What a presentation may hold.
const (
	MaxPolls       = 500  // polls of one presentation
	MaxOptions     = 100  // options of one poll
	MaxKeyLength   = 64   // characters of an option's key
	MaxValueLength = 1000 // characters of an option's value, of a question and of a title

	// MaxText is how many bytes a presentation's text has in all: see Presentation.Text.
	MaxText = 1 << 20

	// MaxChosenBytes is how many bytes the keys take that one vote may name, in the JSON of a client that escapes all it can.
	// So a vote's body, which has 4 KiB, has room for whatever a voter may choose.
	MaxChosenBytes = 3000
)

// Kind says how a poll is answered.
type Kind string

// The kinds of polls.
const (
	Choice   Kind = "choice"   // one option
	Multiple Kind = "multiple" // one option or several, at most MaxChoices
	Rating   Kind = "rating"   // one of the options 1 to 5, which the server makes

	WordCloud Kind = "word_cloud" // short texts of the voter's own, at most MaxChoices; they are folded for counting
	OpenText  Kind = "open_text"  // one text of the voter's own
)

// Status says what may still happen to a poll's results.
type Status string

// The statuses of a poll. Only a displayed poll is open; a poll that was never displayed, or was reset, is pending.
const (
	Pending Status = "pending"
	Open    Status = "open"
	Closing Status = "closing" // voting has ended; votes accepted before may still arrive
	Final   Status = "final"   // sealed: its results do not change under this version
)

// Option is one answer of a poll. Its key is unique within the poll.
type Option struct {
	Key   string
	Value string
}

// Poll is one question on one slide: what a presenter wrote. What becomes of it is its State.
type Poll struct {
	ID             uuid.UUID
	PresentationID uuid.UUID
	Index          int // 0-based place in the presentation
	Question       string
	Kind           Kind
	MaxChoices     int      // for Multiple and WordCloud: how many options or texts one answer may hold; else 1
	Banned         []string // words that answers in free text must not hold; nil: none
	Options        []Option // none for free text
	Visibility     Visibility
	Identity       access.Identity // of its voters; the store's own, never edited
	Mended         int             // how many of its texts were changed while people voted: so many Mends there are of it
}

// State is the part of a poll that transitions and counting change, always under a lock on its row.
type State struct {
	Status   Status
	Opened   int64   // the presentation's version that opened the poll last; 0: pending
	Sealed   int64   // the highest version whose votes are closed for ever; 0: none
	Revision int64   // rises with every transaction that changes the state or the tallies
	Voters   int64   // people with a counted vote
	Counts   []int64 // counted votes per option, in the order of the options
}

// Presentation is an ordered list of polls, owned by a presenter and found by its join code.
type Presentation struct {
	ID            uuid.UUID
	Title         string
	JoinCode      string
	access.Tokens // by its tokens
	access.Admission
	Edits int64 // its revision: how often it was edited, and its tokens and its code were renewed
	Slide Slide
	Polls []Poll
}

// Slide says what a presentation displays.
type Slide struct {
	Version   int64 // counts the transitions
	Index     int   // the poll displayed last; -1 before the first
	Displayed bool  // whether that poll is on the slide now
	Closed    bool  // it is, but voting for it is closed; never without Displayed
}

// New checks what a presenter wrote and makes a presentation of it with new ids and nothing displayed. The join
// code and the token are for the caller to add. Errors are of the kind Invalid and name the field.
func New(title string, polls []Poll) (Presentation, error) {
	title, err := cleanTitle(title)
	if err != nil {
		return Presentation{}, err
	}
	switch {
	case len(polls) == 0:
		return Presentation{}, fault.Field("polls", "must hold at least one poll")
	case len(polls) > MaxPolls:
		return Presentation{}, fault.Field("polls", "must hold at most %d polls", MaxPolls)
	}
	p := Presentation{
		ID: newID(), Title: title, Admission: access.Admission{Voters: access.Anyone}, Slide: Slide{Index: -1}, Polls: make([]Poll, len(polls)),
	}
	for i, q := range polls {
		q, err := newPoll("polls["+strconv.Itoa(i)+"]", q, nil)
		if err != nil {
			return Presentation{}, err
		}
		q.ID, q.PresentationID, q.Index = newID(), p.ID, i
		p.Polls[i] = q
	}
	if err := p.checkSize("polls", 0); err != nil {
		return Presentation{}, err
	}
	return p, nil
}

// Text gives how many bytes a presentation's text has in all: its title, and each poll's question, keys, values and banned words.
func (p *Presentation) Text() int {
	size := len(p.Title)
	for i := range p.Polls {
		q := &p.Polls[i]
		size += len(q.Question)
		for _, o := range q.Options {
			size += len(o.Key) + len(o.Value)
		}
		for _, word := range q.Banned {
			size += len(word)
		}
	}
	return size
}

// checkSize refuses more text than a presentation may have, unless it had as much before: one from before this limit may shrink.
func (p *Presentation) checkSize(field string, before int) error {
	if size := p.Text(); size > max(MaxText, before) {
		return fault.Field(field, "a presentation's title, questions, options and banned words must have at most %d bytes in all; they would have %d",
			MaxText, size)
	}
	return nil
}

// newPoll checks a poll and puts it into its usual form. Texts that old, if it is not nil, has stay as they are: an edit of
// something else must not fail on them, nor change them.
func newPoll(at string, q Poll, old *Poll) (_ Poll, err error) {
	q.Identity = cmp.Or(q.Identity, access.ByClient)
	known := textsOf(old)
	if q.Question, err = known.clean(at+".question", q.Question, MaxValueLength, inLines); err != nil {
		return q, err
	}
	if err := q.checkRoom(at, known); err != nil {
		return q, err
	}
	switch q.Kind {
	case "":
		q.Kind = Choice
	case Choice, Multiple, Rating, WordCloud, OpenText:
	default:
		return q, fault.Field(at+".kind", `must be "choice", "multiple", "rating", "word_cloud" or "open_text"`)
	}
	if err := q.setOptions(at+".options", known); err != nil {
		return q, err
	}
	if err := q.setMaxChoices(at + ".max_choices"); err != nil {
		return q, err
	}
	return q, q.checkChosen(at + ".options")
}

// setOptions checks the options, and makes those that the presenter does not give.
func (p *Poll) setOptions(at string, known texts) error {
	switch {
	case p.Kind.FreeText() && len(p.Options) > 0:
		return fault.Field(at, "must be left out: voters write what they like")
	case p.Kind.FreeText():
		p.Options = []Option{}
		return nil
	case p.Kind == Rating && len(p.Options) > 0:
		return fault.Field(at, "must be left out: a rating has the options 1 to 5")
	case p.Kind == Rating:
		for i := 1; i <= 5; i++ {
			p.Options = append(p.Options, Option{Key: strconv.Itoa(i), Value: strconv.Itoa(i)})
		}
	}
	p.Options = slices.Clone(p.Options)
	return checkOptions(at, p.Options, known)
}

// setMaxChoices checks how many options or texts an answer may hold, or says it where the presenter does not.
func (p *Poll) setMaxChoices(at string) error {
	most, usual, limit := 1, 1, ""
	switch p.Kind {
	case Multiple:
		most, usual, limit = len(p.Options), len(p.Options), "the number of options"
	case WordCloud:
		most, usual, limit = MaxEntries, DefaultEntries, strconv.Itoa(MaxEntries)
	}
	switch {
	case limit == "" && p.MaxChoices > 1:
		return fault.Field(at, `is for the kinds "multiple" and "word_cloud" only`)
	case p.MaxChoices < 0 || p.MaxChoices > most:
		return fault.Field(at, "must be between 1 and %s", cmp.Or(limit, "1"))
	case p.MaxChoices == 0:
		p.MaxChoices = usual
	}
	return nil
}

// checkChosen checks that a vote has room for the longest keys, as many as a voter may choose.
func (p *Poll) checkChosen(at string) error {
	sizes := make([]int, len(p.Options))
	for i, o := range p.Options {
		sizes[i] = sizeInJSON(o.Key)
	}
	slices.Sort(sizes)
	sum := 0
	for _, size := range sizes[max(0, len(sizes)-p.MaxChoices):] {
		sum += size + len(",")
	}
	if sum > MaxChosenBytes {
		return fault.Field(at, "the longest keys, as many as a vote may name (%d), must together have at most %d bytes in JSON, with quotes, commas and "+
			"escapes; they have %d: take shorter keys, or a smaller max_choices", p.MaxChoices, MaxChosenBytes, sum)
	}
	return nil
}

// sizeInJSON gives how many bytes a string has at most in JSON. Some clients escape whatever is not ASCII, and some signs that are.
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
			return fault.Field(field+".key", "must not hold control characters or begin or end with a space")
		}
		if _, err := known.clean(field+".key", o.Key, MaxKeyLength, oneLine); err != nil {
			return err
		}
		if seen[o.Key] {
			return fault.Field(field+".key", "%q is there twice", o.Key)
		}
		seen[o.Key] = true
		if options[i].Value, err = known.clean(field+".value", o.Value, MaxValueLength, inLines); err != nil {
			return err
		}
	}
	return nil
}

// cleanTitle cleans a title, which may be empty.
func cleanTitle(title string) (string, error) {
	if strings.TrimSpace(title) == "" {
		return "", nil
	}
	return clean("title", title, MaxValueLength, oneLine)
}

// texts holds those that are in use already.
type texts map[string]bool

func textsOf(q *Poll) texts {
	if q == nil {
		return nil
	}
	known := texts{q.Question: true}
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

// newID makes an id whose values rise with time, so that new rows stand together in an index.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// Open puts the poll with that 0-based index on the slide of a new presentation. The error is of the kind Invalid.
func (p *Presentation) Open(index int) error {
	if index < 0 || index >= len(p.Polls) {
		return fault.Field("current_poll_index", "must be between 0 and %d", len(p.Polls)-1)
	}
	p.Slide = Slide{Version: 1, Index: index, Displayed: true}
	return nil
}

// State gives the state that the poll with that index has when the presentation is new.
func (p *Presentation) State(index int) State {
	s := State{Status: Pending, Counts: make([]int64, len(p.Polls[index].Options))}
	if p.Slide.Displayed && p.Slide.Index == index {
		s.Show(p.Slide.Version)
	}
	return s
}
