package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
)

// The bodies of section 5 of the design.
type (
	// Option is one answer of a poll.
	Option struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	}
	// NewPoll is a poll to create.
	NewPoll struct {
		Question   string   `json:"question"`
		Kind       string   `json:"kind,omitempty"`
		MaxChoices int      `json:"max_choices,omitempty"`
		Options    []Option `json:"options,omitempty"`
		Visibility string   `json:"results_visibility,omitempty"`
		Banned     []string `json:"banned_words,omitempty"`
	}
	// NewPresentation is a presentation to create.
	NewPresentation struct {
		Title            string    `json:"title,omitempty"`
		Polls            []NewPoll `json:"polls"`
		CurrentPollIndex *int      `json:"current_poll_index,omitempty"`
		Voters           string    `json:"voters,omitempty"`
		MaxVoters        int       `json:"max_voters,omitempty"`
		Passcode         string    `json:"passcode,omitempty"`
	}
	// Created is what creating a presentation gives.
	Created struct {
		PresentationID string `json:"presentation_id"`
		JoinCode       string `json:"join_code"`
		PresenterToken string `json:"presenter_token"`
	}
	// Joined is what a join code gives.
	Joined struct {
		PresentationID   string `json:"presentation_id"`
		Title            string `json:"title"`
		Voters           string `json:"voters"`
		PasscodeRequired bool   `json:"passcode_required"`
	}
	// Pass is what a voter is given.
	Pass struct {
		Pass    string    `json:"pass"`
		Expires time.Time `json:"expires_at"`
	}
	// Poll is a poll of a presentation.
	Poll struct {
		PollID     string   `json:"poll_id"`
		Question   string   `json:"question"`
		Kind       string   `json:"kind"`
		MaxChoices int      `json:"max_choices"`
		Options    []Option `json:"options"`
		Visibility string   `json:"results_visibility"`
		Status     string   `json:"status"`
		Banned     []string `json:"banned_words"` // nil: not said
	}
	// Presentation is a presentation as it is read.
	Presentation struct {
		PresentationID   string `json:"presentation_id"`
		Title            string `json:"title"`
		JoinCode         string `json:"join_code"`
		Version          int64  `json:"version"`
		CurrentPollIndex *int   `json:"current_poll_index"`
		Polls            []Poll `json:"polls"`
		Role             string `json:"role"`
		PasscodeRequired bool   `json:"passcode_required"`

		Voters    string  `json:"voters"`
		MaxVoters *int    `json:"max_voters"` // nil: not said, as for Passcode
		Passcode  *string `json:"passcode"`

		TalkID *string `json:"talk_id"` // nil: none, or not said, as for Over
		Over   bool    `json:"over"`
	}
	// Displayed is the poll on the slide.
	Displayed struct {
		PollID     string   `json:"poll_id"`
		Question   string   `json:"question"`
		Kind       string   `json:"kind"`
		MaxChoices int      `json:"max_choices"`
		Options    []Option `json:"options"`
		Visibility string   `json:"results_visibility"`
		Version    int64    `json:"version"`
		Voting     string   `json:"voting"`
	}
	// Ballot is a vote to cast.
	Ballot struct {
		PollID   string   `json:"poll_id"`
		Key      string   `json:"key,omitempty"`
		Keys     []string `json:"keys,omitempty"`
		Text     string   `json:"text,omitempty"`
		Texts    []string `json:"texts,omitempty"`
		ClientID string   `json:"client_id,omitempty"`
		Pass     string   `json:"pass,omitempty"`
		Seq      int64    `json:"seq,omitempty"`
	}
	// Tally is an option with its count.
	Tally struct {
		Key   string `json:"key"`
		Value string `json:"value"`
		Count int64  `json:"count"`
	}
	// Word is a word of free text with its count.
	Word struct {
		Text  string `json:"text"`
		Count int64  `json:"count"`
	}
	// Results is what people see of a poll.
	Results struct {
		PollID   string   `json:"poll_id"`
		Status   string   `json:"status"`
		Version  int64    `json:"version"`
		Revision int64    `json:"revision"`
		Total    int64    `json:"total"`
		Options  []Tally  `json:"options"`
		Words    []Word   `json:"words"` // nil: the poll is not of free text
		Mean     *float64 `json:"mean"`
		Median   *float64 `json:"median"`
		Mended   int      `json:"mended"`
		Hidden   bool     `json:"hidden"`
		Identity string   `json:"identity"`

		WordsTotal int `json:"words_total"`
	}
	// CountedVote is a line of the votes list.
	CountedVote struct {
		ClientID string   `json:"client_id"`
		VoterID  string   `json:"voter_id"` // of a voter with a pass
		Key      string   `json:"key"`
		Keys     []string `json:"keys"`
		Text     string   `json:"text"`
		Texts    []string `json:"texts"`
		CastAt   string   `json:"cast_at"`
	}
)

