package polls

import (
	"net/http"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/polls/fast"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/intake"
	"github.com/plenary-live/plenary/pkg/poll"
)

var (
	headerVoteID     = []byte("X-Vote-Id")
	headerSuperseded = []byte("Vote-Superseded") // a later vote of the same voter stands
	superseded       = []byte("true")
)

// maxSeq is the largest integer that every JSON implementation keeps exact (RFC 8259, section 6).
const maxSeq = 1<<53 - 1

type newVote struct {
	PollID   *string   `json:"poll_id"`
	Key      *string   `json:"key"`
	Keys     *[]string `json:"keys"`
	Text     *string   `json:"text"`
	Texts    *[]string `json:"texts"`
	ClientID *string   `json:"client_id"`
	Pass     *string   `json:"pass"`
	Seq      int64     `json:"seq"`
}

// ballot checks what was sent, before anything is looked up. The poll's id is checked last: only
// what is right otherwise may be told that it names nothing.
func (v *newVote) ballot() (b intake.Ballot, err error) {
	answers := v.answers()
	switch {
	case v.PollID == nil:
		return b, fault.Field("poll_id", "is missing")
	case v.ClientID == nil && v.Pass == nil:
		return b, fault.Field("client_id", "is missing: a vote has a client_id or a pass")
	case v.ClientID != nil && v.Pass != nil:
		return b, fault.Field("pass", "must be left out where client_id is given")
	case len(answers) == 0:
		return b, fault.Field("key", "is missing: a vote has a key, keys, a text or texts")
	case len(answers) > 1:
		return b, fault.Field(answers[1], "must be left out where %s is given", answers[0])
	case v.Seq < 0 || v.Seq > maxSeq:
		return b, fault.Field("seq", "must be between 0 and %d", int64(maxSeq))
	}
	if v.Pass != nil {
		b.Pass = []byte(*v.Pass)
	} else if b.VoterID, err = web.ParseID("client_id", *v.ClientID); err != nil {
		return b, fault.Field("client_id", "must be a UUID and not the nil UUID")
	}
	switch {
	case v.Key != nil:
		b.Keys = []string{*v.Key}
	case v.Keys != nil:
		b.Keys = *v.Keys
	case v.Text != nil:
		b.Texts = []string{*v.Text}
	default:
		b.Texts = *v.Texts
	}
	b.Seq = v.Seq
	b.PollID, err = web.ParseID("poll_id", *v.PollID)
	return b, err
}

// answers gives the names of the members that hold an answer.
func (v *newVote) answers() (names []string) {
	for _, m := range []struct {
		name  string
		there bool
	}{{"key", v.Key != nil}, {"keys", v.Keys != nil}, {"text", v.Text != nil},
		{"texts", v.Texts != nil}} {
		if m.there {
			names = append(names, m.name)
		}
	}
	return names
}

// ParseVote reads a request's vote and checks all of it that needs no look-up. Exported for the
// benchmark's no-op, which does this and nothing else.
func ParseVote(c *fiber.Ctx) (b intake.Ballot, err error) {
	if len(c.Request().Body()) > fast.MaxBody {
		return b, fault.Errorf(fault.TooLarge, "a vote has at most %d bytes", fast.MaxBody)
	}
	if err := web.IsJSON(c); err != nil {
		return b, err
	}
	if ballot, ok := fast.Ballot(c.Request().Body()); ok {
		return ballot, nil
	}
	// encoding/json would put something else in its place, and a text would be counted so
	if !utf8.Valid(c.Request().Body()) {
		return b, fault.Field("body", "is no JSON: it is not UTF-8")
	}
	var body newVote
	if err := web.Unmarshal(c, &body); err != nil {
		return b, err
	}
	return body.ballot()
}

func postVote(c *call) error {
	ballot, err := ParseVote(c.Ctx)
	if err != nil {
		return err
	}
	id, err := web.ParseID("presentation_id", c.Params("id"))
	if err != nil {
		return err
	}
	wait, applied := web.Preference(web.Lines(c.Ctx, "Prefer"), intake.DefaultWait, intake.Deadline)
	receipt, err := c.Intake.Cast(c.Site.Requests, id, ballot, intake.Wait(wait))
	if applied != "" {
		c.Set("Preference-Applied", applied)
	}
	if err != nil {
		return err
	}
	if receipt.VoteID != uuid.Nil {
		c.Response().Header.SetCanonical(headerVoteID, []byte(receipt.VoteID.String()))
	}
	switch receipt.Verdict {
	case poll.Superseded:
		c.Response().Header.SetCanonical(headerSuperseded, superseded)
	case 0:
		c.Status(http.StatusAccepted).Response().Header.SetContentType(fiber.MIMEApplicationJSON)
		return c.Send(fast.AcceptedBody)
	}
	return c.SendStatus(http.StatusNoContent)
}
