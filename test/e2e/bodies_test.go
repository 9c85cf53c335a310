package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// TestABodyThatComesByteByByteIsCutAfter15SecondsInAll: by the API, and through NGINX.
func TestABodyThatComesByteByByteIsCutAfter15SecondsInAll(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it takes 15 seconds")
	}
	t.Parallel()
	s := production.on(t)
	r := show(s.Client, choice("Who wins?"))
	heads := map[string]string{}
	for _, call := range []string{
		"POST " + r.Path("/polls/current/votes"), "POST " + Base + "/presentations",
		"PUT " + r.Path("/polls/current"), "DELETE " + r.Path(""),
		"GET " + r.Path(""), "GET " + r.Path("/events"), "PATCH " + r.Path(""), "POST /nowhere",
		"POST " + Base + "/ping", "POST /qr.svg",
	} {
		heads[call] = call + " HTTP/1.1\r\nHost: x\r\nContent-Type: " +
			"application/json\r\nContent-Length: 1000\r\n\r\n"
		heads[call+" in chunks"] = call +
			" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: " +
			"chunked\r\n\r\n"
	}
	heads["NGINX itself"] = "POST /nginx-status HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
	heads["PUT of one version"] = "PUT " + r.Path("/polls/current") +
		" HTTP/1.1\r\nHost: x\r\nIf-Match: \"7\"\r\nContent-Length: 1000\r\n\r\n"
	heads["a head"] = "GET / HTTP/1.1\r\nX: "
	var clients sync.WaitGroup
	for _, base := range []string{s.base, s.replicas[0].base} {
		for name, head := range heads {
			for _, pause := range []time.Duration{100 * time.Millisecond, time.Second,
				12 * time.Second} {
				clients.Go(func() {
					took, err := dripping(strings.TrimPrefix(base, "http://"), head, pause)
					assert.NoError(t, err, "%s, a byte every %s, at %s", name, pause, base)
					// The API takes up to 10 s to give up. NGINX then drops what comes for 5 s and
					// looks once a second. And machines are busy.
					assert.Less(t, took, 18*time.Second, "%s, a byte every %s, at %s",
						name, pause, base)
				})
			}
		}
	}
	clients.Wait()
	r.Count(Ballot{PollID: r.Polls[0].PollID, ClientID: NewVoter(), Key: "A"})
}

// dripping sends a head and then a byte now and then, and gives how long the server lets it.
func dripping(addr, head string, pause time.Duration) (took time.Duration, err error) {
	conn, err := net.DialTimeout("tcp", addr, wait)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	begun := time.Now()
	_ = conn.SetDeadline(begun.Add(40 * time.Second))
	drop := "1"
	if strings.Contains(head, "chunked") {
		drop = "1\r\nx\r\n"
	}
	if _, err := io.WriteString(conn, head+drop); err != nil {
		return 0, err
	}
	ended := make(chan struct{})
	go func() { // an answer, an event stream or the end
		defer close(ended)
		_, _ = io.Copy(io.Discard, conn)
	}()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return time.Since(begun), nil
		case <-tick.C:
			if _, err := io.WriteString(conn, drop); err != nil {
				return time.Since(begun), nil
			}
			if time.Since(begun) > 30*time.Second {
				return 0, fmt.Errorf("it is still open after 30 s")
			}
		}
	}
}

// announcing holds so many connections that announce a body and send less of it, until release.
func announcing(t *testing.T, addr string, connections int, head, begin string) (release func()) {
	t.Helper()
	held := make([]net.Conn, connections)
	release = func() {
		for _, conn := range held {
			if conn != nil {
				_ = conn.Close()
			}
		}
	}
	t.Cleanup(release)
	concurrently(20, func(i int) {
		for n := i; n < connections; n += 20 {
			conn, err := net.DialTimeout("tcp", addr, wait)
			if !assert.NoError(t, err) {
				return
			}
			held[n] = conn
			_, _ = io.WriteString(conn, head+begin) // it may be refused by then
		}
	})
	return release
}

