package redis_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/limit"
	"github.com/plenary-live/plenary/pkg/limit/limittest"
	"github.com/plenary-live/plenary/pkg/redis"
	"github.com/plenary-live/plenary/test/stack"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(stack.Main(m),
		// The client's pool, which found Redis away, sees a second later that it was closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// apart is a counter whose keys no other counter has, in a Redis that all tests share.
type apart struct {
	*redis.Counter
	name string
}

func (a apart) Take(ctx context.Context, key string) (limit.Answer, error) {
	return a.Counter.Take(ctx, a.name+key)
}

func counter(t *testing.T, cfg redis.Config) *redis.Counter {
	t.Helper()
	c, err := redis.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func TestTheCounterInRedisConforms(t *testing.T) {
	at := stack.RedisURL(t)
	limittest.Run(t, func(t *testing.T, rule limit.Rule, now func() time.Time) limit.Counter {
		return apart{counter(t, redis.Config{URL: at, Rule: rule, Now: now}), uuid.NewString()}
	})
}

func TestCountersOfManyReplicasAreOneByTheClockOfRedis(t *testing.T) {
	at := stack.RedisURL(t)
	rule := limit.Rule{PerMinute: 100, PerSecond: 200}
	var replicas [3]*redis.Counter
	for i := range replicas {
		replicas[i] = counter(t, redis.Config{URL: at, Rule: rule})
	}
	// try gives how many of 300 tries at once are allowed.
	try := func(key string) (allowed int, failed error) {
		answers := make(chan limit.Answer, 300)
		errs := make(chan error, 300)
		for i := range 300 {
			go func() {
				a, err := replicas[i%3].Take(t.Context(), key)
				answers <- a
				errs <- err
			}()
		}
		for range 300 {
			a := <-answers
			if err := <-errs; err != nil {
				failed = err
			}
			if a.OK() {
				allowed++
			} else {
				require.LessOrEqual(t, a.Wait, 6*time.Second)
				require.LessOrEqual(t, a.Reset, time.Minute)
			}
		}
		return allowed, failed
	}
	for range 20 {
		allowed, err := try(uuid.NewString())
		if err == nil {
			require.Equal(t, 100, allowed)
			return
		}
		t.Logf("once more: %v", err) // on a busy machine a connect may take longer than it may
	}
	t.Fatal("there was always a try that failed")
}

func TestWhatIsCountedIsForgottenWhenAllTokensAreBack(t *testing.T) {
	at, key := stack.RedisURL(t), uuid.NewString()
	c := counter(t, redis.Config{URL: at, Rule: limit.Rule{PerMinute: 100, PerSecond: 200}})
	for _, most := range []time.Duration{6 * time.Second, 6 * time.Second} {
		_, err := c.Take(t.Context(), key)
		require.NoError(t, err)
		left := timeLeft(t, at, key)
		require.Positive(t, left)
		require.LessOrEqual(t, left, most)
	}
}

func TestWhatIsCountedByAClockThatStandsIsKeptMeanwhile(t *testing.T) {
	at, key := stack.RedisURL(t), uuid.NewString()
	c := counter(t, redis.Config{
		URL: at, Rule: limit.Rule{PerSecond: 1}, Now: limittest.NewClock().Now,
	})
	_, err := c.Take(t.Context(), key)
	require.NoError(t, err)
	require.Greater(t, timeLeft(t, at, key), 10*time.Minute)
}

// timeLeft says after which time Redis forgets a key.
func timeLeft(t *testing.T, at, key string) time.Duration {
	t.Helper()
	left, err := client(t, at).PTTL(t.Context(), "plenary:limit:"+key).Result()
	require.NoError(t, err)
	return left
}

func TestACallWaitsForASilentRedisNoLongerThanItsContext(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, and nobody answers
	require.NoError(t, err)
	defer ln.Close()
	c := counter(t, redis.Config{
		URL: "redis://:secret@" + ln.Addr().String(), Rule: limit.Rule{PerMinute: 1},
	})
	for _, call := range []func(context.Context) error{c.Ping, func(ctx context.Context) error {
		_, err := c.Take(ctx, "a")
		return err
	}} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		begun := time.Now()
		err := call(ctx)
		cancel()
		require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
		require.NotContains(t, err.Error(), "secret")
		require.Less(t, time.Since(begun), 2*time.Second)
	}
}

func TestARedisThatIsNotThereIsUnavailable(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	c := counter(t, redis.Config{
		URL: "redis://" + ln.Addr().String(), Rule: limit.Rule{PerMinute: 1},
	})
	for range 30 { // more than the pool has connections
		require.True(t, fault.Is(c.Ping(t.Context()), fault.Unavailable))
	}
}

func TestAWrongPasswordIsUnavailableAndIsNotShown(t *testing.T) {
	u, err := url.Parse(stack.RedisURL(t))
	require.NoError(t, err)
	u.User = url.UserPassword("", "not-the-secret")
	c := counter(t, redis.Config{URL: u.String(), Rule: limit.Rule{PerMinute: 1}})
	_, err = c.Take(t.Context(), "a")
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.NotContains(t, err.Error(), "not-the-secret")
}

func TestAURLThatIsNoneOfRedisIsRefusedAndNotShown(t *testing.T) {
	for _, wrong := range []string{
		"", "redis", "http://secret@h", "redis://:secret@h/notanumber", "redis://:secret@h/1/2",
		"redis://:secret@h:port", "redis://:secret@h?max_retries=many",
		"redis://:secret@h?nothing=1", "redis://:secret@[::1",
		"redis://:secret@%zz", "\x00", strings.Repeat("redis://", 1000),
	} {
		_, err := redis.New(redis.Config{URL: wrong})
		require.Error(t, err, wrong)
		require.NotContains(t, err.Error(), "secret", wrong)
	}
}

func TestAnAnswerThatIsNotTheScriptsIsUnavailable(t *testing.T) {
	for _, answer := range []string{
		"$-1\r\n", ":1\r\n", "*0\r\n", "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\nx\r\n",
		"*1\r\n$1\r\n1\r\n",
		"+OK\r\n", "-ERR no\r\n", "\x00\xff", "*-5\r\n", "*1\r\n*1\r\n$1\r\n1\r\n",
		"$9223372036854775807\r\n", "*9223372036854775807\r\n", "%9223372036854775807\r\n",
		"*3\r\n$1\r\n1\r\n$1\r\n2\r\n$20\r\n99999999999999999999\r\n",
		"*3\r\n:1\r\n:2\r\n$3\r\n1e9\r\n", "_\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n",
		strings.Repeat("A", 1<<20), strings.Repeat("\r\n", 1000),
	} {
		at, end := answering(t, answer)
		c, err := redis.New(redis.Config{URL: at, Rule: limit.Rule{PerMinute: 1}})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		_, err = c.Take(ctx, "a")
		require.True(t, fault.Is(err, fault.Unavailable), "%.60q: %v", answer, err)
		require.True(t, fault.Is(c.Ping(ctx), fault.Unavailable), "%.60q", answer)
		cancel()
		require.NoError(t, c.Close())
		end()
	}
}

// answering is a server that answers whatever it is asked, as one that is not Redis.
func answering(t *testing.T, answer string) (at string, end func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { answerAll(conn, answer) })
		}
	})
	return "redis://" + ln.Addr().String(), func() {
		require.NoError(t, ln.Close())
		all.Wait()
	}
}

func answerAll(conn net.Conn, answer string) {
	defer conn.Close()
	buffer := make([]byte, 4096)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		said := answer
		if strings.Contains(string(buffer[:n]), "hello") { // as a server of before does
			said = "-ERR unknown command\r\n"
		}
		if _, err := io.WriteString(conn, said); err != nil {
			return
		}
	}
}
