package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// attacker asks from one of this machine's addresses, and says what it likes.
type attacker struct {
	t *testing.T
	*http.Client
}

func attackerAt(t *testing.T, address string) *attacker {
	transport := at(address)
	transport.DisableKeepAlives = false
	t.Cleanup(transport.CloseIdleConnections)
	return &attacker{t, &http.Client{Transport: transport}}
}

// ask asks for what is limited, and gives the status.
func (a *attacker) ask(base string, header map[string]string) int {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, base+Base+"/", nil)
	require.NoError(a.t, err)
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := a.Do(req)
	require.NoError(a.t, err)
	defer func() { _ = res.Body.Close() }()
	_, err = io.Copy(io.Discard, res.Body)
	require.NoError(a.t, err)
	return res.StatusCode
}

// flood asks 150 times, each time with other fields, and gives how many are allowed.
func (a *attacker) flood(base string, header func(i int) map[string]string) (allowed int) {
	a.t.Helper()
	for i := range 150 {
		switch status := a.ask(base, header(i)); status {
		case http.StatusOK:
			allowed++
		case http.StatusTooManyRequests:
		default:
			a.t.Fatal(status)
		}
	}
	return allowed
}

// inAll says how many requests of an address are allowed in all since it began.
func inAll(begun time.Time) int { return 100 + 10*int(time.Since(begun)/(6*time.Second)) }

func spoofed(i int) map[string]string {
	address := fmt.Sprintf("203.0.113.%d", i)
	return map[string]string{
		"X-Forwarded-For": address, "X-Real-IP": address, "Forwarded": "for=" + address,
		"X-Client-IP": address, "True-Client-IP": address, "CF-Connecting-IP": address,
	}
}

// TestNobodyIsAnotherAddressByTheirOwnWord asks through NGINX, and at replicas directly, which
// believe only NGINX. An attacker is on 127.0.1.x.
func TestNobodyIsAnotherAddressByTheirOwnWord(t *testing.T) {
	s, st := own(t, stack.Config{
		Parts: stack.API | stack.NGINX | stack.Redis, APIs: 2,
		APIEnv: append([]string{"PLENARY_TRUSTED_PROXIES=127.0.0.1"}, asDelivered...),
	})
	neighbour := attackerAt(t, "127.0.0.10")
	together(t, s, st, func(address string) string {
		address = strings.Replace(address, "192.0.2.", "127.0.1.", 1)
		mallory, begun := attackerAt(t, address), time.Now()
		allowed := mallory.flood(st.NGINX.URL, spoofed)
		require.GreaterOrEqual(t, allowed, 100)
		for _, replica := range s.replicas {
			allowed += mallory.flood(replica.base, spoofed)
			for _, value := range []string{ // what is no list of addresses is nobody's word either
				"127.0.0.1", "127.0.0.1, 127.0.0.1", "::1", "unknown", ",,,", "💥", "1.2.3.4:80",
				strings.Repeat("1.2.3.4, ", 1000) + "127.0.0.1",
			} {
				if mallory.ask(replica.base, map[string]string{"X-Forwarded-For": value}) == 200 {
					allowed++
				}
			}
		}
		victim := map[string]string{"X-Forwarded-For": address}
		require.Equal(t, 200, neighbour.ask(st.NGINX.URL, victim), "nobody else pays for that")
		require.Equal(t, 200, neighbour.ask(s.replicas[0].base, victim))
		if most := inAll(begun); allowed > most {
			return fmt.Sprintf("%d were allowed, and an address has %d", allowed, most)
		}
		return ""
	})
}

// forged is a token that nobody has given, of somebody else each time.
func forged(i int) string {
	part := base64.RawURLEncoding.EncodeToString
	alg := []string{"none", "HS256", "HS512", "RS256", ""}[i%5]
	return part([]byte(fmt.Sprintf(`{"alg":%q,"typ":"JWT"}`, alg))) + "." + part([]byte(
		fmt.Sprintf(`{"iss":"plenary","aud":["plenary"],"sub":%q,"exp":4102444800,"epoch":1}`,
			uuid.NewString()))) + "." + part([]byte(strings.Repeat("s", i%33)))
}

