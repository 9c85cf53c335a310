package e2e

import (
	"fmt"
	"os"
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

const (
	pressureClients = 10_000
	pressureTime    = 15 * time.Second
)

// residentMiB gives a process's resident memory.
func residentMiB(t *testing.T, pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	require.NotNil(t, m)
	kib, err := strconv.Atoi(string(m[1]))
	require.NoError(t, err)
	return kib / 1024
}

// TestWithoutABrokerMemoryStaysBoundedAndVotersAreTold kills RabbitMQ, has 10,000 clients vote,
// watches what a replica holds, and starts the broker again.
func TestWithoutABrokerMemoryStaysBoundedAndVotersAreTold(t *testing.T) {
	s, st := own(t, stack.Config{Parts: stack.Servers | stack.API | stack.Worker, APIs: 1,
		APIEnv: []string{"PLENARY_ACCESS_LOG=false", "PLENARY_LOG_LEVEL=warn"}})
	r := show(s.Client, choice("Who wins?"))
	r.Count(Ballot{PollID: r.Polls[0].PollID, ClientID: NewVoter(), Key: "A"})
	st.Rabbits[0].Kill()

	client := newFast(s.base, pressureClients)
	var told, accepted, other atomic.Int64
	var slowest atomic.Int64
	var clients sync.WaitGroup
	end := time.Now().Add(pressureTime)
	for range pressureClients {
		clients.Go(func() {
			body := fmt.Sprintf(`{"poll_id":%q,"key":"B","client_id":%q}`,
				r.Polls[0].PollID, NewVoter())
			for time.Now().Before(end) {
				begun := time.Now()
				a, err := client.post(r.Path("/polls/current/votes"), body)
				switch {
				case err != nil:
					other.Add(1)
				case a.Status == 503 && a.Header.Get("Retry-After") != "":
					told.Add(1)
				case a.Status == 204 || a.Status == 202:
					accepted.Add(1)
				default:
					other.Add(1)
				}
				for took := int64(time.Since(begun)); ; {
					if old := slowest.Load(); took <= old || slowest.CompareAndSwap(old, took) {
						break
					}
				}
				time.Sleep(500 * time.Millisecond)
			}
		})
	}
	var resident []int
	for range int(pressureTime / time.Second) {
		time.Sleep(time.Second)
		resident = append(resident, residentMiB(t, st.APIs[0].Pid()))
	}
	clients.Wait()
	t.Logf("%d × 503, %d accepted, %d other; slowest answer %s", told.Load(), accepted.Load(),
		other.Load(), time.Duration(slowest.Load()).Round(time.Millisecond))
	t.Logf("resident MiB, each second: %s", strings.Trim(fmt.Sprint(resident), "[]"))
	require.Zero(t, accepted.Load(), "nothing is acknowledged that is not durable")
	require.LessOrEqual(t, other.Load(), told.Load()/100,
		"connections that a busy machine did not make in time")
	half := resident[len(resident)/2]
	require.LessOrEqual(t, resident[len(resident)-1], half+half/2+50, "it levels off")
	require.Less(t, resident[len(resident)-1], 1024)

	client.close() // ten thousand idle connections are no part of what follows
	require.NoError(t, st.Rabbits[0].Start(t.Context()))
	again := time.Now()
	// Everything reconnects with a backoff of seconds, on processors that have just had ten
	// thousand clients.
	for end := again.Add(90 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		a, err := s.Try(r.ballot(Ballot{PollID: r.Polls[0].PollID, ClientID: aVoter, Key: "A"}))
		if err == nil && (a.Status == 204 || a.Status == 202) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("votes are not taken again: %v %v; the API's log ends with\n%s", a, err,
				st.APIs[0].LogTail())
		}
	}
	t.Logf("votes are taken %s after the broker is back", time.Since(again).Round(time.Millisecond))
	require.Eventually(t, func() bool { return r.Results(r.Polls[0].PollID).Counts()["A"] == 2 },
		90*time.Second, 200*time.Millisecond,
		"and counted")
	r.Recount(r.Polls[0].PollID)
}
