package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// hostileSeed makes the same requests again; only the ids that the server gave are others.
var hostileSeed = flag.Uint64("hostile-seed", 1, "seed of the hostile requests")

const (
	hostileRequests = 200_000 // to the API itself
	hostileProxied  = 20_000  // to the production shape, through NGINX
	hostileStored   = 10_000  // to an API with PostgreSQL, which dislikes other texts than SQLite
	hostileClients  = 16
	// cutAfter is how long the API, whose time for a request is 10 s, may take to end one that
	// comes byte by byte.
	cutAfter = 20 * time.Second
)

// TestNoRequestMakesTheServerFailOrLeak sends what no honest client would:
//   - wrong methods, paths, headers, sizes, encodings and framings
//   - bytes that are no HTTP
//   - several requests at once
//   - requests of clients that are slow or leave in the middle
//
// No answer is a 5xx, every refusal is a problem, and the process lives. Afterwards the process
// has no more goroutines or descriptors than before.
func TestNoRequestMakesTheServerFailOrLeak(t *testing.T) {
	s, st := own(t, stack.Config{Parts: stack.API, APIs: 1,
		APIEnv: []string{"PLENARY_ACCESS_LOG=false"}})
	pid := st.APIs[0].Pid()
	transport.CloseIdleConnections()
	before := gauges(t, s.Client)

	addr := strings.TrimPrefix(s.base, "http://")
	var slow sync.WaitGroup
	slow.Go(func() { slowClients(addr) })
	if !testing.Short() {
		slow.Go(func() { slowloris(t, addr) })
	}
	r := harass(t, s, hostileRequests, 20)
	slow.Wait()

	require.Equal(t, pid, st.APIs[0].Pid(), "the process is the same")
	stillVotes(r)
	transport.CloseIdleConnections()
	// The store's connections, which are files, are opened at need and kept. What leaks with one
	// request of a thousand is more.
	const kept = 50
	var now processGauges
	require.Eventually(t, func() bool {
		now = gauges(t, s.Client)
		return now.goroutines <= before.goroutines+kept &&
			now.descriptors <= before.descriptors+kept
	}, 30*time.Second, 200*time.Millisecond,
		"goroutines or descriptors are not given back: %+v", &now)
	t.Logf("before %+v, now %+v", before, now)
}

// TestNoRequestMakesTheProductionShapeFailOrLeak sends the same sorts of requests through NGINX.
func TestNoRequestMakesTheProductionShapeFailOrLeak(t *testing.T) {
	s := production.on(t)
	transport.CloseIdleConnections()
	var before []processGauges
	for _, replica := range s.replicas {
		before = append(before, gauges(t, replica))
	}
	r := harass(t, s, hostileProxied, 5)
	slowClients(strings.TrimPrefix(s.base, "http://"))
	stillVotes(r)
	transport.CloseIdleConnections()
	// NGINX keeps a connection to an API for each client that it had at once, in each of its four
	// workers at most.
	const kept = 4 * hostileClients
	require.Eventually(t, func() bool {
		for i, replica := range s.replicas {
			now := gauges(t, replica)
			if now.goroutines > before[i].goroutines+kept ||
				now.descriptors > before[i].descriptors+kept {
				return false
			}
		}
		return proxied(t, s) < kept
	}, 30*time.Second, 200*time.Millisecond, "goroutines or descriptors are not given back")
}

func TestNoRequestMakesTheDatabaseFail(t *testing.T) {
	stillVotes(harass(t, usualWay.on(t), hostileStored, 2))
}

// harass sends requests to a room of its own and gives the room. Of so many of them one is nearly
// right.
func harass(t *testing.T, s site, requests, nearly int) *Room {
	t.Helper()
	if testing.Short() {
		requests /= 20
	}
	r := show(s.Client, choice("Who wins?"), multiple("Which?", 2), rating("How good?"),
		wordCloud("Where?"))
	var answers [6]atomic.Int64   // by hundreds
	var sent, silent atomic.Int64 // requests; writes without any answer
	concurrently(hostileClients, func(i int) {
		h := &hostile{rng: rand.New(rand.NewPCG(*hostileSeed, uint64(i))),
			addr: strings.TrimPrefix(s.base, "http://"), room: r, nearly: nearly}
		defer h.close()
		for n := 0; n < requests/hostileClients; {
			shot := h.shot()
			n += len(shot.methods)
			statuses, err := h.fire(shot)
			sent.Add(int64(len(shot.methods)))
			if len(statuses) == 0 {
				silent.Add(1)
			}
			for _, status := range statuses {
				answers[status/100].Add(1)
				if status >= 500 {
					t.Errorf("%d for %q", status, cut(shot.bytes))
				}
			}
			if err != nil {
				t.Errorf("%v for %q", err, cut(shot.bytes))
			}
		}
	})
	t.Logf("%d requests of seed %d: %d × 2xx, %d × 3xx, %d × 4xx, %d writes without any answer",
		sent.Load(), *hostileSeed,
		answers[2].Load(), answers[3].Load(), answers[4].Load(), silent.Load())
	require.Zero(t, answers[5].Load())
	require.Greater(t, answers[4].Load(), sent.Load()/2,
		"most of them were understood well enough to be refused")
	require.Less(t, silent.Load(), sent.Load()/5)
	return r
}

