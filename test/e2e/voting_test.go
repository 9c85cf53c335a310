package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVoteIsThereForEveryReplicaAsSoonAsItsVoterHasThe204(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Who wins?"))
		pollID := r.Polls[0].PollID
		for i, takes := range s.replicas {
			for j, tells := range s.replicas {
				voter := NewVoter()
				r.Through(takes).Vote(pollID, voter, "B")
				require.Contains(t, r.Through(tells).Votes(pollID),
					CountedVote{ClientID: voter, Key: "B"})
				require.EqualValues(t, i*len(s.replicas)+j+1,
					r.Through(tells).Recount(pollID).Total)
			}
		}
	})
}

func TestVoterWhoVotesAgainAndAgainHasOneVoteAndItIsTheLast(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Who wins?"))
		pollID, voter := r.Polls[0].PollID, NewVoter()
		for i := range 20 {
			key := string("AB"[i%2])
			r.Through(s.replicas[i%len(s.replicas)]).Vote(pollID, voter, key)
			require.Equal(t, []CountedVote{{ClientID: voter, Key: key}}, r.Votes(pollID))
		}
		require.Equal(t, map[string]int64{"A": 0, "B": 1}, r.Recount(pollID).Counts())
	})
}

func TestVoterWhoVotesConcurrentlyHasExactlyOneVote(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, multiple("Which?", 3))
		pollID, voter := r.Polls[0].PollID, NewVoter()
		keys := [][]string{{"R"}, {"G"}, {"B"}, {"R", "G"}, {"R", "G", "B"}}
		concurrently(64, func(i int) {
			r.Through(s.replicas[i%len(s.replicas)]).
				Count(Ballot{PollID: pollID, ClientID: voter, Keys: keys[i%len(keys)]})
		})
		require.EqualValues(t, 1, r.Recount(pollID).Total)
	})
}

func TestHighestSeqStandsWhateverTheOrderOfArrival(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Who wins?"))
		pollID, voter := r.Polls[0].PollID, NewVoter()
		r.Count(Ballot{PollID: pollID, ClientID: voter, Key: "A", Seq: 5})
		// 204 too: a later vote of the voter stands
		r.Count(Ballot{PollID: pollID, ClientID: voter, Key: "B", Seq: 4})
		require.Equal(t, []CountedVote{{ClientID: voter, Key: "A"}}, r.Votes(pollID))

		last := int64(30)
		order := rand.Perm(int(last))
		concurrently(len(order), func(i int) {
			b := Ballot{PollID: pollID, ClientID: voter, Key: "B", Seq: int64(order[i]) + 6}
			if b.Seq == last+5 {
				b.Key = "A"
			}
			r.Through(s.replicas[i%len(s.replicas)]).Count(b)
		})
		require.Equal(t, []CountedVote{{ClientID: voter, Key: "A"}}, r.Votes(pollID))
		require.EqualValues(t, 1, r.Recount(pollID).Total)
		r.Count(Ballot{PollID: pollID, ClientID: voter, Key: "B", Seq: 1<<53 - 1})
		require.Equal(t, []CountedVote{{ClientID: voter, Key: "B"}}, r.Votes(pollID))
	})
}

func TestVotesThatCrossATransitionAreCountedOrRefusedAndNeverBoth(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("One"), choice("Two"))
		pollID := r.Polls[0].PollID
		var mu sync.Mutex
		counted := map[string]bool{} // by voter: 204 or 202
		concurrently(120, func(i int) {
			if i == 60 {
				r.Next()
				return
			}
			voter := NewVoter()
			a := r.Through(s.replicas[i%len(s.replicas)]).
				Cast(Ballot{PollID: pollID, ClientID: voter, Key: "A"})
			mu.Lock()
			defer mu.Unlock()
			switch a.Status {
			case http.StatusNoContent, http.StatusAccepted:
				counted[voter] = true
			case http.StatusConflict:
				counted[voter] = false
			case http.StatusServiceUnavailable: // unknown
			default:
				t.Errorf("%v", a)
			}
		})
		finalOf(t, r, pollID)
		there := map[string]bool{}
		for _, v := range r.Votes(pollID) {
			there[v.ClientID] = true
		}
		for voter, want := range counted {
			require.Equal(t, want, there[voter], voter)
		}
		r.Recount(pollID)
	})
}

func TestVoteSaysWhatThePreferenceAskedFor(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Who wins?"))
		prefer := func(preference string) *Answer {
			req := r.ballot(Ballot{PollID: r.Polls[0].PollID, ClientID: NewVoter(), Key: "A"})
			req.Header = map[string]string{"Prefer": preference}
			return r.Do(req)
		}
		a := prefer("respond-async")
		require.Equal(t, http.StatusAccepted, a.Status)
		require.JSONEq(t, `{"status":"accepted"}`, string(a.Body))
		require.Equal(t, "respond-async", a.Header.Get("Preference-Applied"))
		a = prefer("wait=5")
		require.Contains(t, []int{http.StatusNoContent, http.StatusAccepted}, a.Status)
		require.Equal(t, "wait=5", a.Header.Get("Preference-Applied"))
		for _, ignored := range []string{"wait=never", "handling=lenient", "wait=-1"} {
			a = prefer(ignored)
			require.Contains(t, []int{http.StatusNoContent, http.StatusAccepted}, a.Status,
				"a preference is no order")
			require.Empty(t, a.Header.Get("Preference-Applied"), ignored)
		}
		require.Eventually(t, func() bool {
			return r.Results(r.Polls[0].PollID).
				Total == 5
		}, wait, tick)
	})
}

func TestEveryAcceptedVoteHasAReceiptOfItsOwn(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Who wins?"))
		seen := map[string]bool{}
		for range 10 {
			seen[r.Cast(Ballot{PollID: r.Polls[0].PollID, ClientID: NewVoter(), Key: "A"}).
				Header.Get("X-Vote-Id")] = true
		}
		require.Len(t, seen, 10)
	})
}

// TestVotesTakeTheUsualWayWhereTheySaySo looks at the log: from outside both ways are one.
func TestVotesTakeTheUsualWayWhereTheySaySo(t *testing.T) {
	usualWay.on(t)
	log, err := os.ReadFile(usualWay.stack.APIs[0].Log)
	require.NoError(t, err)
	require.Contains(t, string(log), "every vote goes the way of all requests")
}

// concurrently runs n calls at once and waits for all.
func concurrently(n int, call func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { call(i) })
	}
	wg.Wait()
}

func ballotJSON(pollID, voter, rest string) string {
	return fmt.Sprintf(`{"poll_id":%q,"client_id":%q%s}`, pollID, voter, rest)
}
