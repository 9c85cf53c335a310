package e2e

import (
	"fmt"
	"net/http"
)

// Ratings are what people see of a talk's ratings.
type Ratings struct {
	TalkID    string           `json:"talk_id"`
	Hidden    bool             `json:"hidden"`
	Histogram map[string]int64 `json:"histogram"`
	Count     *int64           `json:"count"`
	Average   *float64         `json:"average"`
	Median    *float64         `json:"median"`
	Identity  string           `json:"identity"`
	Revision  int64            `json:"revision"`
}

// Histogram gives counts of 1 to 5.
func Histogram(counts ...int64) map[string]int64 {
	h := map[string]int64{}
	for i, n := range counts {
		h[fmt.Sprint(i+1)] = n
	}
	return h
}

// NewRating is a rating to send.
type NewRating struct {
	TalkID   string `json:"talk_id"`
	Value    int    `json:"value"`
	Comment  string `json:"comment,omitempty"`
	ClientID string `json:"client_id,omitempty"`
	Pass     string `json:"pass,omitempty"`
}

// Talk is a talk of the programme with its owner's token.
type Talk struct {
	*Client
	ID    string `json:"talk_id"`
	Code  string `json:"code"`
	Owner string `json:"token"`
}

// AddTalk adds a talk. body is what a client sends beside the title.
func (c *Client) AddTalk(body map[string]any) *Talk {
	c.tb.Helper()
	all := map[string]any{"title": "Why queues"}
	for k, v := range body {
		all[k] = v
	}
	t := &Talk{Client: c}
	c.read(Request{Method: http.MethodPost, Path: Base + "/talks", JSON: all}, t)
	return t
}

// Through gives the same talk at another address.
func (t *Talk) Through(c *Client) *Talk { return &Talk{c, t.ID, t.Code, t.Owner} }

// Path gives a path below the talk's.
func (t *Talk) Path(below string) string { return Base + "/talks/" + t.ID + below }

// Rate sends a rating.
func (t *Talk) Rate(r NewRating, header map[string]string) *Answer {
	t.tb.Helper()
	r.TalkID = t.ID
	return t.Do(Request{Method: http.MethodPost, Path: Base + "/ratings", JSON: r, Header: header})
}

// Rated rates, which must be counted at once.
func (t *Talk) Rated(who string, value int) {
	t.tb.Helper()
	if a := t.Rate(NewRating{Value: value, ClientID: who},
		patient); a.Status != http.StatusNoContent {
		t.tb.Errorf("%v", a)
	}
}

// patient has a request wait for its outcome as long as may be.
var patient = map[string]string{"Prefer": "wait=5"}

// Ratings reads the ratings as who has a token; empty: as anybody.
func (t *Talk) Ratings(token string) (r Ratings) {
	t.tb.Helper()
	t.read(
		Request{Method: http.MethodGet, Path: Base + "/ratings?talk_id=" + t.ID, Token: token},
		&r,
	)
	return r
}