func TestWhatIsSentForATokenOpensNoShareOfItsOwn(t *testing.T) {
	s, _ := own(t, stack.Config{Parts: stack.API, APIs: 1, APIEnv: asDelivered})
	p := s.Register()
	require.Equal(t, 204, p.call("POST", "/auth/logout", nil).Status)
	ended := p.Token
	p.Token = p.logIn()
	require.Equal(t, 200, p.call("GET", "/users/me", nil).Status, "its person is there")
	mallory, begun := attackerAt(t, "127.0.0.9"), time.Now()
	allowed := mallory.flood(s.base, func(i int) map[string]string {
		value := forged(i)
		switch i % 7 {
		case 0:
			value = ended
		case 1:
			value = fmt.Sprintf("account:%s-%d", p.ID, i)
		case 2:
			value = "eyJ" + strings.Repeat("A", 10<<10+i) + ".A.A"
		}
		return map[string]string{"Authorization": "Bearer " + value}
	})
	require.GreaterOrEqual(t, allowed, 100)
	require.LessOrEqual(t, allowed, inAll(begun))
	require.Equal(t, 200, p.call("GET", "/users/me", nil).Status, "its person pays for nothing")
}

func TestAnAccountHasOneShareWhereverItIsAndItsAddressKeepsAnother(t *testing.T) {
	s, st := own(t, stack.Config{
		Parts: stack.Servers | stack.API | stack.Worker, APIs: 2, Workers: 1, APIEnv: asDelivered,
	})
	together(t, s, st, func(address string) string {
		p := s.Register() // which the address of the test pays for
		var mu sync.Mutex
		passed := 0
		concurrently(300, func(i int) {
			a := s.replicas[i%2].Do(Request{Method: "GET", Path: Base + "/", Token: p.Token,
				Header: from(fmt.Sprintf("10.9.%d.%d", i/250, i%250))})
			mu.Lock()
			defer mu.Unlock()
			switch a.Kind() {
			case "200":
				passed++
			case "429 too_many_requests":
				if a.Problem().Detail != "too many requests came from this account" {
					t.Errorf("%v", a)
				}
			default:
				t.Errorf("%v", a)
			}
		})
		if passed != 100 {
			return fmt.Sprintf("%d of an account were allowed", passed)
		}
		me := p.Do(Request{Method: "GET", Path: Base + "/users/me", Token: p.Token})
		if me.Kind() != "429 too_many_requests" {
			return me.Kind()
		}
		if n := allowed(t, s.replicas, 300, address); n != 100 {
			return fmt.Sprintf("%d of an address were allowed", n)
		}
		return ""
	})
}

// lateRedis is a network between APIs and Redis, which can be slow.
type lateRedis struct {
	t *testing.T
	*toxiproxy.Proxy
}

// through is what a stack's Each does.
func (l *lateRedis) through(app *stack.App) {
	const name = "PLENARY_REDIS_URL="
	for i, setting := range app.Env {
		direct, ok := strings.CutPrefix(setting, name)
		if !ok {
			continue
		}
		u, err := url.Parse(direct)
		require.NoError(l.t, err)
		if l.Proxy == nil {
			server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()),
				zerolog.Nop())
			l.Proxy = toxiproxy.NewProxy(server, "redis", "127.0.0.1:0", u.Host)
			require.NoError(l.t, l.Start())
			l.t.Cleanup(l.Stop)
		}
		u.Host = l.Listen
		app.Env[i] = name + u.String()
	}
}

func (l *lateRedis) by(d time.Duration) {
	l.Toxics.ResetToxics(context.Background())
	if d > 0 {
		_, err := l.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
			`{"type":"latency","stream":"downstream","attributes":{"latency":%d}}`,
			d.Milliseconds())))
		require.NoError(l.t, err)
	}
}

func TestWhileRedisIsSlowNoRequestWaitsForIt(t *testing.T) {
	network := &lateRedis{t: t}
	s, st := own(t, stack.Config{
		Parts: stack.API | stack.Redis, APIs: 2, APIEnv: asDelivered, Each: network.through,
	})
	limitsAre(t, s.replicas, "0")
	for _, late := range []time.Duration{300 * time.Millisecond, 2 * time.Second} {
		end := load(t, s.replicas)
		network.by(late)
		alone(t, s, st)
		answers, slowest := end()
		require.Positive(t, answers)
		require.Less(t, slowest, 500*time.Millisecond+busy)
		t.Logf("late by %s: %d answers, the slowest after %s", late, answers, slowest)
		network.by(0)
		limitsAre(t, s.replicas, "0")
	}
}

func TestAReplicaLimitsThoughRedisIsSomethingElse(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				const answer = "HTTP/1.1 400 Bad Request\r\n\r\n*999999999999999999\r\n"
				_, _ = io.WriteString(conn, answer)
			})
		}
	})
	t.Cleanup(func() { require.NoError(t, ln.Close()); all.Wait() })
	s, st := own(t, stack.Config{Parts: stack.API, APIs: 1, APIEnv: append(
		[]string{"PLENARY_REDIS_URL=redis://" + ln.Addr().String()}, asDelivered...)})
	alone(t, s, st)
}
