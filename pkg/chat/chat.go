// Package chat is the chats feature without I/O of its own: applications that own chats, and their
// messages. These are numbered 1, 2, 3 … without a gap, whatever comes at once.
package chat

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
)

// Limits of what people write, and of what one thing holds.
const (
	MaxName   = 100 // characters of an application's name
	MaxTitle  = 200 // characters of a chat's title
	MaxAuthor = 100 // characters
	MaxBody   = 4000
	MaxSearch = 100 // characters
	MaxChats  = 100_000
	MaxEdits  = 100 // of one message

	// maxWords bounds the text in which people look for parts of words: some characters stand for
	// several there.
	maxWords = 2 * MaxBody
)

// Application owns chats. Whoever has its token may do everything with them.
type Application struct {
	ID        uuid.UUID // never shown; it begins with the time at which it was made
	TokenHash [32]byte  // zero: nobody has a token for it
	Epoch     int64     // how many tokens it had before; members' tokens end with them
	Partition int       // of the log, for ever
	Name      string
	Account   uuid.UUID // whose it is, as well; Nil: nobody's
	// Subject is what it belongs to, such as a presentation: whoever may do everything with that
	// may do so with the application. Nil: nothing.
	Subject   uuid.UUID
	Reactions bool  // its slides take reactions
	Chats     int64 // how many it has: they are numbered from 1 to that
}

// Created gives when an application was made.
func (a *Application) Created() time.Time { return timeOf(a.ID) }

// Check checks what an owner wrote, and puts it into its usual form. Errors are of the kind Invalid
// and name the field.
func (a *Application) Check() (err error) {
	a.Name, err = question.CleanLine("name", a.Name, MaxName)
	return err
}

// Kind says what a chat is for.
type Kind string

// The kinds of chats.
const (
	Plain     Kind = "chat"
	Questions Kind = "questions" // they are voted up, and answered
)

// OneOfKinds is what an error says that Kind must be.
const OneOfKinds = `must be "chat" or "questions"`

// Settings of a chat.
type Settings struct {
	Title     string // empty: none
	Moderated bool   // a moderator lets messages be shown
	Closed    bool   // it takes no messages
}

// Chat is a numbered list of messages.
type Chat struct {
	ID     uuid.UUID // never shown
	App    uuid.UUID
	Number int64 // in its application
	Kind   Kind
	At     int64 // when it was made, in milliseconds since 1970
	Settings
	Counts
	Revision int64 // rises with every change of the chat and its messages
}

// Counts says how many messages a chat has.
type Counts struct {
	Last     int64 // number of the newest message: there were so many
	Messages int64 // that were not deleted
	Shown    int64 // those that everybody sees
}

// Check checks what an owner wrote, and puts it into its usual form. Errors are of the kind Invalid
// and name all fields that are wrong.
func (c *Chat) Check() (err error) {
	var wrongs fault.Wrongs
	if c.Title != "" {
		if c.Title, err = question.CleanLine("title", c.Title, MaxTitle); err != nil {
			_ = wrongs.Note(err) // it names its field
		}
	}
	switch c.Kind {
	case Plain, Questions:
	case "":
		c.Kind = Plain
	default:
		wrongs.Add("kind", OneOfKinds)
	}
	return wrongs.Err()
}

// State says who sees a message.
type State int

// The states of a message.
const (
	Waiting State = 1 // for a moderator: its author and moderators
	Shown   State = 2 // everybody
	Hidden  State = 3 // moderators, who took it away
	Deleted State = 4 // nothing is left but its number
)

func (s State) String() string {
	return [...]string{"", "waiting", "shown", "hidden", "deleted"}[s]
}

// Message is one of a chat. Times are in milliseconds since 1970.
type Message struct {
	Chat   uuid.UUID
	Number int64
	// ID is that of the item that brought it. A key of a client's makes the same one again.
	ID       uuid.UUID
	Person   uuid.UUID // whose it is; never shown
	Author   string    // as people see it; empty: none
	Body     string
	At       int64
	Edits    int   // how often it was edited
	EditedAt int64 // 0: never
	State    State
	Question bool // it is one of a chat of questions
	Pinned   bool
	Answered bool // only of a question
	Votes    int64
	// Changed is the chat's revision that changed it last; 0: it is as it was when it got its
	// number.
	Changed int64
}

// Words gives the text of a message in which people look for parts of words. No part reaches from
// one line into the next.
func (m *Message) Words() string {
	lines := strings.Split(m.Body, "\n")
	for i := range lines {
		lines[i] = question.Folded(lines[i])
	}
	words := strings.Join(lines, "\n")
	if utf8.RuneCountInString(words) > maxWords {
		words = string([]rune(words)[:maxWords])
	}
	return words
}

// CleanSearch gives a part of a word the form in which it is looked for. Errors are of the kind
// Invalid and name the field.
func CleanSearch(field, text string) (string, error) {
	return question.CleanFolded(field, text, MaxSearch)
}

// Version is what a message said before an edit.
type Version struct {
	Edit int // 0: as it was posted; 1: after the first edit
	Body string
	At   int64 // since when it said so
}

// Emoji are what people react with, in the order of Reactions.
var Emoji = [...]string{"👍", "❤️", "😂", "😮", "👏"}

// Reactions counts those to a slide, in the order of Emoji. There is no row for each.
type Reactions [len(Emoji)]int64

// timeOf gives the time with which an id begins.
func timeOf(id uuid.UUID) time.Time {
	sec, nsec := id.Time().UnixTime()
	return time.Unix(sec, nsec).UTC()
}
