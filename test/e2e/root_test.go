package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

const (
	someRoot   = "/our/polls"
	rootedHost = "https://host.example"
)

// atRoot gives the systems that live under a path, and of each the addresses by which a proxy in
// front may ask it.
func atRoot(t *testing.T, test func(t *testing.T, s site)) {
	t.Helper()
	rooted := []string{"PLENARY_PUBLIC_URL=" + rootedHost + someRoot + "/",
		"PLENARY_CORS_ORIGINS=" + otherPage, "PLENARY_EMBED_ORIGINS=" + otherPage}
	for name, cfg := range map[string]stack.Config{
		"embedded":         {Parts: stack.API, APIs: 1, APIEnv: rooted},
		"production shape": {APIs: 2, Workers: 1, APIEnv: rooted},
	} {
		t.Run(name, func(t *testing.T) {
			if cfg.Workers > 0 {
				cfg.AMQPURL = stack.RabbitMQURL(t)
			}
			s, _ := own(t, cfg)
			for how, root := range map[string]string{"the proxy leaves the path": someRoot,
				"the proxy takes the path off": ""} {
				t.Run(how, func(t *testing.T) {
					client := *s.Client
					client.tb, client.root = t, root
					test(t, site{Client: &client, production: s.production})
				})
			}
		})
	}
}

// TestEverythingWorksUnderAPath goes through what leads somewhere. What an answer names is below
// the path, whether the proxy in front leaves that on a request or not. Clients ask that proxy.
func TestEverythingWorksUnderAPath(t *testing.T) {
	t.Parallel()
	atRoot(t, func(t *testing.T, s site) {
		plain := func(r Request) *Answer { // what the OpenAPI file does not have
			r.Path = s.root + r.Path
			return beside(t, s.Client, r)
		}
		made := s.Do(Request{Method: "POST", Path: Base + "/presentations",
			JSON: NewPresentation{Title: "T", Polls: []NewPoll{choice("Who wins?")}}})
		require.Equal(t, http.StatusCreated, made.Status)
		r := &Room{Client: s.Client}
		require.NoError(t, json.Unmarshal(made.Body, &r.Created))
		require.Equal(t, someRoot+r.Path(""), made.Header.Get("Location"))
		r.Polls = r.Presentation(true).Polls
		added := s.Do(Request{Method: "POST", Path: r.Path("/polls"), Token: r.PresenterToken,
			JSON: choice("And now?")})
		require.Equal(t, http.StatusCreated, added.Status)
		require.True(t, strings.HasPrefix(added.Header.Get("Location"), someRoot+r.Path("/polls/")),
			added.Header.Get("Location"))

		// A stream that NGINX held back would not say what is new.
		watching := r.watch(t, "")
		r.Next()
		first, id := r.Polls[0], ""
		for range 10 {
			e, err := watching.next()
			require.NoError(t, err)
			if e.shown != nil && e.shown.Poll != nil {
				id = e.shown.Poll.PollID
				break
			}
		}
		require.Equal(t, first.PollID, id)

		voters := []string{NewVoter(), NewVoter(), NewVoter()}
		for _, v := range voters {
			r.Vote(first.PollID, v, "A")
		}
		require.Equal(t, map[string]int64{"A": 3}["A"], r.Recount(first.PollID).Counts()["A"])

		// The list of votes goes on where its link leads.
		a := s.Do(Request{Method: "GET", Path: r.Path("/polls/" + first.PollID + "/votes?limit=2"),
			Token: r.PresenterToken})
		require.Equal(t, http.StatusOK, a.Status)
		next, _, _ := strings.Cut(strings.TrimPrefix(a.Header.Get("Link"), "<"), ">")
		require.True(t, strings.HasPrefix(next, someRoot+r.Path("/polls/")), next)
		rest := s.Do(Request{Method: "GET", Path: strings.TrimPrefix(next, someRoot),
			Token: r.PresenterToken})
		require.Equal(t, http.StatusOK, rest.Status)
		require.Len(t, strings.Split(strings.TrimSpace(string(rest.Body)), "\n"), 1)
		require.Empty(t, rest.Header.Get("Link"))

		// A form without a script, the code of the public address, the reference.
		follow := &http.Client{Transport: transport,
			CheckRedirect: func(*http.Request,
				[]*http.Request) error {
				return http.ErrUseLastResponse
			}}
		for path, want := range map[string]string{"/join?code=" +
			strings.ToLower(r.JoinCode): "/join/" + r.JoinCode, "/join?code=": "/"} {
			res, err := follow.Get(s.base + s.root + path)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			require.Equal(t, http.StatusSeeOther, res.StatusCode)
			require.Equal(t, someRoot+want, res.Header.Get("Location"))
		}
		drawn := plain(Request{Method: "GET", Path: "/qr.svg?code=" + r.JoinCode})
		same := plain(Request{
			Method: "POST", Path: "/qr.svg", Body: rootedHost + someRoot + "/join/" + r.JoinCode,
			Header: map[string]string{"Content-Type": "text/plain"},
		})
		require.Equal(t, string(same.Body), string(drawn.Body),
			"the QR code leads to the public address")
		reference := s.Do(Request{Method: "GET", Path: Base + "/openapi.yaml"})
		require.Contains(t, string(reference.Body), "\nservers:\n  - url: "+someRoot+"\n")
		docs := plain(Request{Method: "GET", Path: "/docs"})
		require.Contains(t, string(docs.Body), `src="`+someRoot+`/docs/start.js"`)
		require.Contains(t, string(plain(Request{Method: "GET", Path: "/docs/start.js"}).Body),
			`"`+someRoot+Base+`/openapi.yaml"`)

		// What may be in a frame, of which nothing in between says anything else.
		for path, by := range map[string]string{"/p/" + r.PresentationID: otherPage,
			"/join/" + r.JoinCode: otherPage, "/results/" + r.PresentationID: otherPage,
			"/": "'none'", "/stage/" + r.PresentationID: "'none'", "/docs": "'none'",
			"/nothing": "'none'"} {
			page := plain(Request{Method: "GET", Path: path,
				Header: map[string]string{"Accept": "text/html"}})
			policies := page.Header.Values("Content-Security-Policy")
			require.Len(t, policies, 1, path)
			require.True(t, strings.HasSuffix(policies[0], "; frame-ancestors "+by), "%s: %s",
				path, policies[0])
			require.Empty(t, page.Header.Values("X-Frame-Options"), path)
		}

		// Health, a preflight, an answer to a page of another origin, an error.
		for _, path := range []string{"/healthz", "/readyz", Base + "/ping"} {
			require.Equal(t, http.StatusOK, s.Do(Request{Method: "GET", Path: path}).Status, path)
		}
		require.Equal(t, otherPage,
			preflight(t, s.base+s.root+r.Path("/polls/current/votes")).
				Header.Get("Access-Control-Allow-Origin"))
		a = s.Do(Request{Method: "GET", Path: Base + "/ping",
			Header: map[string]string{"Origin": otherPage}})
		require.Equal(t, otherPage, a.Header.Get("Access-Control-Allow-Origin"))
		require.Equal(t, "404 not_found",
			s.Do(Request{Method: "GET", Path: Base + "/nowhere", Wrong: true}).Code())
		for _, path := range []string{"/our/healthz", someRoot + someRoot + "/healthz",
			"/our/pollsters/healthz"} {
			res, err := follow.Get(s.base + path)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			require.Equal(t, http.StatusNotFound, res.StatusCode, path)
		}
	})
}

