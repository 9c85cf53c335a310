package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/outbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var fact = outbox.Fact{
	ID: uuid.UUID{15: 7}, Type: "plenary.test", Source: "/forms/1", At: 1_700_000_000_000,
	Data: json.RawMessage(`{"text":"«ü»"}`),
}

// receiver is a server that answers as the test says.
func receiver(t *testing.T, answer http.HandlerFunc) (Config, *Sender) {
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	c, _, err := New(server.URL+"/hook?a=b", true)
	require.NoError(t, err)
	s := NewSender(true)
	t.Cleanup(s.Close)
	return c, s
}

func TestAReceiverKnowsWhoSentAFactAndWhich(t *testing.T) {
	var body []byte
	var header http.Header
	c, s := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		header = r.Header
	})
	check := func(secret string) error {
		hook, err := standardwebhooks.NewWebhook(secret)
		require.NoError(t, err)
		return hook.Verify(body, header)
	}
	first := c.Secrets[0].Text
	require.NoError(t, s.Send(t.Context(), &c, &fact))
	require.NoError(t, check(first))
	require.Equal(t, fact.ID.String(), header.Get("webhook-id"))
	require.Equal(t, "application/cloudevents+json", header.Get("Content-Type"))
	event, err := fact.Event()
	require.NoError(t, err)
	require.Equal(t, string(event), string(body))

	second := c.Rotate(time.Now())
	require.NotEqual(t, first, second)
	require.NoError(t, s.Send(t.Context(), &c, &fact))
	require.NoError(t, check(second))
	require.NoError(t, check(first), "the old secret is good for a while")
	third := c.Rotate(time.Now().Add(Overlap))
	require.Len(t, c.Secrets, 2)
	kept, err := Decode(c.Encode())
	require.NoError(t, err)
	require.NoError(t, s.Send(t.Context(), &kept, &fact))
	require.NoError(t, check(third))
	require.NoError(t, check(second))
	require.Error(t, check(first))
}

func TestWhatAnAnswerMeans(t *testing.T) {
	var status atomic.Int64
	after := ""
	c, s := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.WriteHeader(int(status.Load()))
	})
	send := func(code int) error {
		status.Store(int64(code))
		return s.Send(t.Context(), &c, &fact)
	}
	for _, code := range []int{200, 201, 202, 204} {
		require.NoError(t, send(code), code)
	}
	for _, code := range []int{301, 302, 307, 400, 401, 404, 413, 500, 502, 503, 429} {
		err := send(code)
		require.Error(t, err, code)
		require.NotErrorIs(t, err, outbox.ErrRefused)
		require.NotErrorIs(t, err, outbox.ErrGone)
	}
	require.ErrorIs(t, send(410), outbox.ErrGone)
	for text, want := range map[string]time.Duration{
		"7": 7 * time.Second, "soon": 0, "-1": 0, "99999999999999": 0,
		time.Now().Add(time.Hour).UTC().Format(http.TimeFormat):  time.Hour,
		time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat): 0,
	} {
		after = text
		e, ok := errors.AsType[*fault.Error](send(429))
		require.True(t, ok)
		require.InDelta(t, want, e.Wait, float64(2*time.Second), text)
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	var followed atomic.Bool
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		followed.Store(true)
	}))
	defer target.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		c, s := receiver(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, target.URL, code)
		})
		require.Error(t, s.Send(t.Context(), &c, &fact))
	}
	require.False(t, followed.Load())
}

func TestAnAnswerIsReadSoFarAndNoFurther(t *testing.T) {
	wrote := make(chan int, 1)
	c, s := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		n, chunk := 0, make([]byte, 1<<10)
		for n < 256<<20 {
			if _, err := w.Write(chunk); err != nil {
				break
			}
			n += len(chunk)
		}
		wrote <- n
	})
	require.NoError(t, s.Send(t.Context(), &c, &fact))
	require.Less(t, <-wrote, 64<<20)
}

