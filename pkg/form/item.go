package form

import (
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
)

// Why a response is not kept as it was sent.
var (
	Closed    = fault.Conflict.Named("form_closed")
	Full      = fault.Conflict.Named("form_full")         // as many stand as may
	Responded = fault.Conflict.Named("already_responded") // this person has, and may once
	Edited    = fault.Conflict.Named("form_edited")       // while the response was sent
	Changed   = fault.Stale.Named("response_changed")     // by somebody else, meanwhile
)

// Action is what somebody does with a response.
type Action byte

// The actions.
const (
	Submit   Action = 1
	Replace  Action = 2 // all answers, by others
	Withdraw Action = 3 // the whole response
)

// Item is what somebody does with a response, on its way to be decided.
type Item struct {
	ID     uuid.UUID // of the response
	FormID uuid.UUID
	Action Action
	Edits  int64     // of the form by which the answers were checked
	Person uuid.UUID // of Submit, where a person may respond once; else Nil
	Seen   int64     // of Replace: the edits of the response that it is of
	Owner  bool      // it is by the form's owner, who may also when the form is closed
	At     int64     // when the API accepted it, in milliseconds since 1970
	// Keyed says that the ID of what is submitted follows from a key of the client's: a retry has
	// the same one.
	Keyed   bool
	Answers Answers // none of Withdraw
}

// Response is one person's answers to a form.
type Response struct {
	ID      uuid.UUID
	FormID  uuid.UUID
	Number  int64     // 1, 2, 3 … in the order of the log
	Person  uuid.UUID // Nil: nobody has asked
	At      int64     // when it was submitted, in milliseconds since 1970
	Changed int64     // when it was changed last; 0: never
	Edits   int64     // how often it was changed
	Answers Answers
	Flags   []uuid.UUID // the rules that it breaks; nil: none
}

// Submitted gives when a response was submitted.
func (r *Response) Submitted() time.Time { return time.UnixMilli(r.At).UTC() }

// Verdict is what became of an item.
type Verdict byte

// The verdicts. None is 0, which says that there is none yet.
const (
	Done            Verdict = 1 // it has its effect, or had it before
	FormGone        Verdict = 2
	FormClosed      Verdict = 3
	FormFull        Verdict = 4
	RespondedBefore Verdict = 5
	Outdated        Verdict = 6 // the answers are none to what the form asks by now
	ResponseGone    Verdict = 7
	ResponseChanged Verdict = 8
)