// stillVotes takes a vote after all that.
func stillVotes(r *Room) {
	r.tb.Helper()
	r.Show(r.Polls[0].PollID) // the presenter's token was among what was sent
	r.Count(Ballot{PollID: r.Polls[0].PollID, ClientID: NewVoter(), Key: "A"})
}

func cut(s string) string { return s[:min(len(s), 300)] }

type processGauges struct{ goroutines, descriptors, resident int }

func gauges(t *testing.T, c *Client) processGauges {
	t.Helper()
	a := c.Operators("/metrics")
	read := func(name string) int {
		n, err := strconv.ParseFloat(found(t, `(?m)^`+name+` (\S+)$`, a), 64)
		require.NoError(t, err)
		return int(n)
	}
	return processGauges{read("go_goroutines"), read("process_open_fds"),
		read("process_resident_memory_bytes")}
}

// proxied gives how many clients NGINX holds.
func proxied(t *testing.T, s site) int {
	t.Helper()
	res, err := http.Get(s.base + "/nginx-status")
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	n, err := strconv.Atoi(found(t, `Active connections: (\d+)`, &Answer{Body: body}))
	require.NoError(t, err)
	return n
}

func found(t *testing.T, pattern string, a *Answer) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindSubmatch(a.Body)
	require.NotNil(t, m, pattern)
	return string(m[1])
}

// shot is what is written at once.
type shot struct {
	bytes   string
	methods []string // of the requests in it, in order: so many answers are right
	// whole: the server can know where each request ends, and has to answer each. Else the client
	// says with the end of its stream that nothing more comes, and takes what it gets.
	whole bool
}

// hostile is a client with a connection that it uses as long as the server lets it.
type hostile struct {
	rng    *rand.Rand
	addr   string
	room   *Room
	nearly int // of so many requests one is nearly right
	conn   net.Conn
	reader *bufio.Reader
}

func (h *hostile) close() {
	if h.conn != nil {
		_ = h.conn.Close()
		h.conn = nil
	}
}

// fire gives the statuses of the answers. The error says what is wrong with one of them, or that a
// whole request has none.
func (h *hostile) fire(s shot) (statuses []int, err error) {
	if h.conn == nil {
		conn, err := net.DialTimeout("tcp", h.addr, wait)
		if err != nil {
			return nil, err
		}
		h.conn, h.reader = conn, bufio.NewReader(conn)
	}
	_ = h.conn.SetDeadline(time.Now().Add(wait))
	_, unsent := io.WriteString(h.conn, s.bytes) // the server may refuse it before it has read all
	if !s.whole {
		_ = h.conn.(*net.TCPConn).CloseWrite()
	}
	for len(statuses) < len(s.methods) {
		status, last, err := h.answer(s.methods[len(statuses)])
		// it is not expected of what is not whole, nor after what could not be sent
		if errors.Is(err, errUnheard) {
			h.close()
			if s.whole && unsent == nil {
				return statuses, err
			}
			return statuses, nil
		}
		if err != nil {
			h.close()
			return statuses, err
		}
		statuses = append(statuses, status)
		if last {
			h.close()
			return statuses, nil
		}
	}
	if !s.whole {
		h.close()
	}
	return statuses, nil
}

