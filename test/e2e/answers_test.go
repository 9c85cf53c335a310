package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// fill adds polls to a presentation until the API refuses more, and gives the refusal. Each text of
// a sign takes six bytes of JSON.
func fill(r *Room, sign string) *Answer {
	for size := 100; ; {
		q := NewPoll{Question: "How?"}
		for i := range size {
			q.Options = append(q.Options,
				Option{Key: "k" + strconv.Itoa(i), Value: strings.Repeat(sign, 1000)})
		}
		a := r.Do(Request{Method: http.MethodPost, Path: r.Path("/polls"),
			Token: r.PresenterToken, JSON: q})
		switch {
		case a.Status == http.StatusCreated:
		case size == 1:
			return a
		default:
			size /= 2
		}
	}
}

func TestAPresentationThatIsFullCanBeReadAndMadeSmaller(t *testing.T) {
	everywhere(t, func(t *testing.T, s site) {
		r := show(s.Client, choice("Who wins?"))
		refused := fill(r, "<")
		require.Equal(t, "400 invalid polls", refused.Code())
		require.Contains(t, refused.Problem().Detail, "at most 1048576 bytes in all")
		polls := r.Presentation(true).Polls
		long := strings.Repeat("q", 1000)
		last := polls[len(polls)-1].PollID
		require.Equal(t, "400 invalid polls",
			r.edit(http.MethodPatch, "/polls/"+last, map[string]string{"question": long}).Code())
		require.Equal(t, "400 invalid title",
			r.edit(http.MethodPatch, "",
				map[string]string{"title": strings.Repeat("t", 1000)}).Code())
		require.Equal(t, 200, r.edit(http.MethodPatch, "/polls/"+last,
			map[string]string{"question": "Q"}).Status)
		require.Equal(t, polls[:len(polls)-1], r.Presentation(true).Polls[:len(polls)-1],
			"what was refused changed nothing")
		require.Equal(t, 204, r.edit(http.MethodDelete, "/polls/"+last, nil).Status)
		require.Equal(t, 200, r.edit(http.MethodPatch, "", map[string]string{"title": "t"}).Status)
	})
}

// prober casts votes one after the other on a connection of its own.
type prober struct {
	client http.Client
	url    string
	pollID string
}

func probe(t *testing.T, r *Room, base string) *prober {
	own := &http.Transport{}
	t.Cleanup(own.CloseIdleConnections)
	return &prober{http.Client{Transport: own, Timeout: wait},
		base + r.Path("/polls/current/votes"), r.Polls[0].PollID}
}

// median votes for as long as that, and gives what a vote took in the middle. Every vote must be
// taken.
func (p *prober) median(t *testing.T, last time.Duration) time.Duration {
	t.Helper()
	var took []time.Duration
	for end := time.Now().Add(last); time.Now().Before(end); {
		body := fmt.Sprintf(`{"poll_id":%q,"key":"A","client_id":%q}`, p.pollID, NewVoter())
		begun := time.Now()
		res, err := p.client.Post(p.url, "application/json", strings.NewReader(body))
		require.NoError(t, err)
		took = append(took, time.Since(begun))
		_, _ = io.Copy(io.Discard, res.Body)
		require.NoError(t, res.Body.Close())
		require.Contains(t, []int{202, 204}, res.StatusCode)
		time.Sleep(time.Millisecond) // a voter, not a load
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// unread asks n times for a path, each on a connection of its own, from which nothing is read.
func unread(t *testing.T, base string, n int, path, token string) (conns []net.Conn) {
	t.Helper()
	u, err := url.Parse(base)
	require.NoError(t, err)
	for range n {
		conn, err := net.DialTimeout("tcp", u.Host, wait)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4096))
		_, err = fmt.Fprintf(conn,
			"GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", path, token)
		require.NoError(t, err)
		conns = append(conns, conn)
	}
	return conns
}

