//go:build linux

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/queue"
)

// room is a poll that is displayed, as seen through one address, or a talk that is rated.
type room struct {
	URL                string // "http://127.0.0.1:port"
	Presentation, Poll string
	Talk               string    // empty: it is a poll
	Feed               *feedLoad `json:"-"` // nil: it is no feed
}

func (r room) path(rest string) string {
	return "/api/v1/presentations/" + r.Presentation + rest
}

func (r room) addr() netip.AddrPort {
	return netip.MustParseAddrPort(strings.TrimPrefix(r.URL, "http://"))
}

// form is a request of somebody who votes or rates: a choice stands between before and after, and
// then the id of whose it is.
type form struct{ Path, Before, Choices, After string }

func (r room) form() form {
	if r.Talk != "" {
		return form{"/api/v1/ratings", `{"talk_id":"` + r.Talk + `","value":`, "12345",
			`,"client_id":"`}
	}
	return form{r.path("/polls/current/votes"), `{"poll_id":"` + r.Poll + `","key":"`, "ABC",
		`","client_id":"`}
}

// votes gives requests with a vote, or a rating, of somebody new each, as crowd sends them.
func (r room) votes(salt uint64) func(buf []byte, n int) []byte {
	f := r.form()
	before, after := f.Before, f.After
	length := len(before) + 1 + len(after) + 36 + 2
	head := "POST " + f.Path +
		" HTTP/1.1\r\nHost: plenary\r\nContent-Type: application/json\r\nContent-Length: " +
		strconv.Itoa(length) + "\r\n\r\n" + before
	var id uuid.UUID
	return func(buf []byte, n int) []byte {
		// Random for the index, and never the same: an odd factor permutes 64 bits.
		v := (uint64(n) + salt<<32) * 0x9e3779b97f4a7c15
		for i := range 8 {
			id[i] = byte(v >> (8 * i))
			id[8+i] = byte(salt >> (8 * i))
		}
		buf = append(buf, head...)
		buf = append(buf, f.Choices[n%len(f.Choices)])
		buf = append(buf, after...)
		var text [36]byte
		copy(text[:], id.String())
		buf = append(buf, text[:]...)
		return append(buf, `"}`...)
	}
}

// noRoom is what the no-op and the rivals take votes for: they look nothing up.
func noRoom(url string) room {
	return room{URL: url, Presentation: uuid.NewString(), Poll: uuid.NewString()}
}

// newRated makes a talk, which is rated from now on.
func newRated(ctx context.Context, url string) (room, error) {
	var created struct {
		TalkID string `json:"talk_id"`
	}
	body := json.RawMessage(`{"title":"Load"}`)
	_, err := call(ctx, "", http.MethodPost, url+"/api/v1/talks", body, &created)
	return room{URL: url, Talk: created.TalkID}, err
}

// talk is a presentation whose first poll is displayed, with what its presenter needs to go on.
type talk struct {
	room
	polls []string
	token string
}

// newRoom makes a presentation with one poll on display.
func newRoom(ctx context.Context, url string) (room, error) {
	t, err := newTalk(ctx, url, 1)
	return t.room, err
}

// askForPasses lets only voters vote who have a pass.
func (t talk) askForPasses(ctx context.Context) error {
	_, err := call(ctx, t.token, http.MethodPatch, t.URL+t.path(""),
		map[string]string{"voters": string(access.ByPass)}, &struct{}{})
	return err
}

// passesPerSecond is how many votes a second are more than wrk sends.
const passesPerSecond = 60_000

