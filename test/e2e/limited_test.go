package e2e

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// TestAHallBehindOneAddressIsNotLimited does with 300 phones what the pages do, at the limits of a
// product that nobody has set.
func TestAHallBehindOneAddressIsNotLimited(t *testing.T) {
	s, _ := own(t, stack.Config{Parts: stack.API, APIs: 1, APIEnv: asDelivered})
	const phones = 300
	r := s.Create(NewPresentation{
		Voters: "pass", Polls: []NewPoll{choice("Now"), {Question: "Why?", Kind: "open_text"}},
	})
	require.Equal(t, 200, r.Move(nil, nil).Status)
	first := r.Polls[0].PollID
	page := func(path string) {
		res, err := (&http.Client{Transport: transport}).Get(s.base + path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		defer func() { _ = res.Body.Close() }()
		if _, err = io.ReadAll(res.Body); err != nil || res.StatusCode != 200 {
			t.Errorf("%s: %s, %v", path, res.Status, err)
		}
	}
	asks := func(request Request, want ...int) *Answer {
		a := s.Do(request)
		for _, status := range want {
			if a.Status == status {
				return a
			}
		}
		t.Errorf("%s %s: %v", request.Method, request.Path, a)
		return a
	}
	read := func(path string) { asks(Request{Method: "GET", Path: path}, 200) }
	var streams []*stream
	for range phones {
		streams = append(streams, r.watch(t, ""))
	}
	concurrently(phones, func(int) {
		page("/join/" + r.JoinCode)
		read(Base + "/join/" + r.JoinCode)
		read(r.Path(""))
		read(r.Path("/polls/current"))
		a := asks(Request{Method: "POST", Path: r.Path("/voters")}, 201)
		var pass Pass
		if err := a.Decode(&pass); err != nil {
			t.Error(err)
			return
		}
		asks(r.ballot(Ballot{PollID: first, Pass: pass.Pass, Key: "A"}), 204, 202)
		for range 3 { // a page asks so often where a proxy holds its stream back
			read(r.Path("/polls/current"))
			read(r.Path("/polls/" + first + "/results"))
		}
	})
	for range 150 { // a presenter moves slides, looks at the room and edits meanwhile
		asks(Request{Method: "GET", Path: r.Path("/audience"), Token: r.PresenterToken}, 200)
	}
	for range 110 {
		a := r.Move(map[string]string{"move": "close"}, nil)
		require.Equal(t, 200, a.Status, "%v", a)
		asks(Request{Method: "PATCH", Path: r.Path(""), Token: r.PresenterToken,
			JSON: map[string]string{"title": "Other"}}, 200, 204)
	}
	concurrently(phones, func(int) { // when it is over, all look back
		page("/results/" + r.PresentationID)
		read(r.Path("/results"))
		read(r.Path("/results?format=csv"))
		read(r.Path("/history"))
		read(r.Path("/polls/" + r.Polls[0].PollID + "/results"))
	})
	for _, v := range streams {
		_, err := v.next()
		require.NoError(t, err)
	}
	// The token that creating took may be back.
	require.InDelta(t, 99, allowed(t, s.replicas, 300, "127.0.0.1"), 1, "nothing else was limited")
}

func TestWhatIsLimitedIsWhatTheContractSays(t *testing.T) {
	s, _ := own(t, stack.Config{Parts: stack.API, APIs: 1, APIEnv: []string{
		"PLENARY_RATE_LIMIT=1000000", "PLENARY_BURST_LIMIT=1000000",
	}})
	limits := map[string]bool{}
	for path, item := range s.contract.Doc.Paths.Map() {
		if strings.HasPrefix(path, Base) {
			for _, op := range item.Operations() {
				limits[op.OperationID] = op.Extensions["x-limited"] == true
			}
		}
	}
	check := func(operation string, a *Answer) {
		t.Helper()
		want, there := limits[operation]
		require.True(t, there, operation)
		require.NotZero(t, a.Status, operation)
		for _, name := range []string{"Limit", "Remaining", "Reset"} {
			has := a.Header.Get("X-RateLimit-"+name) != ""
			require.Equal(t, want, has, "%s: %v", operation, a)
		}
		delete(limits, operation)
	}
	r := show(s.Client, choice("Now"), choice("Later"))
	for i := range accessCalls(r) {
		room := show(s.Client, choice("Now"), choice("Later"))
		c := accessCalls(room)[i]
		c.Token = room.PresenterToken
		a := s.Do(c.Request)
		if _, again := limits[c.operation]; again {
			check(c.operation, a)
		}
	}
	for operation, request := range map[string]Request{
		"createPresentation": {Method: "POST", Path: Base + "/presentations",
			JSON: NewPresentation{Polls: []NewPoll{choice("?")}}},
		"joinPresentation": {Method: "GET", Path: Base + "/join/" + r.JoinCode},
		"about":            {Method: "GET", Path: Base + "/"},
		"ping":             {Method: "GET", Path: Base + "/ping"},
		"getOpenAPI":       {Method: "GET", Path: Base + "/openapi.yaml"},
	} {
		check(operation, s.Do(request))
	}
	// The limit is asked first, so any request tells of it, one that nothing answers to as well.
	for path, item := range s.contract.Doc.Paths.Map() {
		for method, op := range item.Operations() {
			if _, again := limits[op.OperationID]; !again {
				continue
			}
			if method == http.MethodGet {
				method = http.MethodHead // some of them are streams
			}
			request := Request{Method: method, Path: parameter.ReplaceAllString(path, NewVoter()),
				Wrong: true}
			check(op.OperationID, s.Do(request))
		}
	}
	require.Empty(t, limits, "they were not asked")
}

// parameter is a part of a path that the contract leaves open.
var parameter = regexp.MustCompile(`\{[a-z_]+\}`)

func TestOperatorsAreToldWhatServesWithoutSecretsAndHosts(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		a := s.Do(Request{Method: "GET", Path: Base + "/"})
		require.Equal(t, 200, a.Status, "%v", a)
		var body struct {
			Name, Version, Commit string
			Features              []string
			Backends              []struct {
				Name, Kind string
				Answers    bool
			}
		}
		require.NoError(t, a.Decode(&body))
		require.Equal(t, "plenary", body.Name)
		require.NotEmpty(t, body.Version)
		require.Regexp(t, `^([0-9a-f]{40}|unknown)$`, body.Commit)
		require.Equal(t, []string{"polls", "talks", "feed", "accounts"}, body.Features)
		kinds := ""
		for _, b := range body.Backends {
			require.True(t, b.Answers, b.Name)
			kinds += b.Name + ":" + b.Kind + " "
		}
		require.Contains(t, []string{
			"database:sqlite queue:memory limits:memory ",
			"database:postgresql queue:memory limits:memory ",
			"database:postgresql queue:rabbitmq limits:redis ",
		}, kinds)
		require.Equal(t, s.production, strings.Contains(kinds, "redis"))
		require.NotRegexp(t, `127\.0\.0\.1|localhost|://|:[0-9]{4,5}\b|password`, string(a.Body))
		require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
		for _, path := range []string{"/api/v1", "/api/v1//", "/API/V1/"} {
			a := s.Do(Request{Method: "GET", Path: path, Wrong: true})
			require.Equal(t, 404, a.Status, path)
		}
	})
}

