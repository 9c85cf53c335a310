package e2e

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

func TestVoteIsThereAfterTheEmbeddedServerWasEndedRightAfterThe204(t *testing.T) {
	s, st := own(t, embedded.cfg)
	api := st.APIs[0]
	r := show(s.Client, choice("Who wins?"), choice("And then?"))
	pollID := r.Polls[0].PollID
	for name, end := range map[string]func(){
		"SIGTERM": func() { require.NoError(t, api.Stop()) },
		"SIGKILL": api.Kill,
	} {
		t.Run(name, func(t *testing.T) {
			voter := NewVoter()
			r.Vote(pollID, voter, "B")
			end()
			require.NoError(t, api.Start(t.Context()))
			require.Contains(t, r.Votes(pollID), CountedVote{ClientID: voter, Key: "B"})
			r.Recount(pollID)
			r.Vote(pollID, voter, "A") // and the poll is still open
			require.Contains(t, r.Votes(pollID), CountedVote{ClientID: voter, Key: "A"})
		})
	}
}

func TestEveryAcknowledgedVoteIsThereAfterTheEmbeddedServerWasEndedWhileTheRoomVoted(t *testing.T) {
	s, st := own(t, embedded.cfg)
	api := st.APIs[0]
	for name, end := range map[string]func(){
		"SIGTERM": func() { require.NoError(t, api.Stop()) },
		"SIGKILL": api.Kill,
	} {
		t.Run(name, func(t *testing.T) {
			r := show(s.Client, choice("Who wins?"))
			pollID := r.Polls[0].PollID
			acknowledged := voteUntil(t, r, 50, end)
			require.NoError(t, api.Start(t.Context()))
			there := map[string]string{}
			for _, v := range r.Votes(pollID) {
				there[v.ClientID] = v.Key
			}
			for _, voter := range acknowledged {
				require.Equal(t, "A", there[voter], "an acknowledged vote is lost")
			}
			r.Recount(pollID)
		})
	}
}

// voteUntil has 16 people vote as fast as they can, and calls end after n acknowledged votes. It
// gives the voters of all acknowledged ones once every connection is gone.
func voteUntil(t *testing.T, r *Room, n int, end func()) (acknowledged []string) {
	t.Helper()
	var mu sync.Mutex
	enough := make(chan struct{})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for {
				voter := NewVoter()
				a, err := r.Try(r.ballot(Ballot{PollID: r.Polls[0].PollID,
					ClientID: voter, Key: "A"}))
				if err != nil || a.Status == http.StatusServiceUnavailable {
					return // the server is going
				}
				if a.Status != http.StatusNoContent && a.Status != http.StatusAccepted {
					t.Errorf("%v", a)
					return
				}
				mu.Lock()
				acknowledged = append(acknowledged, voter)
				if len(acknowledged) == n {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	end()
	wg.Wait()
	transport.CloseIdleConnections()
	return acknowledged
}

func TestApiThatStartsBeforeItsServersWaitsForThemAndSaysForWhich(t *testing.T) {
	t.Parallel()
	s, st := own(t, stack.Config{Parts: stack.Servers | stack.API | stack.Worker,
		APIs: 1, Workers: 1})
	api, worker, rabbit := st.APIs[0], st.Workers[0], st.Rabbits[0]
	for _, p := range []*stack.Process{api, worker, rabbit, st.Postgres} {
		require.NoError(t, p.Stop())
	}
	transport.CloseIdleConnections()

	var wg sync.WaitGroup
	defer wg.Wait()
	for _, p := range []*stack.Process{api, worker} { // Start returns when they are ready
		wg.Go(func() {
			if err := p.Start(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	get := func(path string) *Answer {
		a, err := s.Try(Request{Method: http.MethodGet, Path: path})
		if err != nil {
			return &Answer{}
		}
		return a
	}
	waitsFor := func(database, queue bool) {
		t.Helper()
		require.Eventually(t, func() bool {
			a := s.Operators("/readyz")
			return a.Status == http.StatusServiceUnavailable && names(a, "database") == database &&
				names(a, "queue") == queue
		}, wait, tick, "%v", s.Operators("/readyz"))
		public := get("/readyz")
		require.Equal(t, "503 unavailable", public.Kind())
		require.False(t, names(public, "database") || names(public, "queue"),
			"what is away is for operators: %v", public)
		require.Equal(t, http.StatusOK, get("/healthz").Status)
	}
	waitsFor(true, true)
	require.NoError(t, st.Postgres.Start(t.Context()))
	waitsFor(false, true)
	require.NoError(t, rabbit.Start(t.Context()))
	require.Eventually(t, func() bool { return get("/readyz").Status == http.StatusOK }, wait, tick)
	wg.Wait()
	r := show(s.Client, choice("Who wins?"))
	r.Vote(r.Polls[0].PollID, NewVoter(), "A")
	require.EqualValues(t, 1, r.Recount(r.Polls[0].PollID).Total)
}