// answer reads the next answer. last: none will follow it.
func (h *hostile) answer(method string) (status int, last bool, err error) {
	for status < 200 { // a request that expected "100 Continue" gets it first
		if _, err := h.reader.Peek(1); err != nil {
			return 0, true, fmt.Errorf("%w: %w", errUnheard, err)
		}
		res, err := http.ReadResponse(h.reader, &http.Request{Method: method})
		if err != nil {
			return 0, true, fmt.Errorf("%w: %w", errTorn, err)
		}
		_, err = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if err != nil {
			return 0, true, fmt.Errorf("%w: %w", errTorn, err)
		}
		if status = res.StatusCode; status >= 400 && res.Header.Get("Content-Type") != problemType {
			return status, res.Close,
				fmt.Errorf("%d is no problem but %q", status, res.Header.Get("Content-Type"))
		}
		last = res.Close
	}
	return status, last, nil
}

func pick[T any](h *hostile, of ...T) T { return of[h.rng.IntN(len(of))] }

// shot makes the next thing to send.
func (h *hostile) shot() shot {
	switch h.rng.IntN(60) {
	case 0:
		return shot{h.noise(1+h.rng.IntN(200)) + "\r\n\r\n", []string{"GET"}, false}
	case 1:
		return h.badlyFramed()
	case 2:
		whole := h.request() // and it ends in the middle
		return shot{whole.bytes[:1+h.rng.IntN(len(whole.bytes))], whole.methods, false}
	case 3:
		whole := h.request() // the client does not write any more, but listens
		return shot{whole.bytes, whole.methods, false}
	case 4, 5, 6, 7:
		all := shot{whole: true}
		for range 2 + h.rng.IntN(15) {
			one := h.request()
			all.bytes, all.methods = all.bytes+one.bytes, append(all.methods, one.methods...)
		}
		return all
	}
	return h.request()
}

// request makes one that ends where it says.
func (h *hostile) request() shot {
	if h.rng.IntN(h.nearly) == 0 {
		return h.nearlyRight()
	}
	method, body := h.method(), h.body()
	var b strings.Builder
	h.head(&b, method)
	if h.rng.IntN(20) == 0 {
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n" + h.chunked(body))
	} else {
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	}
	return shot{b.String(), []string{method}, true}
}

// nearlyRight makes a request that gets past the first checks: only its texts are odd.
func (h *hostile) nearlyRight() shot {
	method, path, body := "GET", h.room.Path(""), ""
	poll := h.room.Path("/polls/" + h.room.Polls[h.rng.IntN(3)].PollID)
	switch h.rng.IntN(15) {
	case 0:
		method, path, body = "POST", Base+"/presentations",
			h.newPresentation(`"`+pick(h, "A", "B", `\u0000`, `\ud800`, "\xff", " ", "é")+`"`)
	case 1:
		method, path, body = "POST", h.room.Path("/polls/current/votes"),
			h.vote(h.room.Polls[0].PollID, pick(h, "A", "A", "Z", `\u0000`, "\xff"), h.voter())
		if h.rng.IntN(3) == 0 {
			body = fmt.Sprintf(`{"poll_id":%q,"client_id":%q,%s}`,
				h.room.Polls[3].PollID, h.voter(),
				pick(h, `"text":`+h.text(), `"texts":[`+h.text()+`,`+h.text()+`]`))
		}
	case 2:
		method, path = "PUT", h.room.Path("/polls/current")
		body = pick(h, "", `{"move":"next"}`, `{"move":"previous"}`, `{"move":"close"}`,
			`{"move":"open"}`, fmt.Sprintf(`{"poll_id":%q}`,
				pick(h, h.room.Polls[0].PollID, h.room.Polls[3].PollID, nobody)))
	case 3:
		path = Base + "/join/" +
			pick(h, "%00", "%ff", "%C0%80", "a%00b", "%", "☃",
				strings.Repeat("a", h.rng.IntN(5000)), h.room.JoinCode)
	case 4:
		path = h.room.Path("/polls/" + h.room.Polls[pick(h, 0, 3)].PollID +
			pick(h, "/votes", "/results"))
	case 5:
		method, path = "DELETE", h.room.Path("/polls/current")
	case 6:
		method, body = "PATCH", fmt.Sprintf(`{"title":%s}`, h.text())
	case 7:
		method, path = "PATCH", poll
		body = fmt.Sprintf(`{"question":%s,"results_visibility":%s,"banned_words":[%s,%s]}`,
			h.text(), pick(h, `"live"`, `"after"`, h.text()), h.text(), h.text())
	case 8:
		method, path = "PUT", h.room.Path("/polls/order")
		body = fmt.Sprintf(`{"poll_ids":[%q,%q,%q,%s]}`, h.room.Polls[3].PollID,
			h.room.Polls[2].PollID, h.room.Polls[0].PollID,
			pick(h, strconv.Quote(h.room.Polls[1].PollID), h.text()))
	case 9:
		method, path = "POST", poll+"/reset"
	case 10:
		path = h.room.Path("/export")
	case 11: // added polls stay: only such as are refused, or the room would grow
		method, path = "POST", h.room.Path("/polls")
		body = fmt.Sprintf(`{"question":%s,"index":%s,"options":[]}`, h.text(),
			pick(h, "0", "-1", "9", "null"))
	case 12:
		path = h.room.Path("/results" +
			pick(h, "", "?format=csv", "?format=xlsx", "?format=", "?format=%00",
				"?format=csv&format=xlsx"))
	case 13:
		path = "/qr.svg?code=" +
			pick(h, h.room.JoinCode, "%00", "%ff", "☃", strings.Repeat("B", h.rng.IntN(5000)))
	}
	var b strings.Builder
	fmt.Fprintf(
		&b, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "+
			"%d\r\nAuthorization: Bearer %s\r\n%s: %s\r\n\r\n%s",
		method, path, len(body), h.room.PresenterToken,
		pick(h, "Accept", "Prefer", "If-Match", "If-None-Match", "X-Request-Id"), h.value(), body)
	return shot{b.String(), []string{method}, true}
}

