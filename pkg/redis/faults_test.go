package redis_test

import (
	"context"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/limit"
	"github.com/plenary-live/plenary/pkg/redis"
	"github.com/plenary-live/plenary/test/stack"
)

// client is one that does what it is told.
func client(t *testing.T, at string) *goredis.Client {
	t.Helper()
	options, err := goredis.ParseURL(at)
	require.NoError(t, err)
	c := goredis.NewClient(options)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// own starts a Redis that a test may break.
func own(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a server")
	}
	s, err := stack.Start(t.Context(), stack.Config{Parts: stack.Redis})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s.RedisURL
}

func TestAKeyThatSomebodyElseWroteIsCountedAnew(t *testing.T) {
	at := stack.RedisURL(t)
	c, raw := counter(t, redis.Config{URL: at, Rule: limit.Rule{PerMinute: 3}}), client(t, at)
	for name, write := range map[string]func(key string) error{
		"a string": func(key string) error { return raw.Set(t.Context(), key, "3", 0).Err() },
		"a list":   func(key string) error { return raw.RPush(t.Context(), key, "3").Err() },
		"no numbers": func(key string) error {
			return raw.HSet(t.Context(), key, "u1", "many", "s1", "now").Err()
		},
		"other fields": func(key string) error {
			return raw.HSet(t.Context(), key, "user", "3").Err()
		},
		"less than nothing": func(key string) error {
			return raw.HSet(t.Context(), key, "u1", "-1000000", "s1", "0").Err()
		},
	} {
		key := uuid.NewString()
		require.NoError(t, write("plenary:limit:"+key), name)
		for left := 2; left >= 0; left-- {
			a, err := c.Take(t.Context(), key)
			require.NoError(t, err, name)
			require.True(t, a.OK(), name)
			require.Equal(t, left, a.Remaining, name)
		}
		a, err := c.Take(t.Context(), key)
		require.NoError(t, err, name)
		require.False(t, a.OK(), name)
		left, err := raw.PTTL(t.Context(), "plenary:limit:"+key).Result()
		require.NoError(t, err)
		require.Positive(t, left, name)
	}
}

func TestAClockOfRedisThatWasSetBackHoldsNobodyUp(t *testing.T) {
	at, key := stack.RedisURL(t), uuid.NewString()
	c := counter(t, redis.Config{URL: at, Rule: limit.Rule{PerSecond: 10}})
	ahead := strconv.FormatInt(time.Now().Add(time.Hour).UnixMicro(), 10)
	raw := client(t, at)
	require.NoError(t, raw.HSet(t.Context(), "plenary:limit:"+key, "u1", "10", "s1", ahead).Err())
	a, err := c.Take(t.Context(), key)
	require.NoError(t, err)
	require.False(t, a.OK(), "what was used is used")
	require.LessOrEqual(t, a.Wait, 100*time.Millisecond)
	require.LessOrEqual(t, a.Reset, time.Second)

	require.NoError(t, raw.HSet(t.Context(), "plenary:limit:"+key, "u1", "9", "s1", ahead).Err())
	a, err = c.Take(t.Context(), key)
	require.NoError(t, err)
	require.True(t, a.OK())
	require.Eventually(t, func() bool {
		a, err := c.Take(t.Context(), key)
		return err == nil && a.OK()
	}, time.Minute, 10*time.Millisecond, "tokens come back")
}

func TestARedisThatAnswersAndDoesNotCountIsAway(t *testing.T) {
	at := own(t)
	raw := client(t, at)
	c := counter(t, redis.Config{URL: at, Rule: limit.Rule{PerMinute: 1000}})
	do := func(args ...any) {
		t.Helper()
		require.NoError(t, raw.Do(t.Context(), args...).Err(), "%v", args)
	}
	for _, fault := range []struct {
		name    string
		do, and [][]any
	}{
		{"full", [][]any{
			{"CONFIG", "SET", "maxmemory-policy", "noeviction"},
			{"CONFIG", "SET", "maxmemory", "1"},
		}, [][]any{
			{"CONFIG", "SET", "maxmemory", "0"},
		}},
		{"a replica", [][]any{
			{"REPLICAOF", "127.0.0.1", "1"},
		}, [][]any{
			{"REPLICAOF", "NO", "ONE"},
		}},
	} {
		require.NoError(t, c.Ping(t.Context()))
		for _, args := range fault.do {
			do(args...)
		}
		require.NoError(t, raw.Ping(t.Context()).Err(), "it answers")
		unavailable(t, c.Ping(t.Context()), fault.name)
		_, err := c.Take(t.Context(), uuid.NewString())
		unavailable(t, err, fault.name)
		for _, args := range fault.and {
			do(args...)
		}
	}
	require.NoError(t, c.Ping(t.Context()))
	_, err := c.Take(t.Context(), "a")
	require.NoError(t, err)
}