// TestABodyOfAVoteUnderAPathIsAsShortAsElsewhere: what is bounded by path is so below the root,
// too.
func TestABodyOfAVoteUnderAPathIsAsShortAsElsewhere(t *testing.T) {
	s, _ := own(t, stack.Config{Parts: stack.API, APIs: 1,
		APIEnv: []string{"PLENARY_PUBLIC_URL=" + rootedHost + someRoot}})
	s.root = someRoot
	r := show(s.Client, choice("Who wins?"))
	for _, path := range []string{"/polls/current/votes", "/voters"} {
		a := r.Do(Request{Method: "POST", Path: r.Path(path), Body: strings.Repeat(" ", 5000),
			Header: map[string]string{"Content-Type": jsonEnc}, Wrong: true})
		require.Equal(t, "413 payload_too_large", a.Code(), path)
	}
}

// TestTheCollectionRunsUnderAPath as somebody runs it whose service lives there.
func TestTheCollectionRunsUnderAPath(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: newman needs Node.js")
	}
	t.Parallel()
	s, _ := own(t, stack.Config{Parts: stack.API, APIs: 1,
		APIEnv: []string{"PLENARY_PUBLIC_URL=" + rootedHost + someRoot}})
	runNewman(t, s.base+someRoot)
}

// TestAPathThatBeginsLikeOneOfTheServersStopsTheStart and names the setting.
func TestAPathThatBeginsLikeOneOfTheServersStopsTheStart(t *testing.T) {
	t.Parallel()
	for _, root := range []string{"/api", "/join/us", "/p", "/assets", "/docs", "/qr.svg"} {
		cfg := stack.Config{Parts: stack.API, APIs: 1,
			APIEnv: []string{"PLENARY_PUBLIC_URL=" + rootedHost + root}}
		running, err := launch(cfg)
		if err == nil {
			require.NoError(t, running.Close())
		}
		require.ErrorContains(t, err, "PLENARY_PUBLIC_URL", root)
		require.ErrorContains(t, err,
			fmt.Sprintf("its path begins with /%s,", strings.Split(root, "/")[1]))
	}
}