// Two hundred clients ask for the largest presentation there may be, and read nothing of it: in
// JSON it has 6 MiB.
func TestUnreadAnswersTakeABoundedMemoryAndVotesGoOn(t *testing.T) {
	if os.Getenv("PLENARY_STACK_RACE") != "" {
		t.Skip("the race detector's memory is no measure")
	}
	s, st := own(t, stack.Config{Parts: stack.API, APIs: 1,
		APIEnv: []string{"PLENARY_ACCESS_LOG=false", "PLENARY_LOG_LEVEL=error"}})
	r := show(s.Client, choice("Who wins?"))
	fill(r, "<")
	for range len(r.Presentation(true).Polls) - 1 {
		r.Next()
	}
	r.Show(r.Polls[0].PollID)
	for name, path := range map[string]string{
		"presentation": "", "export": "/export", "results": "/results",
		"workbook": "/results?format=xlsx", "table": "/results?format=csv",
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, st.APIs[0].Stop()) // each begins with a process that holds nothing
			require.NoError(t, st.APIs[0].Start(t.Context()))
			voter := probe(t, r, s.base)
			quiet, before := voter.median(t, time.Second), residentMiB(t, st.APIs[0].Pid())
			unread(t, s.base, 200, r.Path(path), r.PresenterToken)
			var peak int
			var busy []time.Duration
			for end := time.Now().Add(4 * time.Second); time.Now().Before(end); {
				busy = append(busy, voter.median(t, 200*time.Millisecond))
				peak = max(peak, residentMiB(t, st.APIs[0].Pid()))
			}
			slices.Sort(busy)
			t.Logf("resident %d -> at most %d MiB; a vote's median %v -> %v", before, peak, quiet,
				busy[len(busy)/2])
			require.Less(t, peak, 300)
			require.Less(t, busy[len(busy)/2], 100*time.Millisecond)
		})
	}
}

// Eight loops of workbooks and two of QR codes that nobody has asked for yet leave half of the
// processors to votes.
func TestVotesKeepTheirPaceBesideCostlyAnswers(t *testing.T) {
	s, _ := own(t, stack.Config{Parts: stack.API, APIs: 1,
		APIEnv: []string{"PLENARY_ACCESS_LOG=false", "PLENARY_LOG_LEVEL=error"}})
	polls := []NewPoll{choice("Who wins?")}
	for i := range 20 {
		q := NewPoll{Question: "Question " + strconv.Itoa(i)}
		for j := range 100 {
			q.Options = append(q.Options,
				Option{Key: strconv.Itoa(j), Value: strings.Repeat("v", 200)})
		}
		polls = append(polls, q)
	}
	r := show(s.Client, polls...)
	for range 20 {
		r.Next()
	}
	r.Show(r.Polls[0].PollID)
	voter := probe(t, r, s.base)

	var going sync.RWMutex // held for writing while it is quiet
	stop := make(chan struct{})
	var loops sync.WaitGroup
	defer loops.Wait()
	defer close(stop)
	client := http.Client{Timeout: wait}
	var answered atomic.Int64
	loop := func(ask func() (*http.Response, error)) {
		loops.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				going.RLock()
				if res, err := ask(); err == nil {
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
					if res.StatusCode == http.StatusOK {
						answered.Add(1)
					}
				}
				going.RUnlock()
			}
		})
	}
	going.Lock()
	for range 8 {
		loop(func() (*http.Response,
			error) {
			return client.Get(s.base + r.Path("/results?format=xlsx"))
		})
	}
	for range 2 {
		loop(func() (*http.Response, error) {
			return client.Post(s.base+"/qr.svg", "text/plain",
				strings.NewReader(strings.Repeat(NewVoter(), 20)))
		})
	}
	const rounds = 6
	var quiet, busy []time.Duration
	for range rounds {
		quiet = append(quiet, voter.median(t, time.Second))
		going.Unlock()
		busy = append(busy, voter.median(t, time.Second))
		going.Lock()
	}
	going.Unlock()
	t.Logf("a vote's median: %v without, %v beside %d costly answers", quiet, busy, answered.Load())
	require.Positive(t, answered.Load())
	// Twice as long at most where nothing else runs. What other processes take comes on top of
	// that. So the best of the rounds count, and 10 ms are allowed for it. Without turns the best
	// round is above 28 ms.
	require.Less(t, slices.Min(busy), 2*slices.Min(quiet)+10*time.Millisecond)
}

func TestAStopWaitsForNobodyWhoReadsNothing(t *testing.T) {
	t.Parallel()
	s, st := own(t, stack.Config{Parts: stack.API, APIs: 1,
		APIEnv: []string{"PLENARY_STOP_TIMEOUT=60s"}})
	r := show(s.Client, choice("Who wins?"))
	fill(r, "<")
	for range len(r.Presentation(true).Polls) - 1 {
		r.Next()
	}
	r.Clear()
	finalOf(t, r, r.Polls[0].PollID)
	for _, path := range []string{"", "/export", "/results", "/results?format=csv",
		"/results?format=xlsx"} {
		for _, conn := range unread(t, s.base, 3, r.Path(path), r.PresenterToken) {
			_, err := conn.Read(make([]byte, 1)) // its answer is under way
			require.NoError(t, err)
		}
	}
	begun := time.Now()
	require.NoError(t, st.APIs[0].Stop())
	t.Logf("stopped in %v", time.Since(begun))
	require.Less(t, time.Since(begun), 20*time.Second)
	require.NotContains(t, st.APIs[0].LogTail(), "not every connection ended in time")
}
