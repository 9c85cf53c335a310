// Package poll is the domain of Plenary. It has presentations, polls, votes, tallies and results,
// the rules of transitions and of voting, and the port of the store that keeps them. It does no
// I/O.
package poll

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
)

// The protocol's constants (DESIGN.md, section 3). They are no settings: every process must agree
// on them.
const (
	// Lease (L) is how long an API replica may trust what it read about a presentation, from before
	// the read began.
	Lease = time.Second
	// Window (W) is how long after its acceptance a vote may still be written to the log and its
	// confirm be read.
	Window = time.Second
	// Slack (S) bounds by how much two monotonic clocks differ over Lease + Window.
	Slack = 500 * time.Millisecond
	// SealDelay is how long after a transition the poll that left is sealed: no acknowledged vote
	// for it enters the log later than that.
	SealDelay = Lease + Window + Slack
)

// What a presentation may hold.
const (
	MaxPolls = 500 // polls of one presentation

	// MaxText is how many bytes a presentation's text has in all: see Presentation.Text.
	MaxText = 1 << 20
)

// Status says what may still happen to a poll's results.
type Status string

// The statuses of a poll. Only a displayed poll is open; a poll that was never displayed, or was
// reset, is pending.
const (
	Pending Status = "pending"
	Open    Status = "open"
	Closing Status = "closing" // voting has ended; votes accepted before may still arrive
	Final   Status = "final"   // sealed: its results do not change under this version
)

// Poll is one question on one slide: what a presenter wrote. What becomes of it is its State.
type Poll struct {
	ID             uuid.UUID
	PresentationID uuid.UUID
	Index          int // 0-based place in the presentation
	question.Question
	Visibility Visibility
	Identity   access.Identity // of its voters; the store's own, never edited
	// how many of its texts were changed while people voted: so many Mends there are of it
	Mended int
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
	// Edits is its revision: how often it was edited, and its tokens and its code were renewed.
	Edits     int64
	Partition int // of the log, where its votes and seals go; the same for ever
	Slide     Slide
	Polls     []Poll
	// TalkID names the talk that the audience rates at the end; Nil: none. Nobody checks that there
	// is such a talk.
	TalkID uuid.UUID
}

// Slide says what a presentation displays.
type Slide struct {
	Version   int64 // counts the transitions
	Index     int   // the poll displayed last; -1 before the first
	Displayed bool  // whether that poll is on the slide now
	Closed    bool  // it is, but voting for it is closed; never without Displayed
}

// New checks what a presenter wrote and makes a presentation of it with new ids and nothing
// displayed. The join code, the token and the partition are for the caller to add. Errors are of
// the kind Invalid and name the field.
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
		ID: newID(), Title: title, Admission: access.Admission{Voters: access.Anyone},
		Slide: Slide{Index: -1}, Polls: make([]Poll, len(polls)),
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

// Text gives how many bytes a presentation's text has in all: its title, and each poll's question,
// keys, values and banned words.
func (p *Presentation) Text() int {
	size := len(p.Title)
	for i := range p.Polls {
		size += p.Polls[i].Size()
	}
	return size
}

// checkSize refuses more text than a presentation may have, unless it had as much before: one from
// before this limit may shrink.
func (p *Presentation) checkSize(field string, before int) error {
	if size := p.Text(); size > max(MaxText, before) {
		return fault.Field(field,
			"a presentation's title, questions, options and banned words must have at most %d "+
				"bytes in all; they would have %d",
			MaxText, size)
	}
	return nil
}

// newPoll checks a poll and puts it into its usual form. Texts that old, if it is not nil, has stay
// as they are.
func newPoll(at string, q Poll, old *Poll) (_ Poll, err error) {
	q.Identity = cmp.Or(q.Identity, access.ByClient)
	var asked *question.Question
	if old != nil {
		asked = &old.Question
	}
	if q.Question, err = q.Check(at, asked); err != nil {
		return q, err
	}
	return q, q.setVisibility(at + ".results_visibility")
}

// cleanTitle cleans a title, which may be empty.
func cleanTitle(title string) (string, error) {
	if strings.TrimSpace(title) == "" {
		return "", nil
	}
	return question.CleanLine("title", title, question.MaxValueLength)
}

// newID makes an id whose values rise with time, so that new rows stand together in an index.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// Open puts the poll with that 0-based index on the slide of a new presentation. The error is of
// the kind Invalid.
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
