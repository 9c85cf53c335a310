package web

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/limit"
)

// limited is a site that counts with a counter. "/limited" is, "/free" is not.
func limited(
	t *testing.T, counter limit.Counter, sessions access.Sessions,
) func(path string, header ...string) *http.Response {
	t.Helper()
	s := New(Config{
		Record: Record{
			Logger:  slog.New(slog.DiscardHandler),
			Observe: func(string, string, int, time.Duration) {},
		},
		TrustedProxies: Proxies{netip.MustParsePrefix("0.0.0.0/32")},
		Counter:        counter,
	})
	s.Sessions = sessions
	ok := func(c *fiber.Ctx) error { return c.SendString("ok") }
	s.App.Get("/limited", s.Serving(ok))
	s.App.Get("/free", s.Unlimited(ok))
	lifetest.Start(t, s)
	return func(path string, header ...string) *http.Response {
		t.Helper()
		req := httptest.NewRequest(http.MethodGet, path, nil)
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		res, err := s.App.Test(req, -1)
		require.NoError(t, err)
		t.Cleanup(func() { _ = res.Body.Close() })
		return res
	}
}

func memory(perMinute int) *limit.Memory {
	return limit.NewMemory(limit.Rule{PerMinute: perMinute}, time.Now)
}

func TestALimitedAnswerSaysHowMuchIsLeftAndARefusalWhenToComeBack(t *testing.T) {
	get := limited(t, memory(2), nil)
	for _, want := range []struct {
		status                       int
		remaining, reset, retryAfter string
	}{{200, "1", "30", ""}, {200, "0", "60", ""}, {429, "0", "60", "30"}} {
		res := get("/limited")
		require.Equal(t, want.status, res.StatusCode)
		require.Equal(t, "2", res.Header.Get("X-RateLimit-Limit"))
		require.Equal(t, want.remaining, res.Header.Get("X-RateLimit-Remaining"))
		require.Equal(t, want.reset, res.Header.Get("X-RateLimit-Reset"))
		require.Equal(t, want.retryAfter, res.Header.Get("Retry-After"))
	}
	res := get("/limited")
	require.Equal(t, ProblemType, res.Header.Get("Content-Type"))
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	var p problem
	require.NoError(t, json.Unmarshal(text, &p))
	require.Equal(t, "too_many_requests", p.Code)
	require.Equal(t, "too many requests came from this address", p.Detail)

	res = get("/free")
	require.Equal(t, 200, res.StatusCode, "what is not limited is not")
	require.Empty(t, res.Header.Get("X-RateLimit-Limit"))
	require.Equal(t, 404, get("/nowhere").StatusCode)
}

func TestARequestCountsForItsAddressAndOfIPv6ForItsNetwork(t *testing.T) {
	get := limited(t, memory(1), nil)
	for _, c := range []struct {
		address string
		status  int
	}{
		{"192.0.2.1", 200}, {"192.0.2.1", 429}, {"6.6.6.6, 192.0.2.1", 429},
		{"192.0.2.2", 200}, {"::ffff:192.0.2.2", 429},
		{"2001:db8:1:2::3", 200}, {"2001:db8:1:2:ffff::4", 429}, {"2001:db8:1:3::3", 200},
	} {
		res := get("/limited", "X-Forwarded-For", c.address)
		require.Equal(t, c.status, res.StatusCode, c.address)
	}
	for range 3 { // what is no address is the peer's, whatever it is
		get("/limited", "X-Forwarded-For", "192.0.2.1 or so")
	}
	require.Equal(t, 429, get("/limited", "X-Forwarded-For", "💥").StatusCode)
}

// holders are the accounts that hold tokens.
type holders map[string]uuid.UUID

func (h holders) Account(_ context.Context, token string) (uuid.UUID, error) {
	if h[token] == uuid.Nil {
		return uuid.Nil, fault.Errorf(access.BadSession, "nobody holds it")
	}
	return h[token], nil
}

func (h holders) Holder(token string) uuid.UUID { return h[token] }

// session is a token of the form that log-in gives.
func session(name string) string { return "eyJ" + name + ".x.y" }