// badlyFramed makes one about whose end, or size, one can argue.
func (h *hostile) badlyFramed() shot {
	method, body := pick(h, "POST", "PUT", "GET"), h.body()
	var b strings.Builder
	h.head(&b, method)
	length, hidden := strconv.Itoa(len(body)), "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
	b.WriteString(pick(h,
		"Content-Length: "+pick(h, "-1", "1e3", "99999999999999999999", "x", "7000000", "+1",
			"0x10", "")+"\r\n\r\n"+body,
		"Content-Length: "+length+"\r\nContent-Length: 1\r\n\r\n"+body,
		"Content-Length: "+length+"\r\nTransfer-Encoding: chunked\r\n\r\n"+h.chunked(body),
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+hidden,
		"Transfer-Encoding: chunked\r\nContent-Length: "+length+"\r\n\r\n"+body+hidden,
		"Transfer-Encoding: "+pick(h, "gzip", "identity", "chunked, identity", "x", "gzip, chunked",
			"\tchunked", "")+"\r\n\r\n"+h.chunked(body),
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n"+h.chunked(body),
		"Transfer-Encoding : chunked\r\n\r\n"+h.chunked(body),
		"Transfer-Encoding: chunked\r\n\r\n"+body,
		"Transfer-Encoding: chunked\r\n\r\n"+
			pick(h, "fffffffffffffffff", "-1", "7fffffffffffffff", "", " 5", "5;")+"\r\n"+body,
		"X-Many: x\r\n"+strings.Repeat("X-"+h.word()+": "+h.value()+"\r\n", h.rng.IntN(400))+"\r\n",
		"X-Large: "+strings.Repeat("x", h.rng.IntN(128<<10))+"\r\n\r\n",
		" folded: x\r\n\tmore\r\n\r\n",
		"No-Colon\r\n\r\n",
		tooLarge(), compressed(),
	))
	return shot{b.String(), []string{method}, false}
}

func (h *hostile) head(b *strings.Builder, method string) {
	path := h.path()
	// the room is needed still
	for method == "DELETE" && strings.HasPrefix(path, h.room.Path("")) &&
		!strings.Contains(path, "/polls/current") {
		path = h.path()
	}
	fmt.Fprintf(b, "%s %s HTTP/1.1\r\nHost: x\r\n", method, path)
	for range h.rng.IntN(4) {
		fmt.Fprintf(b, "%s: %s\r\n",
			pick(h, "Content-Type", "Accept", "Prefer", "If-Match", "If-None-Match",
				"Authorization",
				"X-Request-Id", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
				"Content-Encoding", "Cookie", "Upgrade", "Accept-Encoding", "If-Range",
				"TE", "Trailer",
				h.word()), h.value())
	}
	switch h.rng.IntN(40) {
	case 0:
		b.WriteString("Expect: 100-continue\r\n")
	case 1:
		fmt.Fprintf(b, "Range: bytes=%s\r\n",
			pick(h, "0-", "-1", "5-2", "0-0,2-3,1-", "x", strings.Repeat("0-,", 200)))
	case 2:
		fmt.Fprintf(b, "Connection: %s\r\n",
			pick(h, "close", "keep-alive", "Upgrade", "Content-Length", "X-Request-Id, close"))
	}
	if h.rng.IntN(3) > 0 {
		b.WriteString("Content-Type: application/json\r\n")
	}
}

