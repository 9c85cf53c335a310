package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/intake"
	"github.com/plenary-live/plenary/pkg/poll"
)

// maxSeq is the largest integer that every JSON implementation keeps exact (RFC 8259, section 6).
const maxSeq = 1<<53 - 1

const acceptedBody = `{"status":"accepted"}`

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

// ballot checks what was sent, before anything is looked up. The poll's id is checked last: only what is right
// otherwise may be told that it names nothing.
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
	} else if b.VoterID, err = parseID("client_id", *v.ClientID); err != nil {
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
	b.PollID, err = parseID("poll_id", *v.PollID)
	return b, err
}

// answers gives the names of the members that hold an answer.
func (v *newVote) answers() (names []string) {
	for _, m := range []struct {
		name  string
		there bool
	}{{"key", v.Key != nil}, {"keys", v.Keys != nil}, {"text", v.Text != nil}, {"texts", v.Texts != nil}} {
		if m.there {
			names = append(names, m.name)
		}
	}
	return names
}

// ParseVote reads a request's vote and checks all of it that needs no look-up. Exported for the benchmark's no-op, which
// does this and nothing else.
func ParseVote(c *fiber.Ctx) (b intake.Ballot, err error) {
	if len(c.Request().Body()) > maxVoteBody {
		return b, fault.Errorf(fault.TooLarge, "a vote has at most %d bytes", maxVoteBody)
	}
	if err := isJSON(c); err != nil {
		return b, err
	}
	if ballot, ok := quickBallot(c.Request().Body()); ok {
		return ballot, nil
	}
	if !utf8.Valid(c.Request().Body()) { // encoding/json would put something else in its place, and a text would be counted so
		return b, fault.Field("body", "is no JSON: it is not UTF-8")
	}
	var body newVote
	if err := unmarshal(c, &body); err != nil {
		return b, err
	}
	return body.ballot()
}

func postVote(c *call) error {
	ballot, err := ParseVote(c.Ctx)
	if err != nil {
		return err
	}
	id, err := parseID("presentation_id", c.Params("id"))
	if err != nil {
		return err
	}
	wait, applied := preference(lines(c.Ctx, "Prefer"))
	receipt, err := c.cast(id, ballot, wait)
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
		return c.SendString(acceptedBody)
	}
	return c.SendStatus(http.StatusNoContent)
}

// cast takes a vote, unless that was done and only its answer is left (takeVote).
func (c *call) cast(id uuid.UUID, ballot intake.Ballot, wait intake.Wait) (intake.Receipt, error) {
	if v := refused(c.Ctx); v != nil {
		return v.receipt, v.err
	}
	return c.Intake.Cast(c.server.requests, id, ballot, wait)
}

// preference reads a Prefer header (RFC 7240) and gives what to say was applied. What it does not know it ignores, as
// the RFC asks. The first of several preferences with one name counts.
func preference(header string) (wait intake.Wait, applied string) {
	wait = intake.Wait{For: intake.DefaultWait}
	if header == "" {
		return wait, ""
	}
	var said []string
	waited := false
	for p := range strings.SplitSeq(header, ",") {
		p, _, _ = strings.Cut(p, ";")
		name, value, _ := strings.Cut(p, "=")
		switch name = strings.ToLower(strings.TrimSpace(name)); {
		case name == "respond-async" && !wait.Async:
			wait.Async = true
			said = append(said, name)
		case name == "wait" && !waited:
			seconds, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 32)
			if err != nil {
				continue
			}
			waited = true
			wait.For = min(time.Duration(seconds)*time.Second, intake.Deadline)
			said = append(said, "wait="+strconv.Itoa(int(wait.For/time.Second)))
		}
	}
	if waited { // RFC 7240, section 4.3: with both, the answer is asynchronous only when the wait is over
		wait.Async = false
	}
	return wait, strings.Join(said, ", ")
}
