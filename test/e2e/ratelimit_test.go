package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// asDelivered are the limits of a product that nobody has set.
var asDelivered = []string{
	"PLENARY_RATE_LIMIT=100", "PLENARY_BURST_LIMIT=200", "PLENARY_CREATE_LIMIT=60",
	"PLENARY_WRONG_CODES=60",
}

// about asks one replica, from an address, for something that is limited.
func about(c *Client, address string) *Answer {
	return c.Do(Request{Method: "GET", Path: Base + "/", Header: from(address)})
}

// allowed asks replicas by turns, at once, and gives how many requests of n are allowed. Every
// other one is refused.
func allowed(t *testing.T, replicas []*Client, n int, address string) int {
	t.Helper()
	var passed atomic.Int64
	concurrently(n, func(i int) {
		switch a := about(replicas[i%len(replicas)], address); a.Kind() {
		case "200":
			passed.Add(1)
		case "429 too_many_requests":
		default:
			t.Errorf("%v", a)
		}
	})
	return int(passed.Load())
}

// changes are the lines in which replicas say with whom they count.
func changes(t *testing.T, apis []*stack.Process) (lines [][]string) {
	t.Helper()
	for _, api := range apis {
		text, err := os.ReadFile(api.Log)
		require.NoError(t, err)
		lines = append(lines, changed.FindAllString(string(text), -1))
	}
	return lines
}

var changed = regexp.MustCompile(`"msg":"limits are counted [^"]*"`)

// together tries something while replicas count together.
func together(t *testing.T, s site, st *stack.Stack, try func(address string) (failure string)) {
	t.Helper()
	steadily(t, s, st, "0", try)
}

// alone finds that each replica counts for itself.
func alone(t *testing.T, s site, st *stack.Stack) {
	t.Helper()
	steadily(t, s, st, "1", func(address string) string {
		all := 100 * len(s.replicas)
		if n := allowed(t, s.replicas, 5*all/2, address); n != all {
			return fmt.Sprintf("%d were allowed", n)
		}
		return ""
	})
}

// addresses are how many were given to tries.
var addresses atomic.Int64

// steadily tries something, each time with another address. If a replica changed its mind on Redis
// meanwhile, it tries again. On a machine that is busy with something else, Redis may be silent
// for 100 ms. A failure that took so long that tokens came back is tried again, too.
func steadily(
	t *testing.T, s site, st *stack.Stack, away string, try func(address string) (failure string),
) {
	t.Helper()
	failure := ""
	for range 20 {
		limitsAre(t, s.replicas, away)
		before, begun := changes(t, st.APIs), time.Now()
		failure = try(fmt.Sprintf("192.0.2.%d", addresses.Add(1)%256))
		late := failure != "" && time.Since(begun) >= 6*time.Second
		if !late && reflect.DeepEqual(before, changes(t, st.APIs)) {
			require.Empty(t, failure)
			return
		}
		t.Logf("once more, since this machine was busy: %s", failure)
	}
	t.Fatalf("this machine was always too busy: %s", failure)
}

func TestOfThreeHundredRequestsAtOnceThreeReplicasAllowExactlyAHundred(t *testing.T) {
	s, st := own(t, stack.Config{Parts: stack.API | stack.Redis, APIs: 3, APIEnv: asDelivered})
	together(t, s, st, func(address string) string {
		var mu sync.Mutex
		left, refused := map[string]int{}, 0
		concurrently(300, func(i int) {
			a := about(s.replicas[i%3], address)
			remaining := a.Header.Get("X-RateLimit-Remaining")
			reset, err := strconv.Atoi(a.Header.Get("X-RateLimit-Reset"))
			if a.Header.Get("X-RateLimit-Limit") != "100" || err != nil || reset < 1 || reset > 60 {
				t.Errorf("%v", a)
			}
			mu.Lock()
			defer mu.Unlock()
			switch a.Kind() {
			case "200":
				left[remaining]++
			case "429 too_many_requests":
				refused++
				wait, err := strconv.Atoi(a.Header.Get("Retry-After"))
				if err != nil || wait < 1 || wait > 6 || remaining != "0" {
					t.Errorf("%v", a)
				}
			default:
				t.Errorf("%v", a)
			}
		})
		// Each allowed one has left another number.
		if refused != 200 || len(left) != 100 {
			return fmt.Sprintf("%d refused, left %v", refused, left)
		}
		return ""
	})
	together(t, s, st, func(address string) string {
		address = "2001:db8::" + strings.TrimPrefix(address, "192.0.2.")
		n := 0
		for i := range 300 { // a subscriber has a network
			a := about(s.replicas[i%3], fmt.Sprintf("%s:%x", address, i))
			if a.Status == 200 {
				n++
			}
		}
		if n != 100 {
			return fmt.Sprintf("%d of a network were allowed", n)
		}
		return ""
	})
}

