package polls

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/queue"
)

type newPresentation struct {
	Title            string         `json:"title"`
	Polls            []newPoll      `json:"polls"`
	CurrentPollIndex *int           `json:"current_poll_index,omitempty"`
	Voters           *access.Voters `json:"voters,omitempty"`
	MaxVoters        *int           `json:"max_voters,omitempty"`
	Passcode         *string        `json:"passcode,omitempty"`
	TalkID           link           `json:"talk_id,omitempty"`
}

func (n *newPresentation) admission() (a access.Admission, err error) {
	if n.Voters != nil {
		if *n.Voters == "" { // which is said, and is none
			return a, fault.Field("voters", access.OneOf)
		}
		a.Voters = *n.Voters
	}
	if n.MaxVoters != nil {
		a.MaxVoters = *n.MaxVoters
	}
	if n.Passcode != nil {
		a.Passcode = *n.Passcode
	}
	return a, nil
}

// link names something that another feature has by its id, as it was sent: empty where it was left
// out.
type link json.RawMessage

// UnmarshalJSON implements json.Unmarshaler. Whether it names anything is for read to say.
func (l *link) UnmarshalJSON(value []byte) error {
	*l = slices.Clone(value)
	return nil
}

// read gives the id, and whether anything was said. null is said, and names nothing. Errors:
// Invalid.
func (l link) read(field string) (id uuid.UUID, said bool, err error) {
	if len(l) == 0 || string(l) == "null" {
		return uuid.Nil, len(l) > 0, nil
	}
	var text string
	if err = json.Unmarshal(l, &text); err == nil {
		id, err = web.ParseID(field, text)
	}
	if err != nil { // here it is a mistake, whatever is wrong with it
		return uuid.Nil, true, fault.Field(field, "must be a UUID and not the nil UUID, or null")
	}
	return id, true, nil
}

// newPoll is a poll as a presenter writes it.
type newPoll struct {
	Question   string          `json:"question"`
	Kind       question.Kind   `json:"kind"`
	MaxChoices int             `json:"max_choices"`
	Options    []wireOption    `json:"options,omitempty"`
	Visibility poll.Visibility `json:"results_visibility"`
	Banned     []string        `json:"banned_words,omitempty"`
}

func (n newPoll) poll() poll.Poll {
	return poll.Poll{
		Question: question.Question{
			Text: n.Question, Kind: n.Kind, MaxChoices: n.MaxChoices, Options: fromWire(
				n.Options), Banned: n.Banned,
		},
		Visibility: n.Visibility,
	}
}

func fromWire(options []wireOption) []question.Option {
	list := make([]question.Option, len(options))
	for i, o := range options {
		list[i] = question.Option(o)
	}
	return list
}

func (n newPresentation) presentation() (poll.Presentation, error) {
	polls := make([]poll.Poll, len(n.Polls))
	for i, q := range n.Polls {
		polls[i] = q.poll()
	}
	p, err := poll.New(n.Title, polls)
	if err == nil && n.CurrentPollIndex != nil {
		err = p.Open(*n.CurrentPollIndex)
	}
	var a access.Admission
	if err == nil {
		a, err = n.admission()
	}
	if err == nil {
		err = p.Admit(a)
	}
	if talkID, said, wrong := n.TalkID.read("talk_id"); err == nil && said {
		p.TalkID, err = talkID, wrong
	}
	return p, err
}

func create(c *call) error {
	if err := c.polls.Door.Enter("a presentation", c.CreateKey(), c.Address()); err != nil {
		return err
	}
	// a look: what is no presentation costs nothing
	if err := c.tooMany(c.polls.bounds.creation.Wait(c.Address())); err != nil {
		return err
	}
	ctx, done, err := c.change()
	if err != nil {
		return err
	}
	defer done()
	var body newPresentation
	if err := c.Decode(&body); err != nil {
		return err
	}
	p, err := body.presentation()
	if err != nil {
		return err
	}
	if err := c.tooMany(c.polls.bounds.creation.Take(c.Address())); err != nil {
		return err
	}
	token, hash := access.NewToken()
	p.TokenHash, p.Account = hash, c.account
	p.Partition = queue.Partition(p.ID, max(c.Spread, 1))
	_, err = freeCode(func(code string) error {
		p.JoinCode = code
		return c.Store.Create(ctx, p)
	})
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderLocation, web.Base+"/presentations/"+p.ID.String())
	return c.Status(http.StatusCreated).JSON(fiber.Map{
		"presentation_id": p.ID, "join_code": p.JoinCode, "presenter_token": token,
	})
}

