package e2e

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/test/stack"
)

// What an API that is cut off from the database may take to say so.
const (
	busy           = 4 * time.Second      // what a busy machine adds to everything
	voteBound      = poll.Lease + busy    // one read is tried, for as long as it would be of use
	readyBound     = time.Second + busy   // what /readyz asks for
	requestBound   = 5*time.Second + busy // what any other request may ask of the database
	recoveredBound = 15 * time.Second     // from when the network is back
)

// cutOff is an API with a network of its own to the database, which can fall silent.
type cutOff struct {
	*toxiproxy.Proxy
	t *testing.T
}

// through is what a stack's Each does: the API reaches the database through the network.
func (c *cutOff) through(app *stack.App) {
	if app.Kind != "api" {
		return
	}
	const name = "PLENARY_DATABASE_URL="
	for i, setting := range app.Env {
		if direct, ok := strings.CutPrefix(setting, name); ok {
			u, err := url.Parse(direct)
			require.NoError(c.t, err)
			server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()),
				zerolog.Nop())
			c.Proxy = toxiproxy.NewProxy(server, "database", "127.0.0.1:0", u.Host)
			require.NoError(c.t, c.Start())
			u.Host = c.Listen
			app.Env[i] = name + u.String()
		}
	}
}

// swallow lets no byte through any more, and breaks no connection.
func (c *cutOff) swallow() {
	for _, direction := range []string{"upstream", "downstream"} {
		_, err := c.Toxics.AddToxicJson(strings.NewReader(`{"type":"timeout","stream":"` +
			direction + `","attributes":{"timeout":0}}`))
		require.NoError(c.t, err)
	}
}

func (c *cutOff) heal() { c.Toxics.ResetToxics(context.Background()) }

func TestAnAPIThatIsCutOffFromTheDatabaseSaysSoInTimeAndIsBackWithTheNetwork(t *testing.T) {
	t.Parallel()
	network := &cutOff{t: t}
	s, _ := own(t, stack.Config{Parts: stack.Servers | stack.API | stack.Worker, APIs: 1,
		Workers: 1, Each: network.through})
	defer network.Stop()
	r := show(s.Client, choice("Who wins?"), choice("And then?"))
	pollID := r.Polls[0].PollID
	acknowledged := map[string]bool{}
	vote := func() *Answer {
		voter := NewVoter()
		a := r.Cast(Ballot{PollID: pollID, ClientID: voter, Key: "A"})
		if a.Status == http.StatusNoContent || a.Status == http.StatusAccepted {
			acknowledged[voter] = true
		}
		return a
	}
	require.Eventually(t, func() bool { return vote().Status == http.StatusNoContent },
		recoveredBound, 10*time.Millisecond)

	network.swallow()
	cut := time.Now()
	unavailable := func(what string, bound time.Duration, a *Answer, took time.Duration) {
		assert.Equal(t, "503 unavailable", a.Code(), what)
		assert.Equal(t, "1", a.Header.Get("Retry-After"), what)
		assert.Less(t, took, bound, what)
	}

	// Votes count under the lease that the API has, and not a moment longer.
	for refused := 0; refused < 3; {
		begun := time.Now()
		a := vote()
		took := time.Since(begun)
		if begun.Sub(cut) < poll.Lease && a.Status < 300 {
			continue
		}
		unavailable("a vote", voteBound, a, took)
		if refused++; a.Status < 300 {
			t.FailNow()
		}
	}
	require.NotEmpty(t, acknowledged)

	// Everything else at once, and more of it than the API has connections to the database.
	var asking sync.WaitGroup
	ask := func(what string, bound time.Duration, request Request) {
		asking.Go(func() {
			begun := time.Now()
			a, err := r.Try(request)
			if assert.NoError(t, err, what) {
				unavailable(what, bound, a, time.Since(begun))
			}
		})
	}
	for range 30 {
		ask("results", requestBound,
			Request{Method: http.MethodGet, Path: r.Path("/polls/" + pollID + "/results")})
	}
	ask("a transition", requestBound,
		Request{Method: http.MethodPut, Path: r.Path("/polls/current"), Token: r.PresenterToken})
	ask("the presentation", requestBound, Request{Method: http.MethodGet, Path: r.Path("")})
	ask("a join code", requestBound,
		Request{Method: http.MethodGet, Path: Base + "/join/" + r.JoinCode})
	ask("the votes list", requestBound,
		Request{Method: http.MethodGet, Path: r.Path("/polls/" + pollID + "/votes"),
			Token: r.PresenterToken})
	ask("a new presentation", requestBound,
		Request{Method: http.MethodPost, Path: Base + "/presentations",
			JSON: NewPresentation{Polls: []NewPoll{choice("?")}}})
	ask("what is displayed", voteBound,
		Request{Method: http.MethodGet, Path: r.Path("/polls/current")})
	ask("/readyz", readyBound, Request{Method: http.MethodGet, Path: "/readyz"})
	for range 3 {
		begun := time.Now()
		unavailable("a vote", voteBound, vote(), time.Since(begun))
		begun = time.Now()
		a := r.Do(Request{Method: http.MethodGet, Path: "/readyz"})
		unavailable("/readyz", readyBound, a, time.Since(begun))
		require.Equal(t, "not ready", a.Problem().Detail)
		begun = time.Now()
		told := r.Operators("/readyz")
		require.Equal(t, http.StatusServiceUnavailable, told.Status)
		require.JSONEq(t, `{"status":"away","away":["database"]}`, string(told.Body))
		require.Less(t, time.Since(begun), readyBound)
	}
	require.Equal(t, http.StatusOK, r.Do(Request{Method: http.MethodGet, Path: "/healthz"}).Status,
		"the process lives")
	asking.Wait()

	network.heal()
	require.Eventually(t, func() bool { return vote().Status == http.StatusNoContent },
		recoveredBound, 10*time.Millisecond, "votes are taken again")
	require.Eventually(t, func() bool {
		return r.Do(Request{Method: http.MethodGet,
			Path: "/readyz"}).Status == http.StatusOK
	},
		recoveredBound, 10*time.Millisecond)
	displays(t, r, pollID)
	counted := map[string]bool{}
	for _, v := range r.Votes(pollID) {
		counted[v.ClientID] = true
	}
	for voter := range acknowledged {
		require.True(t, counted[voter], "an acknowledged vote is lost")
	}
	require.Equal(t, r.Polls[1].PollID, r.Next().PollID)
}
