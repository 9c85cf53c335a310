package e2e

import (
	"maps"
	"net/http"
	"time"
)

// FeedPoll is a poll of the feed as somebody sees it.
type FeedPoll struct {
	ID        string     `json:"poll_id"`
	Title     string     `json:"title"`
	Options   []string   `json:"options"`
	Tags      []string   `json:"tags"`
	CreatedAt time.Time  `json:"created_at"`
	ClosesAt  *time.Time `json:"closes_at"`
	Closed    bool       `json:"closed"`
	Results   string     `json:"results"`
	Mine      bool       `json:"mine"`
	Answer    *struct {
		Option *int      `json:"option_index"`
		At     time.Time `json:"at"`
	} `json:"answer"`
	Stats *FeedStats `json:"stats"`
}

// FeedStats are the numbers of a poll of the feed.
type FeedStats struct {
	ID    string `json:"poll_id"`
	Votes []struct {
		Option string `json:"option"`
		Count  int64  `json:"count"`
	} `json:"votes"`
	Total    int64 `json:"total"`
	Skips    int64 `json:"skips"`
	Revision int64 `json:"revision"`
}

// FeedPage is a page of a list of polls. The feed's has a quota.
type FeedPage struct {
	Items []FeedPoll `json:"items"`
	Next  *string    `json:"next"`
	Quota *struct {
		Limit     *int      `json:"limit"`
		Remaining *int      `json:"remaining"`
		ResetsAt  time.Time `json:"resets_at"`
	} `json:"quota"`
}

// Publish publishes a poll with the options A and B. body is what a client sends besides.
func (p *Person) Publish(body object) (made FeedPoll) {
	p.tb.Helper()
	all := object{"title": "A or B?", "options": []string{"A", "B"}, "tags": []string{"e2e"}}
	for k, v := range body {
		all[k] = v
	}
	p.read(Request{
		Method: http.MethodPost, Path: Base + "/polls", Token: p.Token, JSON: all,
	}, &made)
	return made
}

// At gives the same person at another address.
func (p *Person) At(c *Client) *Person {
	other := *p
	other.Client = c
	return &other
}

// toTheEnd has a request wait for what is decided as long as may be.
var toTheEnd = map[string]string{"Prefer": "wait=5"}

// Vote votes, and waits for the outcome as long as may be. key is empty, or that of a retry.
func (p *Person) Vote(poll string, option int, key string) *Answer {
	p.tb.Helper()
	header := maps.Clone(toTheEnd)
	if key != "" {
		header["Idempotency-Key"] = key
	}
	return p.Do(Request{
		Method: http.MethodPost, Path: Base + "/polls/" + poll + "/vote", Token: p.Token,
		JSON: object{"option_index": option}, Header: header,
	})
}

// Feed reads the whole feed of a tag.
func (p *Person) Feed(tag string) (ids []string) {
	p.tb.Helper()
	for cursor := ""; ; {
		var page FeedPage
		p.read(Request{
			Method: http.MethodGet, Path: Base + "/polls?limit=100&tag=" + tag + cursor,
			Token: p.Token,
		}, &page)
		for _, poll := range page.Items {
			ids = append(ids, poll.ID)
		}
		if page.Next == nil {
			return ids
		}
		cursor = "&cursor=" + *page.Next
	}
}

// Poll reads a poll of the feed.
func (p *Person) Poll(id string) (poll FeedPoll) {
	p.tb.Helper()
	p.read(Request{Method: http.MethodGet, Path: Base + "/polls/" + id, Token: p.Token}, &poll)
	return poll
}