// TestOperatorsAreToldWhatIsAway breaks one server after the other. What serves says so in time,
// again and again, and nothing else is called away.
func TestOperatorsAreToldWhatIsAway(t *testing.T) {
	s, st := own(t, stack.Config{Parts: stack.Servers | stack.API | stack.Worker, APIs: 1,
		Workers: 1})
	tell := func() (away string) {
		t.Helper()
		begun := time.Now()
		a := s.Do(Request{Method: "GET", Path: Base + "/"})
		require.Equal(t, 200, a.Status, "%v", a)
		require.Less(t, time.Since(begun), readyBound)
		var body struct {
			Name, Version, Commit string
			Features              []string
			Backends              []struct {
				Name, Kind string
				Answers    bool
			}
		}
		require.NoError(t, a.Decode(&body))
		require.Len(t, body.Backends, 3)
		for _, b := range body.Backends {
			if !b.Answers {
				away += b.Name + " "
			}
		}
		return away
	}
	// until asks until the answer is the one that is wanted, and gives all that were others.
	until := func(want string) (others map[string]bool) {
		t.Helper()
		others = map[string]bool{}
		for begun := time.Now(); ; time.Sleep(tick) {
			away := tell()
			if away == want {
				return others
			}
			others[away] = true
			require.Less(t, time.Since(begun), time.Minute, "%q, not %q", away, want)
		}
	}
	for _, fault := range []struct {
		name, away string
		ends, and  func()
	}{
		{"PostgreSQL is killed", "database ", st.Postgres.Kill, func() {
			require.NoError(t, st.Postgres.Start(t.Context()))
		}},
		{"PostgreSQL is silent", "database ", st.Postgres.Pause, st.Postgres.Resume},
		{"Redis is killed", "limits ", st.Redis.Kill, func() {
			require.NoError(t, st.Redis.Start(t.Context()))
		}},
		{"Redis is silent", "limits ", st.Redis.Pause, st.Redis.Resume},
		{"RabbitMQ is silent", "queue ", st.Rabbits[0].Pause, st.Rabbits[0].Resume},
		{"RabbitMQ is killed", "queue ", st.Rabbits[0].Kill, func() {
			require.NoError(t, st.Rabbits[0].Start(t.Context()))
		}},
	} {
		until("")
		fault.ends()
		others := until(fault.away)
		delete(others, "")
		require.Empty(t, others, fault.name)
		fault.and()
	}
	until("")
}
