package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wait is how long a test waits for what must come true; a busy machine of two cores is slow.
const wait = 20 * time.Second

func options2() []Option { return []Option{{"A", "Argentina"}, {"B", "Brazil"}} }

func choice(question string) NewPoll { return NewPoll{Question: question, Options: options2()} }

func multiple(question string, most int) NewPoll {
	return NewPoll{Question: question, Kind: "multiple", MaxChoices: most,
		Options: []Option{{"R", "Red"}, {"G", "Green"}, {"B", "Blue"}}}
}

func rating(question string) NewPoll { return NewPoll{Question: question, Kind: "rating"} }

func wordCloud(question string) NewPoll { return NewPoll{Question: question, Kind: "word_cloud"} }

func openText(question string) NewPoll { return NewPoll{Question: question, Kind: "open_text"} }

// show creates a presentation whose first poll is displayed.
func show(c *Client, polls ...NewPoll) *Room {
	c.tb.Helper()
	first := 0
	return c.Create(NewPresentation{Title: "A test", Polls: polls, CurrentPollIndex: &first})
}

// displays waits until what is displayed is pollID, "" for nothing: what a replica shows may be a
// lease old.
func displays(t *testing.T, r *Room, pollID string) {
	t.Helper()
	require.Eventually(t, func() bool {
		a := r.Current()
		if pollID == "" {
			return a.Code() == "409 not_displayed"
		}
		var d Displayed
		return a.Status == http.StatusOK && a.Decode(&d) == nil && d.PollID == pollID
	}, wait, tick, "%s displays another poll than %q", r.base, pollID)
}

// refuses waits until the room's replica answers a vote for a poll that left the slide with 409. It
// may take one for a lease longer than the replica that moved on; such a vote counts.
func refuses(t *testing.T, r *Room, pollID, key string) {
	t.Helper()
	require.Eventually(t, func() bool {
		a := r.Cast(Ballot{PollID: pollID, Key: key, ClientID: NewVoter()})
		return a.Code() == "409 not_displayed" || a.Code() == "409 late"
	}, wait, tick, "%s still takes votes for a poll that left the slide", r.base)
}

// finalOf waits until a poll's results are final.
func finalOf(t *testing.T, r *Room, pollID string) (res Results) {
	t.Helper()
	require.Eventually(t, func() bool {
		res = r.Results(pollID)
		return res.Status == "final"
	}, wait, 100*time.Millisecond, "the results of a poll that left the slide are never final")
	return res
}

// tick is how often a test looks where there is no signal to wait for.
const tick = 20 * time.Millisecond

// names tells whether an answer's text speaks of a server.
func names(a *Answer, server string) bool {
	return strings.Contains(strings.ToLower(string(a.Body)), strings.ToLower(server))
}