// passes makes as many passes of a room as a load may need, with the database's key.
func (p *plenary) passes(ctx context.Context, r room, seconds int) ([]byte, error) {
	var key []byte
	const secret = "SELECT value FROM secrets WHERE name = 'voters'' passes'"
	if err := p.database.QueryRowContext(ctx, secret).Scan(&key); err != nil {
		return nil, fmt.Errorf("the key of voters' passes: %w", err)
	}
	id, err := uuid.Parse(r.Presentation)
	if err != nil {
		return nil, err
	}
	signer, now, n := access.NewPasses(key), time.Now(), passesPerSecond*seconds
	all := make([]byte, 0, n*access.PassLength)
	for range n {
		all = append(all, signer.Draw(id, uuid.Nil, now).Text...)
	}
	return all, nil
}

// spread makes n rooms, so that each partition has as many as any other.
func (p *plenary) spread(ctx context.Context, url string, n int) (rooms []room, err error) {
	partitions, err := p.partitions(ctx)
	if err != nil {
		return nil, err
	}
	in := make([]int, partitions)
	for len(rooms) < n {
		r, err := newRoom(ctx, url)
		if err != nil {
			return nil, err
		}
		id, err := uuid.Parse(r.Presentation)
		if err != nil {
			return nil, err
		}
		if p := queue.Partition(id, partitions); in[p]*partitions < n {
			in[p]++
			rooms = append(rooms, r)
		}
	}
	return rooms, nil
}

// partitions gives how many the log has.
func (p *plenary) partitions(ctx context.Context) (n int, err error) {
	return n, p.database.QueryRowContext(ctx, "SELECT count(*) FROM partitions").Scan(&n)
}

// newTalk makes a presentation of n polls, the first of which is displayed.
func newTalk(ctx context.Context, url string, n int) (talk, error) {
	t := talk{room: room{URL: url}}
	var created struct {
		PresentationID string `json:"presentation_id"`
		PresenterToken string `json:"presenter_token"`
	}
	const poll = `{"question":"Which?","options":[{"key":"A","value":"Argentina"},
		{"key":"B","value":"Brazil"},{"key":"C","value":"Chile"}]}`
	body := json.RawMessage(`{"title":"Load","current_poll_index":0,"polls":[` + poll +
		strings.Repeat(","+poll, n-1) + "]}")
	_, err := call(ctx, "", http.MethodPost, url+"/api/v1/presentations", body, &created)
	if err != nil {
		return t, err
	}
	t.Presentation, t.token = created.PresentationID, created.PresenterToken
	var presentation struct {
		Polls []struct {
			PollID string `json:"poll_id"`
		} `json:"polls"`
	}
	if _, err := call(ctx, t.token, http.MethodGet, url+t.path(""), nil,
		&presentation); err != nil {
		return t, err
	}
	for _, p := range presentation.Polls {
		t.polls = append(t.polls, p.PollID)
	}
	if len(t.polls) != n {
		return t, fmt.Errorf("a presentation of %d polls has %d", n, len(t.polls))
	}
	t.Poll = t.polls[0]
	return t, nil
}

// display moves on to a poll, and gives the version under which it is displayed. A refusal of a
// busy server is asked again, as by a presenter's client.
func (t talk) display(ctx context.Context, poll string) (version int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	path, to := t.URL+t.path("/polls/current"), map[string]string{"poll_id": poll}
	return version, wait(ctx, 100*time.Millisecond, func() (bool, error) {
		header, err := call(ctx, t.token, http.MethodPut, path, to, &struct{}{})
		if errors.Is(err, errBusy) {
			return false, nil
		}
		version, _ = strconv.ParseInt(strings.Trim(header.Get("ETag"), `"`), 10, 64)
		return true, err
	})
}

var errBusy = errors.New("the server is busy")

// call does a call of the API, as the presenter if there is a token.
func call(ctx context.Context, token, method, url string, in, out any) (http.Header, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	switch {
	case answer.StatusCode == http.StatusServiceUnavailable:
		return nil, errBusy
	case answer.StatusCode >= 300:
		return nil, fmt.Errorf("%s %s: %s: %s", method, url, answer.Status, raw)
	}
	return answer.Header, json.Unmarshal(raw, out)
}
