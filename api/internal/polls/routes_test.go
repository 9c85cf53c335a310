package polls

import (
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/intake"
	"github.com/plenary-live/plenary/pkg/poll"
)

func TestMain(m *testing.M) {
	// fasthttp's clock for the Date header runs as long as the process, and its pool notices its
	// end with a delay.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

func newTestServer(away ...string) *whole {
	return newWhole(wholeConfig{
		Logger:  slog.New(slog.DiscardHandler),
		Observe: func(string, string, int, time.Duration) {},
		Away:    func(context.Context) []string { return away },
	})
}

func answer(t *testing.T, s *whole, method, path string) (int, string) {
	t.Helper()
	res, err := s.app.Test(httptest.NewRequest(method, path, nil), -1)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body)
}

func TestPagesAreThereBesideTheAPIAndBeforeItsServices(t *testing.T) {
	var observed string
	s := newWhole(wholeConfig{
		Logger:  slog.New(slog.DiscardHandler),
		Observe: func(_, route string, _ int, _ time.Duration) { observed = route },
		Away:    func(context.Context) []string { return []string{"database"} },
		Mount: []func(fiber.Router){func(r fiber.Router) {
			r.Get("/", func(c *fiber.Ctx) error { return c.SendString("a page") })
			r.Get("/:any", func(c *fiber.Ctx) error { return c.SendString("another") })
		}},
	})
	code, body := answer(t, s, "GET", "/")
	require.Equal(t, 200, code)
	require.Equal(t, "a page", body)
	require.Equal(t, "/", observed)
	_, body = answer(t, s, "GET", "/healthz")
	require.Contains(t, body, "ok", "the API comes first")
	code, body = answer(t, s, "GET", "/x/y")
	require.Equal(t, 404, code)
	require.Contains(t, body, `"code":"not_found"`)
	require.Equal(t, "unmatched", observed)
}

func TestAServerThatWaitsSaysSoAndTellsTheAudienceNothingElse(t *testing.T) {
	s := newTestServer("database", "queue")
	code, _ := answer(t, s, "GET", "/healthz")
	require.Equal(t, 200, code, "the process lives")
	code, body := answer(t, s, "GET", "/readyz")
	require.Equal(t, 503, code)
	require.Contains(t, body, `"detail":"not ready"`)
	code, body = answer(t, s, "GET", web.Base+"/join/BCD234")
	require.Equal(t, 503, code)
	require.Contains(t, body, `"code":"unavailable"`)
	require.NotContains(t, body, "database")
	for _, path := range []string{"/metrics", "/metrics/", "/METRICS", "/metrics?x", "//metrics",
		"/debug/pprof/"} {
		code, _ = answer(t, s, "GET", path)
		require.Equal(t, 404, code, path)
	}
}

func TestPreferences(t *testing.T) {
	for header, want := range map[string]struct {
		wait    time.Duration
		async   bool
		applied string
	}{
		"":                                {time.Second, false, ""},
		"wait=3":                          {3 * time.Second, false, "wait=3"},
		"Wait = 0":                        {0, false, "wait=0"},
		`wait="2"`:                        {2 * time.Second, false, "wait=2"},
		"wait=3600":                       {5 * time.Second, false, "wait=5"},
		"wait=1, wait=4":                  {time.Second, false, "wait=1"},
		"respond-async":                   {time.Second, true, "respond-async"},
		"respond-async, wait=2; x=1":      {2 * time.Second, false, "respond-async, wait=2"},
		"return=minimal, handling=strict": {time.Second, false, ""},
		"wait=-1":                         {time.Second, false, ""},
		"wait=1.5, wait":                  {time.Second, false, ""},
		"wait=99999999999999999999":       {time.Second, false, ""},
		",,;=;\x00":                       {time.Second, false, ""},
	} {
		wait, applied := web.Preference(header, intake.DefaultWait, intake.Deadline)
		require.Equal(t, want.wait, wait.For, header)
		require.Equal(t, want.async, wait.Async, header)
		require.Equal(t, want.applied, applied, header)
	}
}

