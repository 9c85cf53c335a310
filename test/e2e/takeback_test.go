package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// takeBack takes a voter's vote back, by no keys or no texts, until that is counted.
func (r *Room) takeBack(pollID, voter, none string) {
	r.tb.Helper()
	for range 10 {
		a := r.Do(Request{Method: http.MethodPost, Path: r.Path("/polls/current/votes"),
			Body:   ballotJSON(pollID, voter, none),
			Header: map[string]string{"Content-Type": jsonEnc, "Prefer": "wait=5"}})
		if a.Status == http.StatusNoContent {
			require.NotEmpty(r.tb, a.Header.Get("X-Vote-Id"))
			return
		}
		require.Contains(r.tb, []int{http.StatusAccepted, http.StatusServiceUnavailable},
			a.Status, "%v", a)
	}
	r.tb.Error("a vote is not taken back after ten tries")
}

func TestAVoteOfAnyKindIsTakenBackAndGivenAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := s.Create(NewPresentation{Polls: []NewPoll{choice("Who?"), multiple("Which?", 2),
			rating("How?"), wordCloud("Where?"), openText("Why?")}})
		ballots := []Ballot{{Key: "A"}, {Keys: []string{"R", "B"}}, {Key: "5"},
			{Texts: []string{"Rome", "Berlin"}}, {Text: "Because"}}
		for i, b := range ballots {
			none := []string{`,"keys":[]`, `,"texts":[]`}
			b.PollID = r.Next().PollID
			v := r.watch(t, "")
			ann, bob := NewVoter(), NewVoter()
			for _, voter := range []string{ann, bob} {
				b.ClientID = voter
				r.Count(b)
			}
			v.until(t, "two voters", total(b.PollID, 2))
			both := r.Recount(b.PollID)
			for j := range none {
				r.takeBack(b.PollID, ann, none[(i+j)%2])
				e := v.until(t, "one voter", total(b.PollID, 1))
				require.EqualValues(t, 1, e.tallies.Total)
				for _, replica := range s.replicas {
					res := r.Through(replica).Recount(b.PollID)
					require.EqualValues(t, 1, res.Total)
					require.Len(t, r.Through(replica).Votes(b.PollID), 1)
				}
				r.takeBack(b.PollID, ann, none[j]) // again, and nothing changes
				require.EqualValues(t, 1, r.Recount(b.PollID).Total)
				b.ClientID = ann
				r.Count(b)
				v.until(t, "two voters again", total(b.PollID, 2))
			}
			r.takeBack(b.PollID, NewVoter(), none[i%2]) // who has none
			again := r.Recount(b.PollID)
			require.Greater(t, again.Revision, both.Revision)
			again.Revision = both.Revision
			require.Equal(t, both, again)

			r.takeBack(b.PollID, bob, none[0])
			r.takeBack(b.PollID, ann, none[0])
			empty := r.Recount(b.PollID)
			require.Zero(t, empty.Total)
			require.Zero(t, empty.WordsTotal)
			require.Nil(t, empty.Mean)
		}
		final := finalOf(t, r, r.Polls[0].PollID)
		a := r.Do(Request{Method: http.MethodPost, Path: r.Path("/polls/current/votes"),
			Body:   ballotJSON(final.PollID, NewVoter(), `,"keys":[]`),
			Header: map[string]string{"Content-Type": jsonEnc}})
		require.Equal(t, "409 not_displayed", a.Code())
	})
}

func TestATakeBackStandsInTheVotersOwnOrderAndWaitsAsLongAsItsVoterWants(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Who?"))
		pollID, voter := r.Polls[0].PollID, NewVoter()
		send := func(rest, prefer string) *Answer {
			return r.Do(Request{Method: http.MethodPost, Path: r.Path("/polls/current/votes"),
				Body:   ballotJSON(pollID, voter, rest),
				Header: map[string]string{"Content-Type": jsonEnc, "Prefer": prefer}})
		}
		require.Equal(t, "204", send(`,"key":"A","seq":5`, "wait=5").Code())
		a := send(`,"keys":[],"seq":4`, "wait=5")
		require.Equal(t, "204", a.Code())
		require.Equal(t, "true", a.Header.Get("Vote-Superseded"))
		require.EqualValues(t, 1, r.Recount(pollID).Total, "an old take-back comes too late")
		a = send(`,"keys":[],"seq":6`, "respond-async")
		require.Equal(t, "202", a.Code())
		require.Eventually(t, func() bool { return r.Results(pollID).Total == 0 }, wait, tick)
		a = send(`,"key":"B","seq":5`, "wait=5")
		require.Equal(t, "true", a.Header.Get("Vote-Superseded"), "an old vote does not come back")
		require.Zero(t, r.Recount(pollID).Total)
		require.Equal(t, "204", send(`,"key":"B","seq":7`, "wait=5").Code())
		require.EqualValues(t, 1, r.Recount(pollID).Total)
	})
}

func TestAVoterWithAPassTakesTheirVoteBackAndStaysInTheRoom(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := byPass(s.Client, 1, "", choice("Who?"))
		pollID, pass := r.Polls[0].PollID, r.Pass("").Pass
		r.Count(Ballot{PollID: pollID, Pass: pass, Key: "A"})
		a := r.Do(Request{Method: http.MethodPost, Path: r.Path("/polls/current/votes"),
			Body:   `{"poll_id":"` + pollID + `","pass":"` + pass + `","keys":[]}`,
			Header: map[string]string{"Content-Type": jsonEnc, "Prefer": "wait=5"}})
		require.Equal(t, "204", a.Code(), "%v", a)
		res := r.Recount(pollID)
		require.Zero(t, res.Total)
		require.Equal(t, "pass", res.Identity)
		r.Count(Ballot{PollID: pollID, Pass: pass, Key: "B"})
		require.EqualValues(t, 1, r.Recount(pollID).Total)
	})
}
