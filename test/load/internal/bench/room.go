//go:build linux

package bench

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/queue"
)

// room is a poll that is displayed, as seen through one address.
type room struct {
	url                string // "http://127.0.0.1:port"
	presentation, poll string
}

func (r room) path(rest string) string {
	return "/api/v1/presentations/" + r.presentation + rest
}

func (r room) addr() netip.AddrPort {
	return netip.MustParseAddrPort(strings.TrimPrefix(r.url, "http://"))
}

func (r room) get(path string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: plenary\r\n\r\n")
}

// votes gives requests with a vote of a new voter each, as crowd sends them.
func (r room) votes(salt uint64) func(buf []byte, n int) []byte {
	before := `{"poll_id":"` + r.poll + `","key":"`
	after := `","client_id":"`
	length := len(before) + 1 + len(after) + 36 + 2
	head := "POST " + r.path("/polls/current/votes") + " HTTP/1.1\r\nHost: plenary\r\nContent-Type: application/json\r\nContent-Length: " +
		strconv.Itoa(length) + "\r\n\r\n" + before
	var id uuid.UUID
	return func(buf []byte, n int) []byte {
		// Random for the index, and never the same: the product with an odd number is a permutation of 64 bits.
		v := (uint64(n) + salt<<32) * 0x9e3779b97f4a7c15
		for i := range 8 {
			id[i] = byte(v >> (8 * i))
			id[8+i] = byte(salt >> (8 * i))
		}
		buf = append(buf, head...)
		buf = append(buf, "ABC"[n%3])
		buf = append(buf, after...)
		var text [36]byte
		copy(text[:], id.String())
		buf = append(buf, text[:]...)
		return append(buf, `"}`...)
	}
}

// noRoom is what the no-op and the rivals take votes for: they look nothing up.
func noRoom(url string) room { return room{url, uuid.NewString(), uuid.NewString()} }

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

// newPassRoom makes one whose voters have passes.
func newPassRoom(ctx context.Context, url string) (room, error) {
	t, err := newTalk(ctx, url, 1)
	if err != nil {
		return t.room, err
	}
	_, err = call(ctx, t.token, http.MethodPatch, url+t.path(""), map[string]string{"voters": string(access.ByPass)}, &struct{}{})
	return t.room, err
}

// passesPerSecond is how many votes a second are more than wrk sends.
const passesPerSecond = 60_000

// passes makes as many voters' passes of rooms, by turns, as a load may need. db has the key that the API signs them with.
func passes(ctx context.Context, db *sql.DB, rooms []room, seconds int) ([]byte, error) {
	var key []byte
	if err := db.QueryRowContext(ctx, "SELECT value FROM secrets WHERE name = 'voters'' passes'").Scan(&key); err != nil {
		return nil, fmt.Errorf("the key of voters' passes: %w", err)
	}
	ids := make([]uuid.UUID, len(rooms))
	for i, r := range rooms {
		ids[i] = uuid.MustParse(r.presentation)
	}
	signer, now, n := access.NewPasses(key), time.Now(), passesPerSecond*seconds
	all := make([]byte, 0, n*access.PassLength)
	for i := range n {
		all = append(all, signer.Draw(ids[i%len(ids)], uuid.Nil, now).Text...)
	}
	return all, nil
}

// spreadRooms makes n rooms, so that each partition has as many as any other.
func (b *Bench) spreadRooms(ctx context.Context, url string, n int, fresh func(context.Context, string) (room, error)) (rooms []room, err error) {
	var partitions int
	if err := b.admin.QueryRowContext(ctx, "SELECT count(*) FROM partitions").Scan(&partitions); err != nil {
		return nil, err
	}
	in := make([]int, partitions)
	for len(rooms) < n {
		r, err := fresh(ctx, url)
		if err != nil {
			return nil, err
		}
		id, err := uuid.Parse(r.presentation)
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

// newTalk makes a presentation of n polls, the first of which is displayed.
func newTalk(ctx context.Context, url string, n int) (talk, error) {
	t := talk{room: room{url: url}}
	var created struct {
		PresentationID string `json:"presentation_id"`
		PresenterToken string `json:"presenter_token"`
	}
	polls := slices.Repeat([]any{map[string]any{"question": "Which?", "options": []any{
		map[string]string{"key": "A", "value": "Argentina"}, map[string]string{"key": "B", "value": "Brazil"}, map[string]string{"key": "C", "value": "Chile"},
	}}}, n)
	_, err := call(ctx, "", http.MethodPost, url+"/api/v1/presentations", map[string]any{"title": "Load", "current_poll_index": 0, "polls": polls}, &created)
	if err != nil {
		return t, err
	}
	t.presentation, t.token = created.PresentationID, created.PresenterToken
	var presentation struct {
		Polls []struct {
			PollID string `json:"poll_id"`
		} `json:"polls"`
	}
	if _, err := call(ctx, t.token, http.MethodGet, url+t.path(""), nil, &presentation); err != nil {
		return t, err
	}
	for _, p := range presentation.Polls {
		t.polls = append(t.polls, p.PollID)
	}
	if len(t.polls) != n {
		return t, fmt.Errorf("a presentation of %d polls has %d", n, len(t.polls))
	}
	t.poll = t.polls[0]
	return t, nil
}

// display moves on to a poll, and gives the version under which it is displayed. What a busy server refuses is asked again, as a
// presenter's client does: it is safe, since the poll is named.
func (t talk) display(ctx context.Context, poll string) (version int64, err error) {
	for end := time.Now().Add(displayPatience); ; {
		header, err := call(ctx, t.token, http.MethodPut, t.url+t.path("/polls/current"), map[string]string{"poll_id": poll}, &struct{}{})
		var r refusal
		switch {
		case err == nil:
			return strconv.ParseInt(strings.Trim(header.Get("ETag"), `"`), 10, 64)
		case !errors.As(err, &r) || r.status != http.StatusServiceUnavailable || time.Now().After(end):
			return 0, err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

const displayPatience = 10 * time.Second

// total reads the results' total through the API.
func (r room) total(ctx context.Context) (int64, error) {
	var results struct {
		Total int64 `json:"total"`
	}
	_, err := call(ctx, "", http.MethodGet, r.url+r.path("/polls/"+r.poll+"/results"), nil, &results)
	return results.Total, err
}

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
	if answer.StatusCode >= 300 {
		return nil, refusal{answer.StatusCode, fmt.Sprintf("%s %s: %s: %s", method, url, answer.Status, raw)}
	}
	return answer.Header, json.Unmarshal(raw, out)
}

// refusal is an answer that says no.
type refusal struct {
	status int
	said   string
}

func (r refusal) Error() string { return r.said }