// tooMany refuses an address that has to wait until it may create another presentation.
func (c *call) tooMany(wait time.Duration) error {
	if wait == 0 {
		return nil
	}
	return fault.BusyFor(wait, "this address has created %d presentations within a minute",
		c.polls.CreateLimit)
}

func getPresentation(c *call) error {
	id, err := web.ParseID("presentation_id", c.Params("id"))
	if err != nil {
		return err
	}
	return c.readPresentation(id)
}

// readPresentation answers with a presentation as it is now, to whoever asks.
func (c *call) readPresentation(id uuid.UUID) error {
	ctx, done, err := c.load()
	if err != nil {
		return err
	}
	defer done()
	p, states, err := c.Store.Presentation(ctx, id)
	if err != nil {
		return err
	}
	c.use(id)
	return c.presentation(p, states, c.roleOf(&p.Tokens))
}

// statedPoll is a poll with what became of it.
type statedPoll struct {
	wirePoll
	Status poll.Status `json:"status"`
	Banned *[]string   `json:"banned_words,omitempty"` // for the presenter
}

func toStated(p *poll.Poll, status poll.Status, presenter bool) statedPoll {
	s := statedPoll{wirePoll: toWire(p), Status: status}
	if presenter {
		banned := append([]string{}, p.Banned...)
		s.Banned = &banned
	}
	return s
}

// presentation answers a presentation. Polls that nobody has seen are for those who present; one
// that was reset on the slide is seen.
func (c *call) presentation(p poll.Presentation, states []poll.State, role access.Role) error {
	polls := []statedPoll{}
	for i := range p.Polls {
		if role >= toSee || states[i].Status != poll.Pending ||
			p.Slide.Displayed && p.Slide.Index == i {
			polls = append(polls, toStated(&p.Polls[i], states[i].Status, role >= toEdit))
		}
	}
	var current *int
	if p.Slide.Displayed {
		current = &p.Slide.Index
	}
	// The tag is for the If-Match of a transition or an edit. It does not tell one content from
	// another: a poll becomes final under it, and the presenter sees more. So nobody may keep the
	// answer, and there is no 304.
	c.Set(fiber.HeaderETag, standTag(p.Slide.Version, p.Edits))
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Vary(fiber.HeaderAuthorization)
	all := fiber.Map{
		"presentation_id": p.ID, "title": p.Title, "join_code": p.JoinCode,
		"version":            p.Slide.Version,
		"current_poll_index": current, "polls": polls, "role": role.String(), "voters": p.Voters,
		"passcode_required": p.Passcode != "",
		"talk_id":           toLink(p.TalkID), "over": p.Slide.Over(len(p.Polls)),
	}
	if role >= toSee {
		all["max_voters"], all["passcode"] = p.MaxVoters, p.Passcode
	}
	return c.JSON(all)
}

func join(c *call) error {
	code, err := url.PathUnescape(c.Params("code"))
	if err != nil {
		code = ""
	}
	found, err := c.polls.bounds.codes.look(c.Address(), access.CleanCode(code),
		func(code string) (found joined, err error) {
			ctx, cancel := c.Timeout()
			defer cancel()
			found.id, found.title, err = c.Store.Join(ctx, code)
			return found, err
		})
	if err != nil {
		return err
	}
	ctx, cancel := c.Timeout()
	defer cancel()
	display, _, err := c.Cache.Display(ctx, found.id, time.Time{}) // which is a use, too
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{
		"presentation_id": found.id, "title": found.title, "voters": display.Voters,
		"passcode_required": display.Passcode != "",
	})
}