// Counts gives the count per key.
func (r Results) Counts() map[string]int64 {
	counts := map[string]int64{}
	for _, o := range r.Options {
		counts[o.Key] = o.Count
	}
	return counts
}

// Room is a presentation seen through one address of a system.
type Room struct {
	*Client
	Created
	Polls []Poll // all of them, as they were created
}

// Base is where the routes begin.
const Base = "/api/v1"

// Create makes a presentation and reads its polls. A failed test ends here.
func (c *Client) Create(n NewPresentation) *Room {
	c.tb.Helper()
	r := &Room{Client: c}
	c.read(Request{Method: http.MethodPost, Path: Base + "/presentations", JSON: n}, &r.Created)
	r.Polls = r.Presentation(true).Polls
	if len(r.Polls) != len(n.Polls) {
		c.tb.Fatalf("%d polls were created, %d are there", len(n.Polls), len(r.Polls))
	}
	return r
}

// Through is the same presentation seen through another client.
func (r *Room) Through(c *Client) *Room { return &Room{c, r.Created, r.Polls} }

// Path is the path of something in the presentation: "", "/polls/current", …
func (r *Room) Path(rest string) string {
	return Base + "/presentations/" +
		r.PresentationID + rest
}

// Presentation reads the presentation, as its presenter or as anybody.
func (r *Room) Presentation(asPresenter bool) (p Presentation) {
	r.tb.Helper()
	r.read(Request{Method: http.MethodGet, Path: r.Path(""), Token: r.tokenIf(asPresenter)}, &p)
	return p
}

// Move asks for what body says, "" for the next poll, and gives whatever the answer is.
func (r *Room) Move(body any, header map[string]string) *Answer {
	r.tb.Helper()
	return r.Do(Request{Method: http.MethodPut, Path: r.Path("/polls/current"),
		Token: r.PresenterToken, JSON: body, Header: header})
}

// Next displays the next poll.
func (r *Room) Next() (d Displayed) {
	r.tb.Helper()
	return r.moved(nil)
}

// Previous displays the poll before.
func (r *Room) Previous() Displayed {
	r.tb.Helper()
	return r.moved(map[string]string{"move": "previous"})
}

// Show displays a poll by its id.
func (r *Room) Show(pollID string) Displayed {
	r.tb.Helper()
	return r.moved(map[string]string{"poll_id": pollID})
}

func (r *Room) moved(body any) (d Displayed) {
	r.tb.Helper()
	a := r.read(Request{Method: http.MethodPut, Path: r.Path("/polls/current"),
		Token: r.PresenterToken, JSON: body}, &d)
	if want := fmt.Sprintf(`"%d"`, d.Version); a.Status == http.StatusOK &&
		a.Header.Get("ETag") != want {
		r.tb.Errorf("the ETag is %s, not %s", a.Header.Get("ETag"), want)
	}
	return d
}

// Clear displays nothing.
func (r *Room) Clear() *Answer {
	r.tb.Helper()
	return r.Do(Request{Method: http.MethodDelete, Path: r.Path("/polls/current"),
		Token: r.PresenterToken})
}

// Current asks what is displayed and gives whatever the answer is.
func (r *Room) Current() *Answer {
	r.tb.Helper()
	return r.Do(Request{Method: http.MethodGet, Path: r.Path("/polls/current")})
}

// Cast sends a vote once and gives whatever the answer is. It asks for as much patience as there
// is, so that a busy machine does not turn a 204 into a 202.
func (r *Room) Cast(b Ballot) *Answer {
	r.tb.Helper()
	return r.Do(r.ballot(b))
}

func (r *Room) ballot(b Ballot) Request {
	return Request{
		Method: http.MethodPost, Path: r.Path("/polls/current/votes"), JSON: b,
		Header: map[string]string{"Prefer": "wait=5"},
	}
}