func TestWhileRedisIsFullReplicasLimitForThemselvesAndThenTogetherAgain(t *testing.T) {
	at := own(t)
	raw := client(t, at)
	rule := limit.Rule{PerMinute: 3}
	var replicas []*limit.Shared
	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	for range 2 {
		s := limit.NewShared(counter(t, redis.Config{URL: at, Rule: rule}), rule,
			slog.New(slog.DiscardHandler))
		replicas = append(replicas, s)
		watching.Go(func() { s.Watch(ctx) })
	}
	defer watching.Wait()
	defer stop()
	are := func(away bool) {
		t.Helper()
		for _, s := range replicas {
			require.Eventually(t, func() bool { return s.Away() == away }, time.Minute,
				time.Millisecond)
		}
	}
	allowed := func() (n int) {
		key := uuid.NewString()
		for range 10 {
			for _, s := range replicas {
				a, err := s.Take(t.Context(), key)
				require.NoError(t, err)
				if a.OK() {
					n++
				}
			}
		}
		return n
	}
	for _, c := range []struct {
		most string
		away bool
		want int
	}{{"0", false, 3}, {"1", true, 6}, {"0", false, 3}} {
		require.NoError(t, raw.ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err())
		require.NoError(t, raw.ConfigSet(t.Context(), "maxmemory", c.most).Err())
		// A busy machine may find a Redis away that is only slow.
		require.Eventually(t, func() bool {
			are(c.away)
			return allowed() == c.want
		}, time.Minute, time.Millisecond)
	}
}

func unavailable(t *testing.T, err error, why string) {
	t.Helper()
	require.True(t, fault.Is(err, fault.Unavailable), "%s: %v", why, err)
}

func TestAskingWhetherRedisCountsIsNeverTooOften(t *testing.T) {
	c := counter(t, redis.Config{URL: stack.RedisURL(t), Rule: limit.Rule{PerMinute: 1}})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if err := c.Ping(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	a, err := c.Take(t.Context(), uuid.NewString())
	require.NoError(t, err)
	require.True(t, a.OK(), "it takes nothing of anybody")
}

func TestAFloodOfAddressesTakesTheMemoryThatRedisMayHave(t *testing.T) {
	at := own(t)
	raw := client(t, at)
	setting := func(name string) string {
		t.Helper()
		all, err := raw.ConfigGet(t.Context(), name).Result()
		require.NoError(t, err)
		return all[name]
	}
	require.Equal(t, strconv.Itoa(64<<20), setting("maxmemory"), "as delivered")
	require.Equal(t, "allkeys-lru", setting("maxmemory-policy"))
	number := func(section, name string) (n int) {
		t.Helper()
		text, err := raw.Info(t.Context(), section).Result()
		require.NoError(t, err)
		for line := range strings.Lines(text) {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
				n, err = strconv.Atoi(value)
				require.NoError(t, err)
				return n
			}
		}
		t.Fatalf("there is no %s", name)
		return 0
	}
	c := counter(t, redis.Config{URL: at, Rule: limit.Rule{PerMinute: 1}}) // kept for a minute
	require.NoError(t, c.Ping(t.Context()))
	most := number("memory", "used_memory") + 2<<20
	require.NoError(t, raw.ConfigSet(t.Context(), "maxmemory", strconv.Itoa(most)).Err())
	const flood = 32_000
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for n := i; n < flood; n += 16 {
				a := netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
				answer, err := c.Take(context.Background(), "address:"+limit.Address(a).String())
				if err != nil || !answer.OK() {
					t.Errorf("%v, %v", answer, err)
					return
				}
			}
		})
	}
	all.Wait()
	require.Positive(t, number("stats", "evicted_keys"), "it was full")
	require.Less(t, number("memory", "used_memory"), most+1<<20)
	kept, err := raw.DBSize(t.Context()).Result()
	require.NoError(t, err)
	require.Less(t, kept, int64(flood))
	for _, ok := range []bool{true, false} {
		a, err := c.Take(t.Context(), "address:192.0.2.1/32")
		require.NoError(t, err)
		require.Equal(t, ok, a.OK(), "the newest is known")
	}
}
