package e2e

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
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

// hostileRequests is how many are sent; the same ones for the same seed.
const (
	hostileRequests = 200_000
	hostileClients  = 16
	hostileSeed     = 1
)

// TestNoRequestMakesTheServerFailOrLeak sends what no honest client would: wrong methods, paths, headers, sizes,
// encodings, bytes that are no HTTP, and clients that are slow or leave in the middle. No answer is a 5xx, the process
// lives, and afterwards it has no more goroutines or descriptors than before.
func TestNoRequestMakesTheServerFailOrLeak(t *testing.T) {
	s, st := own(t, stack.Config{Parts: stack.API, APIs: 1, APIEnv: []string{"PLENARY_ACCESS_LOG=false"}})
	r := show(s.Client, choice("Who wins?"), multiple("Which?", 2), rating("How good?"))
	u, err := url.Parse(st.APIs[0].URL)
	require.NoError(t, err)
	pid := st.APIs[0].Pid()
	transport.CloseIdleConnections()
	before := gauges(t, s)

	requests := hostileRequests
	if testing.Short() {
		requests /= 20
	}
	var answers [6]atomic.Int64 // by hundreds; 0: none
	var clients sync.WaitGroup
	for i := range hostileClients {
		clients.Go(func() {
			h := &hostile{rng: rand.New(rand.NewPCG(hostileSeed, uint64(i))), addr: u.Host, room: r}
			defer h.close()
			for range requests / hostileClients {
				request := h.request()
				status := h.send(request)
				answers[status/100].Add(1)
				if status >= 500 {
					t.Errorf("%d for %q", status, cut(request))
				}
			}
		})
	}
	clients.Go(func() { slowClients(u.Host) })
	clients.Wait()

	require.Zero(t, answers[5].Load())
	require.Equal(t, pid, st.APIs[0].Pid(), "the process is the same")
	t.Logf("%d requests: %d × 2xx, %d × 3xx, %d × 4xx, %d without an answer", requests,
		answers[2].Load(), answers[3].Load(), answers[4].Load(), answers[0].Load())
	require.Greater(t, answers[4].Load(), int64(requests/4), "most of them were understood well enough to be refused")
	r.Show(r.Polls[0].PollID) // the presenter's token was among what was sent
	r.Count(Ballot{PollID: r.Polls[0].PollID, ClientID: NewVoter(), Key: "A"})
	transport.CloseIdleConnections()
	require.Eventually(t, func() bool {
		now := gauges(t, s)
		return now.goroutines <= before.goroutines+10 && now.descriptors <= before.descriptors+5
	}, 30*time.Second, 200*time.Millisecond, "goroutines or descriptors are not given back")
}

func cut(s string) string { return s[:min(len(s), 300)] }

type processGauges struct{ goroutines, descriptors int }

func gauges(t *testing.T, s site) (g processGauges) {
	a := s.Do(Request{Method: "GET", Path: "/metrics"})
	read := func(name string) int {
		m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(a.Body)
		require.NotNil(t, m, name)
		n, err := strconv.ParseFloat(string(m[1]), 64)
		require.NoError(t, err)
		return int(n)
	}
	return processGauges{read("go_goroutines"), read("process_open_fds")}
}

// hostile is a client with a connection that it uses as long as the server lets it.
type hostile struct {
	rng    *rand.Rand
	addr   string
	room   *Room
	conn   net.Conn
	reader *bufio.Reader
}

func (h *hostile) close() {
	if h.conn != nil {
		_ = h.conn.Close()
		h.conn = nil
	}
}

// send gives the status of the answer, 0 if there was none.
func (h *hostile) send(request string) int {
	if h.conn == nil {
		conn, err := net.DialTimeout("tcp", h.addr, wait)
		if err != nil {
			return 0
		}
		h.conn, h.reader = conn, bufio.NewReader(conn)
	}
	_ = h.conn.SetDeadline(time.Now().Add(wait))
	if _, err := io.WriteString(h.conn, request); err != nil {
		h.close()
		return 0
	}
	// A request that promises more than it brings is one whose client leaves: an answer is not waited for long.
	if !complete(request) {
		_ = h.conn.(*net.TCPConn).CloseWrite()
	}
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(h.reader, &http.Request{Method: method})
	if err != nil {
		h.close()
		return 0
	}
	_, err = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if err != nil || res.Close || !complete(request) {
		h.close()
	}
	return res.StatusCode
}

// complete says whether the server can know where a request ends.
func complete(request string) bool {
	head, body, ok := strings.Cut(request, "\r\n\r\n")
	m := regexp.MustCompile(`(?i)\r\nContent-Length: (\d+)(\r\n|$)`).FindStringSubmatch(head)
	if !ok || m == nil {
		return false
	}
	n, err := strconv.Atoi(m[1])
	return err == nil && n == len(body) && !strings.Contains(head, "Transfer-Encoding")
}

func pick[T any](h *hostile, of ...T) T { return of[h.rng.IntN(len(of))] }