// chunked writes a body in chunks as it should be, sometimes with what hardly anybody uses.
func (h *hostile) chunked(body string) string {
	var b strings.Builder
	for body != "" {
		n := 1 + h.rng.IntN(len(body))
		fmt.Fprintf(&b, "%x%s\r\n%s\r\n", n, pick(h, "", "", "", ";name=value"), body[:n])
		body = body[n:]
	}
	return b.String() + "0\r\n\r\n"
}

func (h *hostile) method() string {
	return pick(h, "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT",
		"get", "BREW", "POST")
}

func (h *hostile) path() string {
	id := func() string {
		return pick(h, h.room.PresentationID, h.room.Polls[0].PollID, h.room.Polls[1].PollID,
			"current", nobody, nilUUID, h.word(), "..", "%00", "%2e%2e%2f",
			strings.Repeat("a", h.rng.IntN(1+h.rng.IntN(1+h.rng.IntN(20_000)))))
	}
	base := pick(h, Base, Base, Base, "", "/api/v2", "//", Base+"/../..")
	return base + pick(h,
		func() string { return "/presentations" },
		func() string { return "/presentations/" + id() },
		func() string { return "/presentations/" + id() + "/polls/current" },
		func() string { return "/presentations/" + id() + "/polls/current/votes" },
		func() string { return "/presentations/" + h.room.PresentationID + "/polls/current/votes" },
		func() string {
			return "/presentations/" + id() +
				pick(h, "/export", "/polls", "/polls/order", "/events/x")
		},
		func() string {
			return "/presentations/" + id() + "/polls/" + id() +
				pick(h, "", "/reset")
		},
		func() string { return "/presentations/" + id() + "/polls/" + id() + "/results" },
		func() string { return "/presentations/" + id() + "/polls/" + id() + "/votes" },
		func() string { return "/presentations/" + id() + "/results" },
		func() string { return "/join/" + id() },
		func() string { return pick(h, "/docs", "/docs/"+id(), "/qr.svg", "/qr.svg?code="+id()) },
		func() string { return "/" + h.word() },
	)() + pick(h, "", "", "", "/", "?x="+h.word(), "#f", "%", "%zz")
}

func (h *hostile) value() string {
	return pick(h, "application/json", "text/csv", "application/json; charset=utf-7", "gzip",
		"br, zstd", "*/*", "100-continue",
		"wait=1", "respond-async", `"1"`, `W/"1"`, "*", "Bearer "+h.room.PresenterToken, "Bearer x",
		"bytes=0-", "websocket",
		strings.Repeat("v", h.rng.IntN(500)), h.word())
}

func (h *hostile) body() string {
	key := pick(h, "A", "B", "Z", "", "\\u0000", strings.Repeat("k", 100))
	switch h.rng.IntN(8) {
	case 0:
		return ""
	case 1:
		return h.noise(h.rng.IntN(5000))
	case 2:
		return strings.Repeat(pick(h, "[", `{"a":`, `"`, "9"), h.rng.IntN(2000))
	case 3:
		return h.newPresentation(`"` + key + `"`)
	case 4:
		return fmt.Sprintf(`{"poll_id":%q,"move":%q}`, h.room.Polls[1].PollID, h.word())
	}
	whole := h.vote(pick(h, h.room.Polls[0].PollID, h.room.Polls[1].PollID, nilUUID, "x"), key,
		pick(h, h.voter(), nilUUID, "x", ""))
	return whole[:pick(h, len(whole), len(whole), h.rng.IntN(len(whole)))]
}

func (h *hostile) newPresentation(key string) string {
	return fmt.Sprintf(
		`{"title":%s,"polls":[{"question":%s,"kind":%q,"options":[{"key":%s,"value":%s}]}],`+
			`"current_poll_index":%s}`,
		h.text(), h.text(), pick(h, "choice", "choice", "rating", "x"), key, h.text(),
		pick(h, "0", "0", "1", "-1", "null", "1e99", `"0"`))
}

func (h *hostile) vote(pollID, key, voter string) string {
	return fmt.Sprintf(`{"poll_id":"%s","key":"%s","client_id":"%s","seq":%s}`, pollID, key, voter,
		pick(h, "0", "1", "2", "-1", "1.5", "9007199254740993", "null", "{}"))
}

// voter makes a voter's id out of the seed.
func (h *hostile) voter() string {
	var id uuid.UUID
	for i := range id {
		id[i] = byte(h.rng.IntN(256))
	}
	return id.String()
}