func TestAReceiverThatIsSilentIsGivenUp(t *testing.T) {
	quiet := make(chan struct{})
	c, s := receiver(t, func(http.ResponseWriter, *http.Request) { <-quiet })
	defer close(quiet)
	require.Equal(t, timeout, s.client.Timeout)
	s.client.Timeout = 50 * time.Millisecond
	err := s.Send(t.Context(), &c, &fact)
	require.True(t, fault.Is(err, fault.Unavailable))
}

func TestNobodyIsConnectedToInsideTheNetwork(t *testing.T) {
	var reached atomic.Bool
	c, _ := receiver(t, func(http.ResponseWriter, *http.Request) { reached.Store(true) })
	u, err := url.Parse(c.URL)
	require.NoError(t, err)
	s := NewSender(false)
	defer s.Close()
	for _, host := range []string{"127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "127.1.2.3"} {
		c.URL = "http://" + host + ":" + u.Port() + "/"
		err := s.Send(t.Context(), &c, &fact)
		require.Error(t, err, host)
		if host != "localhost" { // which may have another address that nobody listens at
			require.ErrorIs(t, err, outbox.ErrRefused, host)
		}
	}
	require.False(t, reached.Load())
}

func TestAddressesOfTheInternet(t *testing.T) {
	for _, a := range []string{"1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8"} {
		require.True(t, public(netip.MustParseAddr(a)), a)
	}
	for _, a := range []string{
		"127.0.0.1", "127.255.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
		"169.254.169.254", "0.0.0.0", "0.1.2.3", "100.64.0.1", "224.0.0.1", "255.255.255.255",
		"240.0.0.1", "198.18.0.1", "192.0.2.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1",
		"fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
		"2002:7f00:1::", "2001:db8::1", "2001::1", "fec0::1",
	} {
		require.False(t, public(netip.MustParseAddr(a)), a)
	}
}

func TestAURLIsCheckedWhenItIsWritten(t *testing.T) {
	for _, good := range []string{
		"https://example.org/hook", "http://example.org:8080/?a=b", "https://1.1.1.1/",
	} {
		got, err := CleanURL("url", good, false)
		require.NoError(t, err)
		require.Equal(t, good, got)
	}
	for _, bad := range []string{
		"", "example.org", "ftp://example.org", "file:///etc/passwd", "http://", "https:///a",
		"javascript:alert(1)", "https:example.org", "https://a:b@example.org/",
		"https://example.org/#a", "http://127.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/",
		"http://10.0.0.1:80/", "http://169.254.169.254/latest", "https://a\x00b/", "https://a b/",
		"https://example.org/" + strings.Repeat("a", MaxURL), "http://[fe80::1%25eth0]/", "\xff",
	} {
		_, err := CleanURL("url", bad, false)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%.50q", bad)
	}
	_, err := CleanURL("url", "http://127.0.0.1/", true)
	require.NoError(t, err)
}

func TestAJobIsSentAtOnceAndEachHasItsAnswer(t *testing.T) {
	c, s := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("webhook-id"), "2") {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	job := outbox.Job{Integration: outbox.Integration{Config: c.Encode()}}
	for n := range byte(4) {
		one := fact
		one.ID = uuid.UUID{15: n}
		job.Deliveries = append(job.Deliveries, outbox.Delivery{Fact: one})
	}
	sink := s.Sink()
	require.Equal(t, Name, sink.Name)
	errs := sink.Deliver(context.Background(), job)
	require.Len(t, errs, 4)
	for n, err := range errs {
		require.Equal(t, n == 2, err != nil)
	}
	job.Integration.Config = json.RawMessage(`"`)
	for _, err := range sink.Deliver(context.Background(), job) {
		require.ErrorIs(t, err, outbox.ErrRefused)
	}
	broken := Config{URL: c.URL, Secrets: []Secret{{Text: "whsec_%"}}}
	require.ErrorIs(t, s.Send(t.Context(), &broken, &fact), outbox.ErrRefused)
}
