package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/intake"
	"github.com/plenary-live/plenary/pkg/poll"
)

// maxSeq is the largest integer that every JSON implementation keeps exact (RFC 8259, section 6).
const maxSeq = 1<<53 - 1

type newVote struct {
	PollID   *string   `json:"poll_id"`
	Key      *string   `json:"key"`
	Keys     *[]string `json:"keys"`
	ClientID *string   `json:"client_id"`
	Seq      int64     `json:"seq"`
}

// ballot checks what was sent, before anything is looked up. The poll's id is checked last: only what is right
// otherwise may be told that it names nothing.
func (v *newVote) ballot() (b intake.Ballot, err error) {
	switch {
	case v.PollID == nil:
		return b, poll.Field("poll_id", "is missing")
	case v.ClientID == nil:
		return b, poll.Field("client_id", "is missing")
	case v.Key == nil && v.Keys == nil:
		return b, poll.Field("key", "is missing")
	case v.Key != nil && v.Keys != nil:
		return b, poll.Field("keys", "must be left out where key is given")
	case v.Keys != nil && len(*v.Keys) == 0:
		return b, poll.Field("keys", "must name an option")
	case v.Seq < 0 || v.Seq > maxSeq:
		return b, poll.Field("seq", "must be between 0 and %d", int64(maxSeq))
	}
	if b.VoterID, err = parseID("client_id", *v.ClientID); err != nil {
		return b, poll.Field("client_id", "must be a UUID and not the nil UUID")
	}
	if v.Key != nil {
		b.Keys = []string{*v.Key}
	} else {
		b.Keys = *v.Keys
	}
	b.Seq = v.Seq
	b.PollID, err = parseID("poll_id", *v.PollID)
	return b, err
}

// ParseVote reads a request's vote and checks all of it that needs no look-up. Exported for the benchmark's no-op, which
// does this and nothing else.
func ParseVote(c *fiber.Ctx) (b intake.Ballot, err error) {
	if len(c.Request().Body()) > maxVoteBody {
		return b, poll.Errorf(payloadTooLarge, "a vote has at most %d bytes", maxVoteBody)
	}
	if err := isJSON(c); err != nil {
		return b, err
	}
	if ballot, ok := quickBallot(c.Request().Body()); ok {
		return ballot, nil
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
	receipt, err := c.Intake.Cast(c.server.requests, id, ballot, wait)
	if applied != "" {
		c.Set("Preference-Applied", applied)
	}
	if err != nil {
		return err
	}
	if receipt.VoteID != uuid.Nil {
		c.Response().Header.SetCanonical(headerVoteID, []byte(receipt.VoteID.String()))
	}
	if receipt.Verdict == 0 {
		c.Status(http.StatusAccepted).Response().Header.SetContentType(fiber.MIMEApplicationJSON)
		return c.SendString(`{"status":"accepted"}`)
	}
	return c.SendStatus(http.StatusNoContent)
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