// Vote casts a vote for one option until it is counted. On a busy machine an answer may be 202 or
// 503. After both of these a client may send it again.
func (r *Room) Vote(pollID, voter, key string) {
	r.tb.Helper()
	r.Count(Ballot{PollID: pollID, ClientID: voter, Key: key})
}

// Count is Vote for any ballot.
func (r *Room) Count(b Ballot) {
	r.tb.Helper()
	var a *Answer
	for range 10 {
		switch a = r.Cast(b); a.Status {
		case http.StatusNoContent:
			return
		case http.StatusAccepted, http.StatusServiceUnavailable:
			// as Retry-After asks, but the test has less patience
			time.Sleep(100 * time.Millisecond)
		default:
			r.tb.Errorf("vote %+v: %v", b, a)
			return
		}
	}
	r.tb.Errorf("vote %+v is not counted after ten tries: %v", b, a)
}

// Results reads a poll's results, as the presenter does.
func (r *Room) Results(pollID string) (res Results) {
	r.tb.Helper()
	r.read(Request{Method: http.MethodGet, Path: r.Path("/polls/" + pollID + "/results"),
		Token: r.PresenterToken}, &res)
	return res
}

// Votes reads a poll's votes list, without the times at which the votes were cast, which are never
// the same again.
func (r *Room) Votes(pollID string) (votes []CountedVote) {
	r.tb.Helper()
	votes = r.VotesWithTimes(pollID)
	for i := range votes {
		votes[i].CastAt = ""
	}
	return votes
}

// VotesWithTimes reads a poll's votes list.
func (r *Room) VotesWithTimes(pollID string) (votes []CountedVote) {
	r.tb.Helper()
	r.read(Request{Method: http.MethodGet, Path: r.Path("/polls/" + pollID + "/votes"),
		Token: r.PresenterToken}, &votes)
	return votes
}

// Recount reads the results and the votes list. It reports when the tallies are not what the list
// adds up to, or when a voter is in it twice. Nobody may vote meanwhile.
func (r *Room) Recount(pollID string) Results {
	r.tb.Helper()
	res := r.Results(pollID)
	r.recount(res, r.Votes(pollID))
	return res
}

func (r *Room) recount(res Results, votes []CountedVote) {
	r.tb.Helper()
	counts, words, voters := map[string]int64{}, map[string]int64{}, map[string]bool{}
	cloud := false
	for _, v := range votes {
		voter := v.ClientID + v.VoterID // one of them, as everybody's
		if voters[voter] {
			r.tb.Errorf("voter %s is in the votes list twice", voter)
		}
		if v.ClientID != "" && v.VoterID != "" || (v.ClientID != "") != (res.Identity == "client") {
			r.tb.Errorf("the voter %+v of a poll with the identity %q", v, res.Identity)
		}
		voters[voter] = true
		if v.Key != "" {
			counts[v.Key]++
		}
		for _, key := range v.Keys {
			counts[key]++
		}
		if v.Text != "" {
			words[v.Text]++
		}
		if len(v.Texts) > 0 {
			cloud = true
			for _, word := range question.WordCloud.Words(question.Answer(strings.Join(v.Texts,
				"\n"))) {
				words[word]++
			}
		}
	}
	if len(res.Words) != min(len(words), poll.MaxWords) {
		r.tb.Errorf("the results have %d words, the votes list has %d", len(res.Words), len(words))
	}
	for _, w := range res.Words {
		word := w.Text
		if cloud {
			// it is shown as most people wrote it
			word = question.WordCloud.Words(question.Answer(word))[0]
		}
		if words[word] != w.Count {
			r.tb.Errorf("the count of %q is %d, the votes list has %d", w.Text,
				w.Count, words[word])
		}
	}
	if res.Total != int64(len(votes)) {
		r.tb.Errorf("the total is %d, the votes list has %d lines", res.Total, len(votes))
	}
	for key, n := range res.Counts() {
		if counts[key] != n {
			r.tb.Errorf("the tally of %s is %d, the votes list has %d", key, n, counts[key])
		}
	}
}

func (r *Room) tokenIf(asPresenter bool) string {
	if asPresenter {
		return r.PresenterToken
	}
	return ""
}

// NewVoter makes a voter's id.
func NewVoter() string { return uuid.NewString() }