// limitsAre waits until each replica tells operators whether it counts with the others.
func limitsAre(t *testing.T, replicas []*Client, alone string) {
	t.Helper()
	ready := map[string]string{
		"0": `{"status":"ready"}`, "1": `{"status":"ready","degraded":["limits"]}`,
	}[alone]
	for i, r := range replicas {
		require.Eventually(t, func() bool {
			metrics, details := r.Operators("/metrics"), r.Operators("/readyz")
			says := about(r, fmt.Sprintf("198.51.%d.%d", rand.IntN(250), rand.IntN(250)))
			return strings.Contains(string(metrics.Body), "\nplenary_limits_alone "+alone+"\n") &&
				details.Status == 200 && strings.TrimSpace(string(details.Body)) == ready &&
				strings.Contains(string(says.Body),
					fmt.Sprintf(`{"name":"limits","kind":"redis","answers":%t}`, alone == "0"))
		}, wait, tick, "replica %d", i)
		require.Equal(t, 200, r.Do(Request{Method: "GET", Path: "/readyz"}).Status)
	}
}

// load asks all replicas for what is limited, each time from another address, until end is called.
// That gives how many answers there were, and how long the slowest took.
func load(t *testing.T, replicas []*Client) (end func() (answers int64, slowest time.Duration)) {
	var stopped atomic.Bool
	var answers, slowest atomic.Int64
	var all sync.WaitGroup
	for i, r := range replicas {
		all.Go(func() {
			for n := 0; !stopped.Load(); n++ {
				begun := time.Now()
				a := about(r, fmt.Sprintf("10.%d.%d.%d", i, n/250%250, n%250))
				if a.Status != 200 {
					t.Errorf("%v", a)
					return
				}
				answers.Add(1)
				slowest.Store(max(slowest.Load(), int64(time.Since(begun))))
			}
		})
	}
	return func() (int64, time.Duration) {
		stopped.Store(true)
		all.Wait()
		return answers.Load(), time.Duration(slowest.Load())
	}
}

func TestWhileRedisIsAwayEachReplicaLimitsForItselfAndNoRequestIsLost(t *testing.T) {
	s, st := own(t, stack.Config{Parts: stack.API | stack.Redis, APIs: 3, APIEnv: asDelivered})
	oneCount := func(address string) string {
		if n := allowed(t, s.replicas, 300, address); n != 100 {
			return fmt.Sprintf("%d were allowed", n)
		}
		return ""
	}
	for i, fault := range []struct {
		name      string
		ends, and func()
	}{
		{"killed", st.Redis.Kill, func() { require.NoError(t, st.Redis.Start(t.Context())) }},
		{"silent", st.Redis.Pause, st.Redis.Resume},
	} {
		if i == 0 {
			together(t, s, st, oneCount)
		}
		end := load(t, s.replicas)
		fault.ends()
		limitsAre(t, s.replicas, "1")
		alone(t, s, st)
		fault.and()
		limitsAre(t, s.replicas, "0")
		answers, slowest := end()
		require.Positive(t, answers)
		require.Less(t, slowest, 100*time.Millisecond+busy)
		t.Logf("%s: %d answers, the slowest after %s", fault.name, answers, slowest)
	}
	together(t, s, st, oneCount)
	for i, lines := range changes(t, st.APIs) {
		require.GreaterOrEqual(t, len(lines), 4, "replica %d", i)
		for j, line := range lines {
			require.Equal(t, j%2 == 0, strings.Contains(line, "by this replica alone"),
				"replica %d has a line for each change: %v", i, lines)
		}
	}
}

// TestAReplicaStartsAndLimitsThoughRedisIsAway has replicas that never find their Redis. Each says
// why in one line of the log, and none shows the password.
func TestAReplicaStartsAndLimitsThoughRedisIsAway(t *testing.T) {
	urls := []struct{ wrong, says string }{
		{"redis://:a-secret@127.0.0.1:1", "connection refused"},
		{"redis://:a-secret@HOST", "WRONGPASS"},
		{"redis://nobody:a-secret@HOST", "WRONGPASS"},
		{"redis://HOST", "NOAUTH"},
		{"redis://:PASSWORD@HOST/1000000", "DB index is out of range"},
		{"rediss://:PASSWORD@HOST", "tls: "},
	}
	s, st := own(t, stack.Config{
		Parts: stack.API | stack.Redis, APIs: len(urls), APIEnv: asDelivered,
		Each: func(app *stack.App) {
			const name = "PLENARY_REDIS_URL="
			for i, setting := range app.Env {
				if right, ok := strings.CutPrefix(setting, name); ok {
					u, err := url.Parse(right)
					require.NoError(t, err)
					password, _ := u.User.Password()
					app.Env[i] = name + strings.NewReplacer("HOST", u.Host, "PASSWORD", password).
						Replace(urls[app.Index].wrong)
				}
			}
		},
	})
	alone(t, s, st)
	right, err := url.Parse(st.RedisURL)
	require.NoError(t, err)
	password, _ := right.User.Password()
	for i := range s.replicas {
		text, err := os.ReadFile(st.APIs[i].Log)
		require.NoError(t, err)
		require.Len(t, changes(t, st.APIs)[i], 1)
		// A busy machine may find that Redis says nothing before it hears why.
		require.Regexp(t, urls[i].says+"|it said nothing for 100 ms", string(text))
		require.NotContains(t, string(text), "a-secret")
		require.NotContains(t, string(text), password)
	}
}
