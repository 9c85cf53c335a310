package chaos

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/plenary-live/plenary/test/chaos/check"
)

const roomPolls = 5

// kind is one of polls, with what people may answer to it: an answer's i-th bit is the i-th of
// these.
type kind struct {
	name    string
	answers []string
	several bool // one answer may be any of these
}

var kinds = [roomPolls]kind{
	{"choice", letters, false},
	{"choice", letters, false},
	{"multiple", letters, true},
	{"rating", []string{"1", "2", "3", "4", "5"}, false},
	{"word_cloud", []string{"berlin", "madrid", "paris", "rome"}, true},
}

var letters = []string{"A", "B", "C", "D"}

// own says whether people answer in words of their own, as far as the poll knows.
func (k *kind) own() bool { return k.name == "word_cloud" }

// room is a presentation and its presenter.
type room struct {
	crowd     *Crowd
	number    int32
	id, token string
	passes    bool     // its voters have passes
	polls     []string // ids
	shown     atomic.Int32
	before    atomic.Int32 // the poll that was shown before
	version   int64
	moves     []check.Move
	odd       []string // answers that the presenter should never get
}

// poll gives the number of the room's i-th poll among all.
func (r *room) poll(i int) int32 { return r.number*roomPolls + int32(i) }

// newRoom makes a presentation at a door. Nothing is wrong there, so nothing may go wrong.
func newRoom(c *Crowd, door *client, number int32, passes bool) (*room, error) {
	type option struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	}
	type newPoll struct {
		Question   string   `json:"question"`
		Kind       string   `json:"kind"`
		MaxChoices int      `json:"max_choices,omitempty"`
		Options    []option `json:"options,omitempty"`
	}
	var all []option
	for _, key := range letters {
		all = append(all, option{key, "Answer " + key})
	}
	polls := make([]newPoll, roomPolls)
	for i := range polls {
		k := &kinds[i]
		polls[i] = newPoll{Question: fmt.Sprintf("Question %d?", i+1), Kind: k.name}
		if k.several {
			polls[i].MaxChoices = len(k.answers)
		}
		if k.name != "rating" && !k.own() {
			polls[i].Options = all
		}
	}
	body, err := json.Marshal(map[string]any{"title": "Chaos", "polls": polls,
		"voters": map[bool]string{true: "pass", false: "anyone"}[passes]})
	if err != nil {
		return nil, err
	}
	a := door.send(request{method: "POST", path: base, body: body}, 10*time.Second)
	var created struct {
		PresentationID string `json:"presentation_id"`
		PresenterToken string `json:"presenter_token"`
	}
	if err := json.Unmarshal(a.body, &created); err != nil || a.status != 201 {
		return nil, fmt.Errorf("create a presentation: %v", a)
	}
	r := &room{crowd: c, number: number, id: created.PresentationID,
		token: created.PresenterToken, passes: passes}
	r.shown.Store(-1)
	r.before.Store(-1)
	var seen presentation
	if _, ok := door.get(r.path(""), r.token, &seen); !ok || len(seen.Polls) != roomPolls {
		return nil, fmt.Errorf("read the presentation %s", r.id)
	}
	for _, p := range seen.Polls {
		r.polls = append(r.polls, p.PollID)
	}
	return r, nil
}

const base = "/api/v1/presentations"

func (r *room) path(rest string) string { return base + "/" + r.id + rest }

type presentation struct {
	Version int64 `json:"version"`
	Index   *int  `json:"current_poll_index"`
	Polls   []struct {
		PollID string `json:"poll_id"`
		Status string `json:"status"`
	} `json:"polls"`
}

// Where a presenter may move to instead of a poll.
const (
	nothing = -1 // an empty slide
	closed  = -2 // what is displayed stays, and voting for it is closed
)

