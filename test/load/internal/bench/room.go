//go:build linux

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
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

// newRoom makes a presentation with one poll on display.
func newRoom(ctx context.Context, url string) (room, error) {
	r := room{url: url}
	var created struct {
		PresentationID string `json:"presentation_id"`
	}
	err := call(ctx, http.MethodPost, url+"/api/v1/presentations", map[string]any{
		"title": "Load", "current_poll_index": 0, "polls": []any{map[string]any{"question": "Which?", "options": []any{
			map[string]string{"key": "A", "value": "Argentina"}, map[string]string{"key": "B", "value": "Brazil"}, map[string]string{"key": "C", "value": "Chile"},
		}}},
	}, &created)
	if err != nil {
		return r, err
	}
	r.presentation = created.PresentationID
	var current struct {
		PollID string `json:"poll_id"`
	}
	err = call(ctx, http.MethodGet, url+r.path("/polls/current"), nil, &current)
	r.poll = current.PollID
	return r, err
}

// total reads the results' total through the API.
func (r room) total(ctx context.Context) (int64, error) {
	var results struct {
		Total int64 `json:"total"`
	}
	err := call(ctx, http.MethodGet, r.url+r.path("/polls/"+r.poll+"/results"), nil, &results)
	return results.Total, err
}

func call(ctx context.Context, method, url string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, url, answer.Status, raw)
	}
	return json.Unmarshal(raw, out)
}
