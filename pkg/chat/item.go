package chat

import (
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
)

// Why an item has no effect.
var (
	Closed       = fault.Conflict.Named("chat_closed")
	Erased       = fault.Conflict.Named("message_deleted")
	NotYours     = fault.Forbidden.Named("not_the_author")
	Full         = fault.Conflict.Named("too_many_chats")
	EditedOften  = fault.Conflict.Named("too_many_edits")
	NotQuestions = fault.Conflict.Named("no_question") // only questions are answered
	NoReactions  = fault.Conflict.Named("no_reactions")
)

// Action is what somebody does with an application's chats.
type Action byte

// The actions.
const (
	Make   Action = 1 // a chat
	Post   Action = 2 // a message
	Edit   Action = 3
	Delete Action = 4 // again: no effect
	Mark   Action = 5
	Upvote Action = 6 // again: no effect
	Unvote Action = 7 // takes the vote back, and has no effect where there is none
	React  Action = 8 // to a slide
)

// ofMessage says whether an action is about a message that is there.
func (a Action) ofMessage() bool { return a >= Edit && a <= Unvote }

// Marks say how a message is to stand.
type Marks byte

// The marks. Those of one line exclude each other.
const (
	Show, Hide     Marks = 1, 2
	Pin, Unpin     Marks = 4, 8
	Answer, Reopen Marks = 16, 32
)

// whole says whether marks say something, and no two the contrary.
func (m Marks) whole() bool {
	const low, high = Show | Pin | Answer, Hide | Unpin | Reopen
	return m != 0 && m&^(low|high) == 0 && m&low&(m&high>>1) == 0
}

// Item is somebody's, on its way to be decided.
type Item struct {
	ID     uuid.UUID // of a new chat or message as well
	App    uuid.UUID
	Action Action
	Person uuid.UUID
	At     int64 // when the API accepted it, in milliseconds since 1970
	// Trusted says that it may change what others wrote, and is not moderated.
	Trusted bool
	// Keyed says that the ID follows from a key of the client's: a retry has the same one. An item
	// whose ID had its effect before has no other.
	Keyed bool

	Chat      int64     // number; of all but Make and React
	Message   int64     // number; of those about one
	Author    string    // of Post
	Body      string    // of Post and Edit; of Make, the title
	Kind      Kind      // of Make
	Moderated bool      // of Make
	Marks     Marks     // of Mark
	Slide     uuid.UUID // of React
	Emoji     int       // of React: a place in Emoji
}

// whole says whether an item can travel and be kept.
func (i *Item) whole() bool {
	if i.At < 0 || i.Chat < 0 || i.Message < 0 || !storable(i.Author, MaxAuthor) {
		return false
	}
	switch i.Action {
	case Make:
		return storable(i.Body, MaxTitle) && (i.Kind == Plain || i.Kind == Questions)
	case Post, Edit:
		return i.Body != "" && storable(i.Body, MaxBody)
	case Mark:
		return i.Marks.whole()
	case React:
		return i.Emoji >= 0 && i.Emoji < len(Emoji)
	}
	return i.Action.ofMessage()
}

// storable says whether every store can keep a text.
func storable(text string, most int) bool {
	for i := range len(text) {
		if text[i] == 0 {
			return false
		}
	}
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= most
}

// Place names a chat by its number.
type Place struct {
	App    uuid.UUID
	Number int64
}

func (i *Item) place() Place { return Place{i.App, i.Chat} }

// Target names a message by its number.
type Target struct {
	Place
	Message int64
}

func (i *Item) target() Target { return Target{i.place(), i.Message} }

// Upvoter names a vote of one person for one message.
type Upvoter struct {
	Target
	Person uuid.UUID
}

func (i *Item) upvoter() Upvoter { return Upvoter{i.target(), i.Person} }

// Verdict is what became of an item.
type Verdict byte

// The verdicts. None is 0, which says that there is none yet. Those from 0x80 on come with a
// number.
const (
	Done           Verdict = 1 // it has its effect, or one after it has
	AppGone        Verdict = 2
	ChatGone       Verdict = 3
	MessageGone    Verdict = 4
	MessageDeleted Verdict = 5
	ChatClosed     Verdict = 6
	NotTheAuthor   Verdict = 7
	TooManyChats   Verdict = 8
	TooManyEdits   Verdict = 9
	NoQuestion     Verdict = 10
	ReactionsOff   Verdict = 11

	Numbered Verdict = 0x80 // there is a chat or a message that everybody sees
	Held     Verdict = 0x81 // there is a message, which waits for a moderator
	Before   Verdict = 0x82 // the item got that number before; what it made may be another by now
)

// Result is what is said of an item.
type Result struct {
	Verdict
	Number int64 // of the chat or message that it made
}