func (h *hostile) request() string {
	if h.rng.IntN(50) == 0 {
		return h.noise(h.rng.IntN(200)) + "\r\n\r\n"
	}
	body := h.body()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: x\r\n", h.method(), h.path())
	for range h.rng.IntN(4) {
		fmt.Fprintf(&b, "%s: %s\r\n", pick(h, "Content-Type", "Accept", "Prefer", "If-Match", "If-None-Match", "Authorization",
			"X-Request-Id", "X-Forwarded-For", "Content-Encoding", "Range", "Cookie", "Expect", "Upgrade", h.word()), h.value())
	}
	if h.rng.IntN(3) > 0 {
		b.WriteString("Content-Type: application/json\r\n")
	}
	switch h.rng.IntN(40) {
	case 0:
		b.WriteString("Transfer-Encoding: chunked\r\n")
	case 1:
		fmt.Fprintf(&b, "Content-Length: %s\r\n", pick(h, "-1", "1e3", "99999999999999999999", "x", "7000000"))
	default:
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	if h.rng.IntN(2000) == 0 {
		fmt.Fprintf(&b, "X-Large: %s\r\n", strings.Repeat("x", 64<<10))
	}
	return b.String() + "\r\n" + body
}

func (h *hostile) method() string {
	return pick(h, "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get", "BREW", "")
}

func (h *hostile) path() string {
	id := func() string {
		return pick(h, h.room.PresentationID, h.room.Polls[0].PollID, h.room.Polls[1].PollID, "current", nobody, nilUUID, h.word(), "..", "%00", "%2e%2e%2f",
			strings.Repeat("a", h.rng.IntN(3000)))
	}
	base := pick(h, Base, Base, Base, "", "/api/v2", "//", Base+"/../..")
	return base + pick(h,
		func() string { return "/presentations" },
		func() string { return "/presentations/" + id() },
		func() string { return "/presentations/" + id() + "/polls/current" },
		func() string { return "/presentations/" + id() + "/polls/current/votes" },
		func() string { return "/presentations/" + h.room.PresentationID + "/polls/current/votes" },
		func() string { return "/presentations/" + id() + "/polls/" + id() + "/results" },
		func() string { return "/presentations/" + id() + "/polls/" + id() + "/votes" },
		func() string { return "/join/" + id() },
		func() string { return "/" + h.word() },
	)() + pick(h, "", "", "", "/", "?x="+h.word(), "#f", "%", "%zz")
}

func (h *hostile) value() string {
	return pick(h, "application/json", "text/csv", "application/json; charset=utf-7", "gzip", "br, zstd", "*/*", "100-continue",
		"wait=1", "respond-async", `"1"`, `W/"1"`, "*", "Bearer "+h.room.PresenterToken, "Bearer x", "bytes=0-", "websocket",
		strings.Repeat("v", h.rng.IntN(500)), h.word())
}

func (h *hostile) body() string {
	key := pick(h, "A", "B", "Z", "", "\\u0000", strings.Repeat("k", 100))
	voter := pick(h, NewVoter(), nilUUID, "x", "")
	switch h.rng.IntN(8) {
	case 0:
		return ""
	case 1:
		return h.noise(h.rng.IntN(5000))
	case 2:
		return strings.Repeat(pick(h, "[", `{"a":`, `"`, "9"), h.rng.IntN(2000))
	case 3:
		return fmt.Sprintf(`{"polls":[{"question":%q,"kind":%q,"options":[{"key":%q,"value":"v"}]}],"current_poll_index":%s}`,
			h.word(), pick(h, "choice", "rating", "x"), key, pick(h, "0", "1", "-1", "null", "1e99", `"0"`))
	case 4:
		return fmt.Sprintf(`{"poll_id":%q,"move":%q}`, h.room.Polls[1].PollID, h.word())
	}
	whole := fmt.Sprintf(`{"poll_id":"%s","key":"%s","client_id":"%s","seq":%s}`,
		pick(h, h.room.Polls[0].PollID, h.room.Polls[1].PollID, nilUUID, "x"), key, voter, pick(h, "0", "1", "-1", "1.5", "9007199254740993", "null", "{}"))
	return whole[:pick(h, len(whole), len(whole), h.rng.IntN(len(whole)))]
}

func (h *hostile) word() string {
	return pick(h, "a", "é", "☃", "'; DROP TABLE votes;--", "<script>", "\\", "%", "\t", strings.Repeat("w", 300), strconv.Itoa(h.rng.Int()))
}

func (h *hostile) noise(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(h.rng.IntN(256))
	}
	return string(b)
}

// slowClients open connections that send a little and then nothing, and leave after a while.
func slowClients(addr string) {
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			conn, err := net.DialTimeout("tcp", addr, wait)
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			request := "POST " + Base + "/presentations HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
			_, _ = io.WriteString(conn, request[:len(request)*(i+1)/200])
			_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
			_, _ = io.Copy(io.Discard, conn)
		})
	}
	all.Wait()
}

// TestABodyThatUnpacksToGigabytesIsNotUnpacked sends a compressed body, which the API does not take.
func TestABodyThatUnpacksToGigabytesIsNotUnpacked(t *testing.T) {
	embedded.start()
	s := embedded.on(t)
	r := show(s.Client, choice("Who wins?"))
	for _, encoding := range []string{"gzip", "br", "deflate", "zstd", "x"} {
		a := s.Do(Request{
			Method: "POST", Path: r.Path("/polls/current/votes"), Wrong: true,
			Header: map[string]string{"Content-Type": jsonEnc, "Content-Encoding": encoding}, Body: "\x1f\x8b\x08",
		})
		require.Equal(t, "415 unsupported_media_type", a.Code())
	}
}