func (h *hostile) word() string {
	return pick(h, "a", "é", "☃", "'; DROP TABLE votes;--", "<script>", "\\", "%", "\t",
		strings.Repeat("w", 300), strconv.Itoa(h.rng.Int()))
}

// text makes a JSON string that a database may not like.
func (h *hostile) text() string {
	return pick(h, strconv.Quote(h.word()), `"v"`, `"v"`, `"\u0000"`, `"a\u0000b"`, `"\ud800"`,
		`"\uffff\u202e"`, "\"\xff\xfe\"", `"`+strings.Repeat("é", 1000)+`"`)
}

func (h *hostile) noise(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(h.rng.IntN(256))
	}
	return string(b)
}

// tooLarge and compressed are made once: megabytes for each request would take the client longer
// than the server.
var (
	tooLarge = sync.OnceValue(func() string {
		return fmt.Sprintf("Content-Length: %d\r\n\r\n%s",
			2<<20, strings.Repeat(" ", 2<<20))
	})
	compressed = sync.OnceValue(func() string {
		return fmt.Sprintf("Content-Type: application/json\r\nContent-Encoding: gzip\r\n"+
			"Content-Length: %d\r\n\r\n%s", len(bomb()), bomb())
	})
)

// bomb is a body of less than a megabyte that unpacks to nearly a gigabyte: a gzip file may consist
// of many.
var bomb = sync.OnceValue(func() string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(bytes.Repeat([]byte{' '}, 16<<20))
	_ = z.Close()
	return strings.Repeat(b.String(), 60)
})

// slowClients open connections that send a little and then nothing, and leave after a while.
func slowClients(addr string) {
	const request = "POST " + Base +
		"/presentations HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
	concurrently(200, func(i int) {
		conn, err := net.DialTimeout("tcp", addr, wait)
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, request[:len(request)*(i+1)/200])
		_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
		_, _ = io.Copy(io.Discard, conn)
	})
}

// slowloris opens connections that send a byte now and then, so that they are never silent for
// long. Half of them send a head that never ends, and half a body. The API ends them when their
// time is over.
func slowloris(t *testing.T, addr string) {
	const head = "POST " + Base + "/presentations HTTP/1.1\r\nHost: x\r\n"
	concurrently(100, func(i int) {
		conn, err := net.DialTimeout("tcp", addr, wait)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		begin, more := head+"X: ", "x"
		if i%2 == 1 {
			begin, more = head+"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n",
				" "
		}
		begun := time.Now()
		_, err = io.WriteString(conn, begin)
		for one := make([]byte, 1); err == nil; {
			if time.Since(begun) > cutAfter {
				t.Errorf("%q may go on for more than %s", begin, cutAfter)
				return
			}
			if _, err = io.WriteString(conn, more); err == nil {
				_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
				if _, err = conn.Read(one); errors.Is(err, os.ErrDeadlineExceeded) {
					err = nil
				} else if err == nil { // an answer: the end follows
					return
				}
			}
		}
	})
}

// TestABodyThatUnpacksToAGigabyteIsNotUnpacked sends a compressed body, which the API does not
// take.
func TestABodyThatUnpacksToAGigabyteIsNotUnpacked(t *testing.T) {
	embedded.start()
	s := embedded.on(t)
	r := show(s.Client, choice("Who wins?"))
	before := gauges(t, s.Client)
	for _, path := range []string{Base + "/presentations", r.Path("/polls/current"),
		r.Path("/polls/current/votes")} {
		for _, encoding := range []string{"gzip", "GZip, identity", "br", "deflate", "zstd", "x"} {
			method, want, body := http.MethodPost, "415 unsupported_media_type", bomb()
			if path == r.Path("/polls/current") {
				method = http.MethodPut
			}
			if path == r.Path("/polls/current/votes") {
				want = "413 payload_too_large"
				require.Equal(t, "415 unsupported_media_type",
					s.Do(bombed(r, method, path, encoding, body[:1000])).Code())
			}
			require.Equal(t, want, s.Do(bombed(r, method, path, encoding, body)).Code())
		}
	}
	require.Less(t, gauges(t, s.Client).resident, before.resident+128<<20)
}

func bombed(r *Room, method, path, encoding, body string) Request {
	return Request{Method: method, Path: path, Wrong: true, Token: r.PresenterToken, Body: body,
		Header: map[string]string{"Content-Type": jsonEnc, "Content-Encoding": encoding}}
}