func TestVersionsInHeaders(t *testing.T) {
	for value, want := range map[string][]int64{
		"": nil, " ": nil, "*": nil, " * ": nil,
		`"3"`: {3}, `3`: {3}, ` "0" `: {0}, `"9223372036854775807"`: {9223372036854775807},
		`"1", "2"`: {1, 2}, "\"1\"\t,\t\"2\"": {1, 2}, `"1","2",7`: {1, 2, 7},
		`,"1",, "2",`: {1, 2},
		`W/"12"`:      {}, `W/"1", W/"2"`: {}, `W/"1", "2"`: {2},
	} {
		got, err := versions("If-Match", value)
		require.NoError(t, err, value)
		require.Equal(t, want, got, value)
	}
	for _, value := range []string{
		"x", `"x"`, `"`, `""`, `"3`, `3"`, `"-1"`, "-1", "+1", `"9223372036854775808"`, "3.0",
		`"1" "2"`, `"1";"2"`, `"1,2"`, "*, *", `"1", *`,
		",", " , ,", `w/"1"`, `W/1`, "W/", `W/ "1"`, `"1", x`, "\x00", `"1` + "\x00" + `"`,
		"\"\u0661\"", strings.Repeat(`"`, 9000),
	} {
		_, err := versions("If-Match", value)
		require.ErrorContains(t, err, "If-Match", value)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), value)
	}
}

func TestRevisionsInHeaders(t *testing.T) {
	for value, want := range map[string]poll.Seen{
		"": nil, " * ": nil,
		`"3"`: {0}, `"3-a"`: {0}, `"3-bh"`: {17}, `"0-jccddhcadgifehhfiah"`: {9223372036854775807},
		`"1-b", "2-c"`: {1, 2}, `,"1-b",, "2-c",`: {1, 2},
		`W/"1-b"`: {}, `W/"1-b", "2-c"`: {2}, `"3-after"`: {-1}, `"3-presenter", "3-c"`: {-1, 2},
	} {
		got, err := revisions("If-Match", value)
		require.NoError(t, err, value)
		require.Equal(t, want, got, value)
	}
	for _, value := range []string{
		"3", "x", `"x"`, `""`, `"3-"`, `"-b"`, `"3-B"`, `"3-1"`, `"3-b`, `"3-b-c"`, `"3.1"`,
		`"3-bbbbbbbbbbbbbbbbbbbbbbb"`, `"99999999999999999999-b"`, `"1-b", 2`,
		`"1-b" "2-c"`, "*, *", `"1-b", *`, ",", "W/", "\x00", "\"1-\u0430\"",
		strings.Repeat(`"`, 9000),
	} {
		_, err := revisions("If-Match", value)
		require.ErrorContains(t, err, "If-Match", value)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), value)
	}
	for _, edits := range []int64{0, 1, 9, 10, 1234567890} {
		tag := standTag(7, edits)
		seen, err := revisions("If-Match", tag)
		require.NoError(t, err)
		require.Equal(t, poll.Seen{edits}, seen)
		version, err := versions("If-Match", tag)
		require.NoError(t, err)
		require.Equal(t, []int64{7}, version, "the same tag does for a transition")
	}
}

func TestNoAnswerIsTakenForAnotherType(t *testing.T) {
	s := newTestServer("database")
	for path, status := range map[string]int{"/healthz": 200, web.Base + "/openapi.yaml": 200,
		web.Base + "/join/BCD234": 503, "/x/y": 404} {
		res, err := s.app.Test(httptest.NewRequest("GET", path, nil), -1)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, status, res.StatusCode, path)
		require.Equal(t, []string{"nosniff"}, res.Header.Values("X-Content-Type-Options"), path)
	}
	res, err := s.app.Test(httptest.NewRequest("BREW", "/", nil), -1)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, "nosniff", res.Header.Get("X-Content-Type-Options"),
		"refused before any handler")
}
