package e2e

import (
	"fmt"
	"net/http"

	"github.com/plenary-live/plenary/pkg/access"
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

// Programme is what an import answers.
type Programme struct {
	Token *string `json:"token"`
	Zone  string  `json:"time_zone"`
	Items []struct {
		Source  string  `json:"source"`
		ID      string  `json:"talk_id"`
		Code    string  `json:"code"`
		Title   string  `json:"title"`
		Token   *string `json:"token"`
		Outcome string  `json:"outcome"`
	} `json:"items"`
}

// Talk gives a talk of a programme, by its place, with a token.
func (p *Programme) Talk(c *Client, i int, token string) *Talk {
	return &Talk{c, p.Items[i].ID, p.Items[i].Code, token}
}

// Outcomes gives what became of the talks.
func (p *Programme) Outcomes() (all []string) {
	for _, i := range p.Items {
		all = append(all, i.Source+" "+i.Outcome)
	}
	return all
}

// ImportFile sends a programme's file. query is empty, or begins with "?".
func (c *Client) ImportFile(file, query, token string) *Answer {
	c.tb.Helper()
	return c.Do(Request{
		Method: http.MethodPost, Path: Base + "/talks/import" + query, Body: file, Token: token,
		Header: map[string]string{"Content-Type": "application/json"}, Wrong: true,
	})
}

// Imported imports a file, which must be right.
func (c *Client) Imported(file, query, token string) (p Programme) {
	c.tb.Helper()
	a := c.ImportFile(file, query, token)
	if a.Status != http.StatusCreated && a.Status != http.StatusOK {
		c.tb.Errorf("%v", a)
	} else if err := a.Decode(&p); err != nil {
		c.tb.Errorf("%v in %v", err, a)
	}
	return p
}

// drawnToken gives a token as a client may draw one.
func drawnToken() string {
	token, _ := access.NewToken()
	return token
}

// aFile is a programme of Sessionize's form.
const aFile = `{"sessions":[{"id":"1","title":"One","speakers":["s"],` +
	`"startsAt":"2020-01-01T10:00:00","endsAt":"2020-01-01T11:00:00","isServiceSession":false},` +
	`{"id":"9","title":"Lunch","isServiceSession":true},{"id":"2","title":"Two"}],` +
	`"speakers":[{"id":"s","fullName":"Ada Example"}],"rooms":[]}`
