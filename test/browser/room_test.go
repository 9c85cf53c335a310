package browser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// room is a presentation that a test makes and moves without a browser, where that is not what it
// is about.
type room struct {
	t        *testing.T
	base     string
	ID       string `json:"presentation_id"`
	JoinCode string `json:"join_code"`
	Token    string `json:"presenter_token"`
	polls    []shownPoll
}

type shownPoll struct {
	PollID  string `json:"poll_id"`
	Options []struct{ Key, Value string }
}

type newPoll struct {
	question, kind string
	options        []string
	most           int // choices, or words
}

var transport = &http.Transport{MaxIdleConnsPerHost: 64}

// create makes a presentation.
func create(t *testing.T, title string, polls ...newPoll) *room {
	t.Helper()
	return createAt(t, site(t).URL, title, polls...)
}

// createAt makes one on another server than the tests share.
func createAt(t *testing.T, url, title string, polls ...newPoll) *room {
	t.Helper()
	r := &room{t: t, base: url + "/api/v1"}
	var all []map[string]any
	for _, p := range polls {
		poll := map[string]any{"question": p.question, "kind": p.kind}
		var options []map[string]string
		for i, text := range p.options {
			key := string(rune('A' + i))
			if i >= 26 {
				key = fmt.Sprintf("%c%d", 'A'+i%26, i/26)
			}
			options = append(options, map[string]string{"key": key, "value": text})
		}
		if len(options) > 0 {
			poll["options"] = options
		}
		if p.most > 0 {
			poll["max_choices"] = p.most
		}
		all = append(all, poll)
	}
	r.ask(http.MethodPost, "/presentations", map[string]any{"title": title, "polls": all}, r)
	var p struct{ Polls []shownPoll }
	r.ask(http.MethodGet, r.path(""), nil, &p)
	r.polls = p.Polls
	return r
}

func (r *room) path(rest string) string { return "/presentations/" + r.ID + rest }

// ask calls the API as the presenter until it answers with what may stand, and reads the answer.
func (r *room) ask(method, path string, body, answer any) {
	r.t.Helper()
	status, raw := r.send(method, path, body)
	require.Less(r.t, status, 300, "%s %s: %s", method, path, raw)
	if answer != nil {
		require.NoError(r.t, json.Unmarshal(raw, answer), "%s", raw)
	}
}

// send calls the API as the presenter, and again while the answer is 503.
func (r *room) send(method, path string, body any) (status int, raw []byte) {
	r.t.Helper()
	for range 20 {
		if status, raw = r.once(method, path, body); status != http.StatusServiceUnavailable {
			break
		}
		time.Sleep(250 * time.Millisecond) // as Retry-After asks, but with less patience
	}
	return status, raw
}

func (r *room) once(method, path string, body any) (int, []byte) {
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		require.NoError(r.t, err)
		content = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, r.base+path, content)
	require.NoError(r.t, err)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.Token != "" {
		req.Header.Set("Authorization", "Bearer "+r.Token)
	}
	client := http.Client{Transport: transport, Timeout: 30 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return http.StatusServiceUnavailable, []byte(err.Error())
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return http.StatusServiceUnavailable, []byte(err.Error())
	}
	return res.StatusCode, raw
}

// show displays the i-th poll.
func (r *room) show(i int) {
	r.t.Helper()
	r.ask(http.MethodPut, r.path("/polls/current"),
		map[string]string{"poll_id": r.polls[i].PollID}, nil)
}

// version is how many transitions there have been.
func (r *room) version() int {
	r.t.Helper()
	var p struct{ Version int }
	r.ask(http.MethodGet, r.path(""), nil, &p)
	return p.Version
}

// voter makes the id of somebody who has not voted yet.
func (r *room) voter() string { return uuid.NewString() }

// vote casts a new voter's vote for the i-th poll until it is counted.
func (r *room) vote(i int, answer map[string]any) {
	r.t.Helper()
	r.cast(i, r.voter(), 1, answer)
}

// cast casts a voter's vote until it is counted: 202 says that it will be, and sent again it gets a
// verdict.
func (r *room) cast(i int, voter string, seq int, answer map[string]any) {
	r.t.Helper()
	body := map[string]any{"poll_id": r.polls[i].PollID, "client_id": voter, "seq": seq}
	maps.Copy(body, answer)
	for range 10 {
		switch status, raw := r.send(http.MethodPost,
			r.path("/polls/current/votes"), body); status {
		case http.StatusNoContent:
			return
		case http.StatusAccepted:
		default:
			r.t.Errorf("a vote was answered %d %s", status, raw)
			return
		}
	}
	r.t.Error("a vote is not counted after ten tries")
}

// votes casts n votes for each key of the i-th poll.
func (r *room) votes(i int, counts ...int) {
	r.t.Helper()
	for option, n := range counts {
		for range n {
			key := r.polls[i].Options[option].Key
			r.vote(i, map[string]any{"key": key})
		}
	}
}

type tallies struct {
	Status  string
	Total   int
	Options []struct {
		Key   string
		Count int
	}
}

// results reads the i-th poll's results.
func (r *room) results(i int) (res tallies) {
	r.t.Helper()
	r.ask(http.MethodGet, r.path("/polls/"+r.polls[i].PollID+"/results"), nil, &res)
	return res
}

// final waits until the results of the i-th poll, which has left the slide, are final.
func (r *room) final(i int) {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return r.results(i).Status == "final" },
		patience, 10*tick)
}

// presents makes a visitor the presenter of a room: their browser has its token.
func (v *visitor) presents(rooms ...*room) *visitor {
	v.t.Helper()
	var all []string
	for _, r := range rooms {
		all = append(all, fmt.Sprintf(`{"id":%s,"title":"Plenary","join_code":%s,"token":%s}`,
			js(r.ID), js(r.JoinCode), js(r.Token)))
	}
	v.open("/assets/0000000000000000/icon.svg") // of the same origin, and nothing else
	v.run(fmt.Sprintf(`localStorage.setItem("plenary.presentations", %s)`,
		js("["+strings.Join(all, ",")+"]")))
	return v
}
