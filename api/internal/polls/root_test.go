package polls

import (
	"bufio"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/plenary-live/plenary/api/internal/polls/fast/fasttest"
	"github.com/plenary-live/plenary/api/internal/web"
)

func TestARootIsCutWhereItEndsOnly(t *testing.T) {
	for _, c := range [][3]string{
		{"/polls", "/polls", "/"}, {"/polls/", "/polls", "/"}, {"/polls/p/1", "/polls", "/p/1"},
		{"/polls/polls", "/polls", "/polls"},
		{"/a/b/c", "/a/b", "/c"}, {"/p/1", "", "/p/1"},
		{"/pollsters", "/polls", ""}, {"/p/1", "/polls", ""}, {"/POLLS/p", "/polls", ""},
		{"/%70olls/p", "/polls", ""}, {"//polls/p", "/polls", ""},
		{"/x/polls/p", "/polls", ""}, {"", "/polls", ""}, {"/a/bc", "/a/b", ""},
	} {
		rest, ok := web.CutRoot([]byte(c[0]), c[1])
		require.Equal(t, c[2] != "", ok, c)
		if !ok {
			c[2] = c[0]
		}
		require.Equal(t, c[2], string(rest), c)
	}
}

// serverBelow gives what answers requests of a server with that root, which has a few routes more.
func serverBelow(root string) (s *whole, ask func(method, target string) *fasthttp.Response) {
	s = newWhole(wholeConfig{
		Root: root, Logger: slog.New(slog.DiscardHandler),
		Observe: func(string, string, int, time.Duration) {},
		Away:    func(context.Context) []string { return nil },
		Mount: []func(fiber.Router){func(r fiber.Router) {
			r.Get("/", func(c *fiber.Ctx) error {
				return c.SendString("start " + c.Path() + "?" +
					c.Query("x"))
			})
			r.Get("/to", func(c *fiber.Ctx) error {
				c.Set("Link", "<"+c.Path()+`?a=1>; rel="next", </api/v1>; rel="up"`)
				return c.Redirect("/join/BCD234", http.StatusSeeOther)
			})
			r.Get("/away", func(c *fiber.Ctx) error {
				c.Set("Link", `<https://example.org/x>; rel="next"`)
				return c.Redirect("https://example.org/x")
			})
		}},
	})
	s.app.Handler() // it builds the tree of the routes
	return s, func(method, target string) *fasthttp.Response {
		var fctx fasthttp.RequestCtx
		fctx.Init(&fasthttp.Request{}, nil, nil)
		fctx.Request.Header.SetMethod(method)
		fctx.Request.SetRequestURI(target)
		fctx.Request.Header.SetHost("host")
		s.app.Server().Handler(&fctx)
		return &fctx.Response
	}
}

// TestAServerBelowAPathIsTheSameWhetherAProxyTakesThePathOffOrNot: and what it leads to is below
// the path, as its clients see it.
func TestAServerBelowAPathIsTheSameWhetherAProxyTakesThePathOffOrNot(t *testing.T) {
	_, ask := serverBelow("/our/polls")
	for _, before := range []string{"", "/our/polls", "http://host", "http://host/our/polls"} {
		require.Equal(t, "start /?7", string(ask("GET", before+"/?x=7").Body()), before)
		require.Equal(t, 200, ask("GET", before+"/healthz").StatusCode(), before)
		require.Equal(t, 200, ask("GET", before+web.Base+"/ping").StatusCode(), before)
		require.Equal(t, 404, ask("GET", before+"/nothing").StatusCode(), before)
		res := ask("PUT", before+web.Base+"/presentations")
		require.Equal(t, 405, res.StatusCode(), before)
		require.Equal(t, "OPTIONS, POST", string(res.Header.Peek("Allow")), before)

		res = ask("GET", before+"/to")
		require.Equal(t, "/our/polls/join/BCD234", string(res.Header.Peek("Location")), before)
		require.Equal(t, `</our/polls/to?a=1>; rel="next", </our/polls/api/v1>; rel="up"`,
			string(res.Header.Peek("Link")), before)
		res = ask("GET", before+"/away")
		require.Equal(t, "https://example.org/x", string(res.Header.Peek("Location")), before)
		require.Equal(t, `<https://example.org/x>; rel="next"`,
			string(res.Header.Peek("Link")), before)
	}
	require.Equal(t, "start /?", string(ask("GET", "/our/polls").Body()),
		"the path itself is the start page")
	for _, other := range []string{"/our", "/our/pollsters/healthz", "/our/polls/our/polls/healthz",
		"/polls/healthz", "/our/POLLS/healthz", "/our//polls/healthz"} {
		require.Equal(t, 404, ask("GET", other).StatusCode(), other)
	}
	_, ask = serverBelow("")
	require.Equal(t, "/join/BCD234", string(ask("GET", "/to").Header.Peek("Location")))
	require.Equal(t, 404, ask("GET", "/our/polls/healthz").StatusCode())
}

func TestTheDescriptionSaysWhatItsPathsAreBelow(t *testing.T) {
	for root, url := range map[string]string{"": "/", "/polls": "/polls",
		"/a-b_c.d~/e": "/a-b_c.d~/e"} {
		_, ask := serverBelow(root)
		text := string(ask("GET", root+web.Base+"/openapi.yaml").Body())
		require.Contains(t, text, "\nservers:\n  - url: "+url+"\n", root)
		require.Equal(t, 1, strings.Count(text, "\nservers:"))
	}
}

func TestARootThatBeginsLikeAPathOfTheServerIsRefused(t *testing.T) {
	for _, root := range []string{"/api", "/api/v1", "/healthz", "/readyz/x", "/to"} {
		s, _ := serverBelow(root)
		require.ErrorContains(t, s.CheckRoot(),
			"its path begins with /"+strings.Split(root, "/")[1], root)
	}
	for _, root := range []string{"", "/polls", "/apis", "/a", "/polls/api", "/API"} {
		s, _ := serverBelow(root)
		require.NoError(t, s.CheckRoot(), root)
	}
}

// TestAVoteBelowAPathIsTakenAsQuickly: no vote costs more because of a path, whether a proxy takes
// it off or not.
func TestAVoteBelowAPathIsTakenAsQuickly(t *testing.T) {
	const root = "/our/polls"
	b := newBoothBelow(t, root)
	for _, c := range []struct {
		path    string
		status  int
		quickly bool
	}{
		{fasttest.APath, 204, true}, {root + fasttest.APath, 204, true},
		{"/our" + fasttest.APath, 404, false}, {root + root + fasttest.APath, 404,
			false}, {"/our/pollsters" + fasttest.APath, 404, false}, {"/our/Polls" +
			fasttest.APath, 404, false},
		{root + "/" + fasttest.APath, 404, false}, {root, 405, false},
	} {
		client := dial(t, b.Listener)
		answers := bufio.NewReader(client)
		var told [2][]string
		for i, plain := range []bool{true, false} {
			request := fasttest.Request(c.path, ballot("counted"), "X-Request-Id: one-and-the-same")
			if !plain {
				request = forFiber(request)
			}
			before := b.byFiber.Load()
			b.told.next()
			answer := client.vote(answers, request)
			if c.path != root {
				answer.require(t, c.status)
			}
			require.Equal(t, c.quickly && plain, b.byFiber.Load() == before, "%s quickly", c.path)
			told[i] = answer.anonymous(b.told.next())
		}
		require.Equal(t, told[1], told[0], "%s is logged and measured alike", c.path)
		if c.quickly {
			require.Contains(t, strings.Join(told[0], "\n"), "path="+fasttest.APath,
				"as the routes know it")
		}
	}
}
