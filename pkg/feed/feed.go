// Package feed is the feed feature without I/O of its own. Accounts publish polls, which find
// everybody else until they are answered or skipped.
package feed

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
)

// Limits of a poll, and of what people look for.
const (
	MaxTitle   = 300 // characters
	LeastOpts  = 2
	MaxOptions = 20
	MaxOption  = 200 // characters
	MaxTags    = 10
	MaxTag     = 50  // characters
	MaxSearch  = 100 // characters
)

// Results says who sees a poll's numbers.
type Results string

// The kinds of results. A poll's author sees them always.
const (
	Always     Results = "always"
	AfterVote  Results = "after_vote"  // who voted, and everybody when the poll is over
	AfterClose Results = "after_close" // everybody when the poll is over
)

// OneOfResults is what an error says that Results must be.
const OneOfResults = `must be "always", "after_vote" or "after_close"`

// Poll is a question of the feed, with the tally of its answers. Times are in UTC, to the
// millisecond.
type Poll struct {
	ID       uuid.UUID // begins with the time at which it was made
	Author   uuid.UUID // an account
	Title    string
	Options  []string
	Tags     []string  // folded, each once
	ClosesAt time.Time // zero: never
	Closed   bool      // by hand, or since its answers are not kept any more
	Results  Results

	Tally
	Revision int64 // how often its answers changed
}

// Tally counts the answers to a poll.
type Tally struct {
	Votes []int64 // by option
	Skips int64
}

// Total gives how many votes there are.
func (t Tally) Total() (n int64) {
	for _, c := range t.Votes {
		n += c
	}
	return n
}

// Created gives when a poll was made, which its id says.
func (p *Poll) Created() time.Time { return timeOf(p.ID) }

// Over says whether a poll takes no answers any more.
func (p *Poll) Over(now time.Time) bool {
	return p.Closed || !p.ClosesAt.IsZero() && !now.Before(p.ClosesAt)
}

// Shows says whether an account sees a poll's numbers. A skip shows them to nobody: it may be taken
// back.
func (p *Poll) Shows(account uuid.UUID, voted bool, now time.Time) bool {
	return p.Results == Always || p.Author == account || p.Over(now) ||
		p.Results == AfterVote && voted
}

// Check checks what an author wrote, and puts it into its usual form. Errors are of the kind
// Invalid and name all fields that are wrong.
func (p *Poll) Check(now time.Time) error {
	var wrongs fault.Wrongs
	var err error
	if p.Title, err = question.CleanLine("title", p.Title, MaxTitle); err != nil {
		_ = wrongs.Note(err) // it names its field
	}
	p.checkOptions(&wrongs)
	p.checkTags(&wrongs)
	switch {
	case p.ClosesAt.IsZero():
	case p.ClosesAt.After(latest):
		wrongs.Add("closes_at", "must not be after the year 9998")
	case !p.ClosesAt.After(now):
		wrongs.Add("closes_at", "must be in the future")
	default:
		p.ClosesAt = p.ClosesAt.UTC().Truncate(time.Millisecond)
	}
	switch p.Results {
	case Always, AfterVote, AfterClose:
	case "":
		p.Results = AfterVote
	default:
		wrongs.Add("results", OneOfResults)
	}
	return wrongs.Err()
}

// latest is a time that every reader of RFC 3339 knows.
var latest = time.Date(9998, 12, 31, 0, 0, 0, 0, time.UTC)

func (p *Poll) checkOptions(wrongs *fault.Wrongs) {
	if n := len(p.Options); n < LeastOpts || n > MaxOptions {
		wrongs.Add("options", "must be %d to %d", LeastOpts, MaxOptions)
		return
	}
	options := make([]string, len(p.Options))
	for i, text := range p.Options {
		field := fmt.Sprintf("options[%d]", i)
		option, err := question.CleanLine(field, text, MaxOption)
		switch {
		case err != nil:
			_ = wrongs.Note(err) // it names its field
		case slices.Contains(options[:i], option):
			wrongs.Add(field, "is there twice")
		}
		options[i] = option
	}
	p.Options = options
}

func (p *Poll) checkTags(wrongs *fault.Wrongs) {
	if n := len(p.Tags); n < 1 || n > MaxTags {
		wrongs.Add("tags", "must be 1 to %d", MaxTags)
		return
	}
	var tags []string
	for i, text := range p.Tags {
		tag, err := CleanTag(fmt.Sprintf("tags[%d]", i), text)
		if err != nil {
			_ = wrongs.Note(err) // it names its field
		} else if !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	p.Tags = tags
}

// CleanTag gives a tag the form in which it is kept and compared. Errors are of the kind Invalid
// and name the field.
func CleanTag(field, text string) (string, error) {
	return question.CleanFolded(field, text, MaxTag)
}

// CleanSearch gives a part of a word the form in which it is looked for. Errors are of the kind
// Invalid and name the field.
func CleanSearch(field, text string) (string, error) {
	return question.CleanFolded(field, text, MaxSearch)
}

// Words gives the text of a poll in which people look for parts of words. No part reaches from one
// line into the next.
func (p *Poll) Words() string {
	lines := []string{question.Folded(p.Title)}
	for _, option := range p.Options {
		lines = append(lines, question.Folded(option))
	}
	return strings.Join(lines, "\n")
}
