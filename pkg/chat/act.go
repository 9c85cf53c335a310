package chat

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
)

// Act is what somebody does with an application's chats. What its Action takes is said at Item.
type Act struct {
	App    uuid.UUID
	Action Action
	Person uuid.UUID // Nil: nobody is told apart
	// Trusted says that it may change what others wrote, and is not moderated: an owner's or a
	// moderator's.
	Trusted bool
	Key     uuid.UUID // of the request, the same for a retry; Nil: none

	Chat, Message int64
	Author, Body  string
	Title         string // of Make
	Kind          Kind   // of Make; empty: Plain
	Moderated     bool   // of Make
	Marks         Marks
	Slide         uuid.UUID // of React: whoever calls knows that there is such a slide
	Emoji         int
}

// check checks all that needs no look-up, and cleans what people wrote.
func (a *Act) check() (err error) {
	var wrongs fault.Wrongs
	switch a.Action {
	case Make:
		c := Chat{Kind: a.Kind, Settings: Settings{Title: a.Title}}
		err = c.Check()
		a.Kind, a.Title = c.Kind, c.Title
		return err
	case React:
		if a.Emoji < 0 || a.Emoji >= len(Emoji) {
			return fault.Field("emoji", "must be one of %v", Emoji)
		}
		return nil
	case Post, Edit:
		if a.Body, err = question.CleanText("body", a.Body, MaxBody); err != nil {
			_ = wrongs.Note(err) // it names its field
		}
		if a.Author != "" {
			if a.Author, err = question.CleanLine("author", a.Author, MaxAuthor); err != nil {
				_ = wrongs.Note(err)
			}
		}
	case Mark:
		if !a.Marks.whole() {
			wrongs.Add("state", "must name a change, and not its contrary")
		}
	case Delete, Upvote, Unvote:
	default:
		return fmt.Errorf("there is no action %d", a.Action)
	}
	if err := wrongs.Err(); err != nil {
		return err
	}
	switch {
	case a.Chat < 1:
		return refusals[ChatGone]
	case a.Action.ofMessage() && a.Message < 1:
		return refusals[MessageGone]
	}
	return nil
}

// item makes an item of an act that is checked. What the action does not take is left out.
func (a *Act) item(now time.Time) Item {
	i := Item{
		ID: commit.NewID(), App: a.App, Action: a.Action, Person: a.Person, At: now.UnixMilli(),
		Trusted: a.Trusted,
	}
	switch a.Action {
	case Make:
		i.Body, i.Kind, i.Moderated = a.Title, a.Kind, a.Moderated
	case React:
		i.Slide, i.Emoji = a.Slide, a.Emoji
	case Post:
		i.Chat, i.Author, i.Body = a.Chat, a.Author, a.Body
	case Edit:
		i.Chat, i.Message, i.Body = a.Chat, a.Message, a.Body
	case Mark:
		i.Chat, i.Message, i.Marks = a.Chat, a.Message, a.Marks
	default:
		i.Chat, i.Message = a.Chat, a.Message
	}
	if a.Key != uuid.Nil {
		i.ID, i.Keyed = a.keyed(), true
	}
	if i.Person == uuid.Nil { // a person of its own, who is the same one for a retry
		i.Person = uuid.NewSHA1(i.ID, a.App[:])
	}
	return i
}

// keyed gives the id that follows from a key: of the same person in the same place alone. What
// people wrote is no part of it, so that the same key has the first message's number.
func (a *Act) keyed() uuid.UUID {
	request := append(a.Key[:], byte(a.Action))
	request = binary.AppendUvarint(request, uint64(a.Chat))
	request = binary.AppendUvarint(request, uint64(a.Message))
	return uuid.NewSHA1(uuid.NewSHA1(a.App, a.Person[:]), request)
}
