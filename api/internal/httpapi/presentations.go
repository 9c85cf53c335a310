package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
)

// codeTries is how many join codes are tried for a new presentation. With a million presentations stored one in 400
// codes is taken.
const codeTries = 10

type newPresentation struct {
	Title            string    `json:"title"`
	Polls            []newPoll `json:"polls"`
	CurrentPollIndex *int      `json:"current_poll_index,omitempty"`
	newAdmission
}

// newAdmission says who may vote, as a presenter writes it.
type newAdmission struct {
	Voters    *poll.Voters `json:"voters,omitempty"`
	MaxVoters *int         `json:"max_voters,omitempty"`
	Passcode  *string      `json:"passcode,omitempty"`
}

func (n newAdmission) admission() (a poll.Admission) {
	if n.Voters != nil {
		a.Voters = *n.Voters
	}
	if n.MaxVoters != nil {
		a.MaxVoters = *n.MaxVoters
	}
	if n.Passcode != nil {
		a.Passcode = *n.Passcode
	}
	return a
}

// newPoll is a poll as a presenter writes it.
type newPoll struct {
	Question   string          `json:"question"`
	Kind       poll.Kind       `json:"kind"`
	MaxChoices int             `json:"max_choices"`
	Options    []wireOption    `json:"options,omitempty"`
	Visibility poll.Visibility `json:"results_visibility"`
	Banned     []string        `json:"banned_words,omitempty"`
}

func (n newPoll) poll() poll.Poll {
	return poll.Poll{
		Question: n.Question, Kind: n.Kind, MaxChoices: n.MaxChoices, Options: fromWire(n.Options), Visibility: n.Visibility, Banned: n.Banned,
	}
}

func fromWire(options []wireOption) []poll.Option {
	list := make([]poll.Option, len(options))
	for i, o := range options {
		list[i] = poll.Option(o)
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
	if err == nil {
		err = p.Admit(n.admission())
	}
	return p, err
}

func create(c *call) error {
	var body newPresentation
	if err := decode(c.Ctx, &body); err != nil {
		return err
	}
	p, err := body.presentation()
	if err != nil {
		return err
	}
	token, hash := poll.NewToken()
	p.TokenHash = hash
	ctx, cancel := c.timeout()
	defer cancel()
	for range codeTries {
		p.JoinCode = poll.NewJoinCode()
		if err = c.Store.Create(ctx, p); poll.KindOf(err) != poll.Conflict {
			break
		}
	}
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderLocation, Base+"/presentations/"+p.ID.String())
	return c.Status(http.StatusCreated).JSON(fiber.Map{
		"presentation_id": p.ID, "join_code": p.JoinCode, "presenter_token": token,
	})
}

func getPresentation(c *call) error {
	id, err := parseID("presentation_id", c.Params("id"))
	if err != nil {
		return err
	}
	ctx, cancel := c.timeout()
	defer cancel()
	p, states, err := c.Store.Presentation(ctx, id)
	if err != nil {
		return err
	}
	return c.presentation(p, states, c.allow(p.TokenHash) == nil)
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

// presentation answers a presentation. Polls that nobody has seen are for the presenter only; one that was reset on the slide
// is seen.
func (c *call) presentation(p poll.Presentation, states []poll.State, presenter bool) error {
	polls := []statedPoll{}
	for i := range p.Polls {
		if presenter || states[i].Status != poll.Pending || p.Slide.Displayed && p.Slide.Index == i {
			polls = append(polls, toStated(&p.Polls[i], states[i].Status, presenter))
		}
	}
	var current *int
	if p.Slide.Displayed {
		current = &p.Slide.Index
	}
	// The tag is the version, for a transition's If-Match. It does not tell one content from another: an edit keeps it, and the
	// presenter sees more under it. So nobody may keep the answer, and there is no 304.
	c.Set(fiber.HeaderETag, etag(p.Slide.Version))
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Vary(fiber.HeaderAuthorization)
	all := fiber.Map{
		"presentation_id": p.ID, "title": p.Title, "join_code": p.JoinCode, "version": p.Slide.Version,
		"current_poll_index": current, "polls": polls, "voters": p.Voters, "passcode_required": p.Passcode != "",
	}
	if presenter {
		all["max_voters"], all["passcode"] = p.MaxVoters, p.Passcode
	}
	return c.JSON(all)
}

func join(c *call) error {
	code, err := url.PathUnescape(c.Params("code"))
	if err != nil {
		return poll.Errorf(poll.NotFound, "no presentation has this code")
	}
	ctx, cancel := c.timeout()
	defer cancel()
	id, title, err := c.Store.Join(ctx, poll.CleanJoinCode(code))
	if err != nil {
		return err
	}
	display, _, err := c.Cache.Display(ctx, id, time.Time{})
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{
		"presentation_id": id, "title": title, "voters": display.Voters, "passcode_required": display.Passcode != "",
	})
}

// timeout gives the context of a request's calls. It is not the request's own: Fiber ends that one as soon as the
// server begins to stop, when requests must still get their answers.
func (c *call) timeout() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.server.requests, callTimeout)
}

// presenter checks that the request comes from a presentation's presenter. NotFound comes before anything about tokens.
func (c *call) presenter(ctx context.Context, id uuid.UUID) error {
	hash, err := c.Store.TokenHash(ctx, id)
	if err != nil {
		return err
	}
	return c.allow(hash)
}

// isPresenter says whether the request comes from a presentation's presenter, where everybody may make it. What is no token of
// theirs is as none. Without one nothing is read, nor asked whether there is such a presentation.
func (c *call) isPresenter(ctx context.Context, id uuid.UUID) (bool, error) {
	if c.server.Open || c.Get(fiber.HeaderAuthorization) == "" {
		return c.server.Open, nil
	}
	err := c.presenter(ctx, id)
	if kind := poll.KindOf(err); kind == unauthorized || kind == forbidden {
		return false, nil
	}
	return err == nil, err
}

// allow checks the request's token against a hash.
func (c *call) allow(hash [32]byte) error {
	if c.server.Open {
		return nil
	}
	scheme, token, _ := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return poll.Errorf(unauthorized, "this needs the presenter's token")
	}
	if !poll.TokenMatches(token, hash) {
		return poll.Errorf(forbidden, "this is not the token of this presentation's presenter")
	}
	return nil
}