// present moves through the slides, back and forth, until stop is closed, and then clears the
// slide.
func (r *room) present(stop <-chan struct{}, rng *rand.Rand) {
	at := 0
	r.move(at)
	for {
		select {
		case <-stop:
			r.move(nothing)
			return
		case <-time.After(between(rng, r.crowd.pace.slide)):
		}
		if rng.IntN(2) == 0 {
			r.edit(rng.IntN(roomPolls), []string{"live", "after", "presenter"}[rng.IntN(3)])
		}
		switch n := rng.IntN(10); {
		case n < 2: // an empty slide or a closed poll, and the same poll again
			r.move(nothing - rng.IntN(2))
			if rng.IntN(4) > 0 { // long enough for what is sent meanwhile to be late
				time.Sleep(between(rng, 2*check.Lease))
			}
			r.move(at)
		case n < 2+r.crowd.pace.slips: // a slip of the finger: there and back
			if rng.IntN(2) == 0 {
				r.move((at + 1) % roomPolls)
			} else {
				// No vote for another poll has a replica look again. It goes on under the version
				// before.
				r.move(nothing - rng.IntN(2))
			}
			time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
			r.move(at)
		case n%2 == 0:
			at = (at + roomPolls - 1) % roomPolls
			r.move(at)
		case n == 9: // on from a closed poll, which leaves nothing to be sealed
			r.move(closed)
			fallthrough
		default:
			at = (at + 1) % roomPolls
			r.move(at)
		}
	}
}

// edit changes who sees a poll's results, whatever its state. What is counted must stay as it is.
func (r *room) edit(i int, visibility string) {
	body := []byte(`{"results_visibility":"` + visibility + `"}`)
	a := r.crowd.door.send(request{method: "PATCH", path: r.path("/polls/" + r.polls[i]),
		token: r.token, body: body}, 2*time.Second)
	switch a.status {
	case 200:
		r.crowd.edited.Add(1)
	case 0, 503: // done or not
	default:
		r.odd = append(r.odd, fmt.Sprintf("edit of %s: %v", r.polls[i], a))
	}
}

func between(rng *rand.Rand, d time.Duration) time.Duration {
	return d/2 + time.Duration(rng.Int64N(int64(d)))
}

// move displays the i-th poll, nothing, or closes it, and returns when the presenter was told so.
// It repeats the request, with the version that it must find, until there is an answer.
func (r *room) move(i int) {
	req := request{method: "PUT", path: r.path("/polls/current"), token: r.token,
		ifMatch: strconv.Quote(strconv.FormatInt(r.version, 10))}
	switch {
	case i == closed:
		req.body = []byte(`{"move":"close"}`)
	case i < 0:
		req.method = "DELETE"
	default:
		req.body = []byte(`{"poll_id":"` + r.polls[i] + `"}`)
	}
	if shown := r.shown.Load(); shown == int32(i) || shown < 0 && i < 0 {
		return
	}
	sent := r.crowd.now()
	if i >= 0 {
		r.crowd.service.slide(r.number, false, sent)
	}
	for {
		a := r.crowd.door.send(req, 8*time.Second)
		switch a.status {
		case 200, 204:
			version, err := strconv.ParseInt(strings.Trim(a.etag, `"`), 10, 64)
			if err != nil || version != r.version+1 {
				r.odd = append(r.odd, fmt.Sprintf("moved from version %d to ETag %s",
					r.version, a.etag))
			}
			r.moved(i, sent, r.version+1)
			return
		case 412: // the answer to an earlier attempt got lost
			if r.arrived(i) {
				r.moved(i, sent, r.version+1)
				return
			}
		case 0, 503:
		default:
			r.odd = append(r.odd, fmt.Sprintf("%s with If-Match %s: %v", req.method,
				req.ifMatch, a))
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// arrived says whether the slide is where the presenter wants it, one version on.
func (r *room) arrived(i int) bool {
	var p presentation
	if _, ok := r.crowd.door.get(r.path(""), r.token, &p); !ok {
		return false
	}
	shown := -1
	if p.Index != nil {
		shown = *p.Index
	}
	if i == closed {
		i = int(r.shown.Load()) // it stays where it is
	}
	if p.Version != r.version && (p.Version != r.version+1 || shown != i) {
		r.odd = append(
			r.odd, fmt.Sprintf("wants poll %d after version %d, finds poll %d at version %d", i,
				r.version, shown, p.Version))
	}
	return p.Version == r.version+1
}

func (r *room) moved(i int, sent time.Duration, version int64) {
	poll := int32(-1)
	if i >= 0 {
		poll = r.poll(i)
	}
	r.moves = append(r.moves,
		check.Move{Sent: sent, Done: r.crowd.now(), Room: r.number, Poll: poll, Version: version})
	r.version = version
	r.crowd.moved.Add(1)
	if i < 0 {
		r.crowd.service.slide(r.number, true, r.crowd.now())
	}
	if shown := r.shown.Swap(int32(max(i, nothing))); shown >= 0 {
		r.before.Store(shown)
	}
}
