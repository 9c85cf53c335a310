package web

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/limit"
)

// limited is a site that counts with rate. "/limited" is, "/free" is not.
func limited(t *testing.T, rate Rate) func(path string, header ...string) *http.Response {
	t.Helper()
	s := New(Config{
		Record: Record{
			Logger:  slog.New(slog.DiscardHandler),
			Observe: func(string, string, int, time.Duration) {},
		},
		TrustedProxies: Proxies{netip.MustParsePrefix("0.0.0.0/32")},
		Rate:           rate,
	})
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
	get := limited(t, Rate{Counter: memory(2)})
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
	get := limited(t, Rate{Counter: memory(1)})
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

func TestARequestOfAnAccountCountsForItWhereverItComesFrom(t *testing.T) {
	account := func(c *fiber.Ctx) string { return c.Get("X-Test-Account") }
	get := limited(t, Rate{Counter: memory(1), Account: account})
	from := func(address, account string) int {
		return get("/limited", "X-Forwarded-For", address, "X-Test-Account", account).StatusCode
	}
	require.Equal(t, 200, from("192.0.2.1", "ann"))
	require.Equal(t, 429, from("192.0.2.2", "ann"))
	require.Equal(t, 200, from("192.0.2.1", "ben"))
	require.Equal(t, 200, from("192.0.2.1", ""), "the address has its own")
	require.Equal(t, 429, from("192.0.2.1", ""))
	require.Equal(t, 200, from("192.0.2.3", "192.0.2.1/32"), "no account is an address")
}

func TestWithoutALimitNothingIsSaidOfOne(t *testing.T) {
	for _, rate := range []Rate{{}, {Counter: memory(0)}} {
		get := limited(t, rate)
		for range 300 {
			res := get("/limited")
			require.Equal(t, 200, res.StatusCode)
			require.Empty(t, res.Header.Get("X-RateLimit-Limit"))
		}
	}
}