// TestAnAnnouncedBodyTakesNoMemory until it arrives, and what arrives of large ones is bounded.
// Votes are answered meanwhile.
func TestAnAnnouncedBodyTakesNoMemory(t *testing.T) {
	const connections, most = 2000, 150 << 20
	const mostArrived = 200 << 20 // where a thousand megabytes arrive
	post := "POST " + Base +
		"/presentations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	for name, c := range map[string]struct {
		head, begin string
		most        int
	}{
		"the largest body, and one byte of it": {post +
			"Content-Length: 1048576\r\n\r\n", "{", most},
		"4 MiB": {post +
			"Content-Length: 4194304\r\n\r\n", "{", most},
		"a chunk of 1 MiB": {post +
			"Transfer-Encoding: chunked\r\n\r\n100000\r\n", "{", most},
		"a body that waits for a word": {post +
			"Expect: 100-continue\r\nContent-Length: 1048576\r\n\r\n", "", most},
		"a form": {strings.Replace(post, "application/json",
			"multipart/form-data; boundary=x", 1) + "Content-Length: 1048576\r\n\r\n",
			"--x\r\n", most},
		"half of the largest body": {post + "Content-Length: 1048576\r\n\r\n",
			strings.Repeat(" ", 1<<19), mostArrived},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := own(t, stack.Config{Parts: stack.API, APIs: 1,
				APIEnv: []string{"PLENARY_ACCESS_LOG=false"}})
			r := show(s.Client, choice("Who wins?"))
			addr := strings.TrimPrefix(s.base, "http://")
			voting, stop := make(chan struct{}), make(chan struct{})
			votes := 0
			go func() {
				defer close(voting)
				for {
					select {
					case <-stop:
						return
					default:
						r.Count(Ballot{PollID: r.Polls[0].PollID, ClientID: NewVoter(), Key: "A"})
						votes++
					}
				}
			}()
			release := announcing(t, addr, connections, c.head, c.begin)
			resident := 0
			for range 20 {
				resident = max(resident, gauges(t, s.Client).resident)
				time.Sleep(50 * time.Millisecond)
			}
			close(stop)
			<-voting
			release()
			t.Logf("%d MB resident, %d votes meanwhile", resident>>20, votes)
			require.Less(t, resident, c.most)
			require.Positive(t, votes)
			require.EqualValues(t, votes, r.Recount(r.Polls[0].PollID).Total)
		})
	}
}

// TestABodyThatIsTooLargeHasItsAnswer although its client is still sending, also through NGINX.
func TestABodyThatIsTooLargeHasItsAnswer(t *testing.T) {
	begin(embedded, production)
	for _, system := range []*system{embedded, production} {
		t.Run(system.name, func(t *testing.T) {
			s := system.on(t)
			r := show(s.Client, choice("Who wins?"))
			for _, size := range []int{4097, 1 << 16, 1 << 20, 1<<20 + 1, 3 << 20} {
				for _, chunked := range []bool{false, true} {
					for _, path := range []string{r.Path("/polls/current/votes"),
						Base + "/presentations"} {
						if size <= 1<<20 && path == Base+"/presentations" {
							continue
						}
						status, err := largeBody(strings.TrimPrefix(s.base, "http://"),
							path, size, chunked)
						require.NoError(t, err, "%d bytes to %s, %v", size, path, chunked)
						require.Equal(t, http.StatusRequestEntityTooLarge, status,
							"%d bytes to %s, %v", size, path, chunked)
					}
				}
			}
		})
	}
}

func largeBody(addr, path string, size int, chunked bool) (status int, err error) {
	conn, err := net.DialTimeout("tcp", addr, wait)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(wait))
	head, body := fmt.Sprintf("Content-Length: %d\r\n\r\n", size), strings.Repeat(" ", size)
	if chunked {
		head, body = "Transfer-Encoding: chunked\r\n\r\n",
			fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", size, body)
	}
	go func() {
		_, _ = io.WriteString(conn,
			"POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+head+body)
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	if typ := res.Header.Get("Content-Type"); typ != problemType {
		return res.StatusCode, fmt.Errorf("it is no problem but %q", typ)
	}
	return res.StatusCode, nil
}
