package e2e

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWholeLifeOfAPresentation(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := s.Create(NewPresentation{Title: "Whole life", Polls: []NewPoll{
			choice("Who wins?"), multiple("Which colours?", 2), rating("How was it?"),
		}})
		first, second, third := r.Polls[0].PollID, r.Polls[1].PollID, r.Polls[2].PollID
		ann, bob := NewVoter(), NewVoter()

		beginsEmpty(t, r)
		canBeJoined(t, r, "Whole life")

		d := r.Next()
		require.Equal(t, Displayed{first, "Who wins?", "choice", 1, options2(),
			"live", 1, "open"}, d)
		for _, replica := range s.replicas {
			displays(t, r.Through(replica), first)
		}
		r.Vote(first, ann, "A")
		r.Vote(first, bob, "B")
		require.Equal(t, map[string]int64{"A": 1, "B": 1}, r.Recount(first).Counts())
		r.Vote(first, ann, "B") // she changes her mind
		res := r.Recount(first)
		require.Equal(t, map[string]int64{"A": 0, "B": 2}, res.Counts())
		require.Equal(t, "open", res.Status)
		require.EqualValues(t, 1, res.Version)

		require.Equal(t, second, r.Next().PollID)
		for _, replica := range s.replicas {
			refuses(t, r.Through(replica), first, "A")
		}
		r.Count(Ballot{PollID: second, ClientID: ann, Keys: []string{"B", "R"}})
		r.Count(Ballot{PollID: second, ClientID: bob, Keys: []string{"R"}})
		res = r.Recount(second)
		require.EqualValues(t, 2, res.Total, "people are counted, not ticks")
		require.Equal(t, map[string]int64{"R": 2, "G": 0, "B": 1}, res.Counts())
		require.ElementsMatch(t,
			[]CountedVote{{ClientID: ann, Keys: []string{"R", "B"}},
				{ClientID: bob, Keys: []string{"R"}}}, r.Votes(second))

		require.Equal(t, third, r.Next().PollID)
		require.Equal(t, "409 out_of_polls", r.Move(nil, nil).Code())
		require.Nil(t, r.Results(third).Mean, "nobody has voted")
		r.Vote(third, ann, "5")
		r.Vote(third, bob, "2")
		res = r.Recount(third)
		require.InDelta(t, 3.5, *res.Mean, 1e-9)
		require.InDelta(t, 3.5, *res.Median, 1e-9)

		require.Equal(t, second, r.Previous().PollID)
		require.Equal(t, first, r.Show(first).PollID)
		require.Equal(t, "409 out_of_polls",
			r.Move(map[string]string{"move": "previous"}, nil).Code())
		res = r.Results(first)
		require.Equal(t, "open", res.Status, "a poll that is displayed again is open again")
		require.EqualValues(t, 5, res.Version)
		require.GreaterOrEqual(t, res.Total, int64(2), "and keeps its votes")

		a := r.Clear()
		require.Equal(t, "204", a.Code())
		require.Equal(t, `"6"`, a.Header.Get("ETag"))
		for _, replica := range s.replicas {
			displays(t, r.Through(replica), "")
			refuses(t, r.Through(replica), first, "A")
		}
		require.Equal(t, `"6"`, r.Clear().Header.Get("ETag"),
			"clearing an empty slide is no transition")
		require.Equal(t, first, r.Previous().PollID,
			"on an empty slide, previous is the poll displayed last")
	})
}

// beginsEmpty checks a presentation that displays nothing yet.
func beginsEmpty(t *testing.T, r *Room) {
	t.Helper()
	require.Equal(t, "409 not_displayed", r.Current().Code())
	require.Equal(t, "409 not_displayed",
		r.Cast(Ballot{PollID: r.Polls[0].PollID, Key: "A", ClientID: NewVoter()}).Code())
	require.Empty(t, r.Presentation(false).Polls,
		"the audience sees polls that have not been displayed")
	p := r.Presentation(true)
	require.Nil(t, p.CurrentPollIndex)
	require.Zero(t, p.Version)
	for _, q := range p.Polls {
		require.Equal(t, "pending", q.Status)
	}
	require.Equal(t, []Option{{"1", "1"}, {"2", "2"}, {"3", "3"}, {"4", "4"}, {"5", "5"}},
		p.Polls[2].Options)
}

// canBeJoined types the join code as people do.
func canBeJoined(t *testing.T, r *Room, title string) {
	t.Helper()
	half := len(r.JoinCode) / 2
	for _, typed := range []string{
		r.JoinCode,
		strings.ToLower(r.JoinCode),
		strings.ToUpper(r.JoinCode),
		r.JoinCode[:half] + "-" + r.JoinCode[half:],
		"%20" + r.JoinCode[:half] + "%20" + strings.ToLower(r.JoinCode[half:]),
	} {
		var joined Joined
		r.read(Request{Method: http.MethodGet, Path: Base + "/join/" + typed}, &joined)
		require.Equal(t, Joined{PresentationID: r.PresentationID, Title: title,
			Voters: "anyone"}, joined, typed)
	}
	require.Equal(t, "404 not_found",
		r.Do(Request{Method: http.MethodGet, Path: Base + "/join/nobody-has-this"}).Code())
}

func TestPollThatLeavesTheSlideBecomesFinalAndTheSameFromEveryReplica(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("One"), choice("Two"))
		left := r.Polls[0].PollID
		r.Vote(left, NewVoter(), "A")
		r.Next()
		require.Contains(t, []string{"closing", "final"}, r.Results(left).Status)
		final := finalOf(t, r, left)
		for _, replica := range s.replicas {
			require.Equal(t, final, r.Through(replica).Results(left))
		}
		require.Equal(t, final, r.Recount(left))
	})
}

// castAt is the end of a table's row, which says when the vote was cast.
var castAt = regexp.MustCompile(`,20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z\n`)

func TestVotesListIsATableForWhoAsksForOne(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, multiple("Which?", 3), choice("Who?"))
		both, one := r.Polls[0].PollID, r.Polls[1].PollID
		ann := NewVoter()
		csv := func(pollID string) string {
			a := r.Do(Request{Method: http.MethodGet, Path: r.Path("/polls/" + pollID + "/votes"),
				Token:  r.PresenterToken,
				Header: map[string]string{"Accept": "text/csv"}})
			require.Contains(t, a.Header.Get("Content-Type"), "text/csv")
			return castAt.ReplaceAllString(strings.ReplaceAll(string(a.Body), "\r\n",
				"\n"), ",then\n")
		}
		require.Equal(t, "\uFEFFclient_id,key,cast_at\n", csv(both), "a poll without votes")
		r.Count(Ballot{PollID: both, ClientID: ann, Keys: []string{"G", "R"}})
		require.Equal(t, "\uFEFFclient_id,key,cast_at\n"+ann+",R;G,then\n", csv(both))
		r.Next()
		r.Vote(one, ann, "B")
		require.Equal(t, "\uFEFFclient_id,key,cast_at\n"+ann+",B,then\n", csv(one))
	})
}
