package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestABannedWordIsRefusedAndLeavesTheResultsWithoutAVoteBeingLost(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		cloud := wordCloud("Where?")
		cloud.Banned = []string{"darn"}
		r := show(s.Client, cloud)
		pollID := r.Polls[0].PollID
		require.Equal(t, "400 invalid texts",
			r.Cast(Ballot{PollID: pollID, ClientID: NewVoter(), Text: "oh DARN!"}).Code())
		r.Count(Ballot{PollID: pollID, ClientID: NewVoter(), Texts: []string{"Rome", "Heck"}})
		require.Equal(t, []Word{{"Heck", 1}, {"Rome", 1}}, r.Results(pollID).Words)
		before := r.Results(pollID).Revision

		ban := func(words ...string) {
			a := r.Do(Request{Method: http.MethodPatch, Path: r.Path("/polls/" + pollID),
				Token: r.PresenterToken, JSON: map[string]any{"banned_words": words}})
			require.Equal(t, "200", a.Code(), "%v", a)
		}
		ban("heck")
		for _, replica := range s.replicas {
			res := r.Through(replica).Results(pollID)
			require.Equal(t, []Word{{"Rome", 1}}, res.Words)
			require.EqualValues(t, 1, res.Total)
			require.Greater(t, res.Revision, before)
			require.Eventually(t, func() bool {
				return r.Through(replica).
					Cast(Ballot{PollID: pollID, ClientID: NewVoter(), Text: "heck"}).
					Code() == "400 invalid texts"
			}, wait, tick)
		}
		r.Count(Ballot{PollID: pollID, ClientID: NewVoter(), Text: "darn"})
		ban("darn")
		require.Contains(t, r.Results(pollID).Words, Word{"Rome", 1})
		require.NotContains(t, r.Results(pollID).Words, Word{"darn", 1})
	})
}