func TestARequestOfAnAccountCountsForItWhereverItComesFrom(t *testing.T) {
	get := limited(t, memory(1), holders{session("ann"): uuid.New(), session("ben"): uuid.New()})
	from := func(address, token string) (int, string) {
		res := get("/limited", "X-Forwarded-For", address, "Authorization", "Bearer "+token)
		var p problem
		if res.StatusCode != 200 {
			require.NoError(t, json.NewDecoder(res.Body).Decode(&p))
		}
		return res.StatusCode, p.Detail
	}
	allowed := func(address, token string) {
		t.Helper()
		status, detail := from(address, token)
		require.Equal(t, 200, status, detail)
	}
	refused := func(whose, address, token string) {
		t.Helper()
		status, detail := from(address, token)
		require.Equal(t, 429, status)
		require.Equal(t, "too many requests came from this "+whose, detail)
	}
	allowed("192.0.2.1", session("ann"))
	refused("account", "192.0.2.2", session("ann"))
	allowed("192.0.2.1", session("ben"))
	allowed("192.0.2.1", "") // the address has its own
	refused("address", "192.0.2.1", "")
	allowed("192.0.2.2", session("ann's, forged")) // whose it is is for the route to say
	refused("address", "192.0.2.2", session("another forged one"))
	refused("address", "192.0.2.2", "the-token-of-a-thing")
}

func TestWhateverIsSentForATokenOneAddressHasOneShare(t *testing.T) {
	ann := uuid.New()
	get := limited(t, memory(1), holders{session("ann"): ann})
	require.Equal(t, 200, get("/limited", "X-Forwarded-For", "192.0.2.1").StatusCode)
	for _, value := range []string{
		"", " ", "Bearer", "Bearer ", "Bearer eyJ", "Bearer eyJ..", "Basic " + session("ann"),
		session("ann"), "Bearer " + session("ann") + ".z", "Bearer \"" + session("ann") + "\"",
		"Bearer account:" + ann.String(), "Bearer " + ann.String(), "Bearer address:192.0.2.7/32",
		"Bearer eyJ" + strings.Repeat("A", 12<<10) + ".A.A",
		"Bearer eyJ" + strings.Repeat(".", 12<<10), "Bearer " + strings.Repeat("💥", 3<<10),
	} {
		res := get("/limited", "X-Forwarded-For", "192.0.2.1", "Authorization", value)
		require.Equal(t, 429, res.StatusCode, "%.60q", value)
	}
}

func TestASiteWithoutAccountsCountsAllForTheirAddresses(t *testing.T) {
	get := limited(t, memory(1), nil)
	for _, want := range []int{200, 429} {
		res := get("/limited", "Authorization", "Bearer "+session("ann"))
		require.Equal(t, want, res.StatusCode)
	}
}

func TestWhileASiteStartsRequestsCountForTheirAddresses(t *testing.T) {
	s := New(Config{
		Record: Record{
			Logger:  slog.New(slog.DiscardHandler),
			Observe: func(string, string, int, time.Duration) {},
		},
		Counter: memory(2),
	})
	s.Sessions = holders{session("ann"): uuid.New()}
	s.App.Get("/limited", s.Serving(func(c *fiber.Ctx) error { return c.SendString("ok") }))
	for _, want := range []int{503, 503, 429} {
		req := httptest.NewRequest(http.MethodGet, "/limited", nil)
		req.Header.Set("Authorization", "Bearer "+session("ann"))
		res, err := s.App.Test(req, -1)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, want, res.StatusCode)
	}
	lifetest.Stop(t, s)
}

func TestAPageOfAnotherOriginReadsOfALimitWhatTheAnswerSays(t *testing.T) {
	s := New(Config{
		Record: Record{
			Logger:  slog.New(slog.DiscardHandler),
			Observe: func(string, string, int, time.Duration) {},
		},
		Origins: []string{"https://a.example"}, Counter: memory(1),
	})
	s.App.Get(Base+"/limited", s.Limited(func(c *fiber.Ctx) error { return c.SendString("ok") }))
	lifetest.Start(t, s)
	for _, want := range []int{200, 429} {
		req := httptest.NewRequest(http.MethodGet, Base+"/limited", nil)
		req.Header.Set("Origin", "https://a.example")
		res, err := s.App.Test(req, -1)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, want, res.StatusCode)
		require.Equal(t, "https://a.example", res.Header.Get("Access-Control-Allow-Origin"))
		exposed := strings.Split(res.Header.Get("Access-Control-Expose-Headers"), ", ")
		for _, name := range []string{headerLimit, headerRemaining, headerReset, "Retry-After"} {
			require.Contains(t, exposed, name)
		}
	}
}

func TestWithoutALimitNothingIsSaidOfOne(t *testing.T) {
	for _, counter := range []limit.Counter{nil, memory(0)} {
		get := limited(t, counter, nil)
		for range 300 {
			res := get("/limited")
			require.Equal(t, 200, res.StatusCode)
			require.Empty(t, res.Header.Get("X-RateLimit-Limit"))
		}
	}
}
