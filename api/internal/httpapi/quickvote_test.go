package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/intake"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/queue"
)

var aVotesPath = votesPath(uuid.MustParse("01941f29-7c00-7ccc-8ccc-cccccccccccc"))

func votesPath(presentation uuid.UUID) string {
	return Base + "/presentations/" + presentation.String() + "/polls/current/votes"
}

// voteRequest makes a request for a vote; fields are further header lines.
func voteRequest(path, body string, fields ...string) []byte {
	lines := append([]string{
		"POST " + path + " HTTP/1.1", "Host: plenary", "Content-Type: application/json", "Content-Length: " + strconv.Itoa(len(body)),
	}, fields...)
	return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n" + body)
}

// goodRequests are what NGINX, browsers and the load generator send.
var goodRequests = [][]byte{
	voteRequest(aVotesPath, aBody),
	voteRequest(aVotesPath, aBody, "Prefer: respond-async", "X-Request-Id: 0198-a_b.C"),
	voteRequest(aVotesPath, aBody, "X-Real-IP: 1.2.3.4", "X-Forwarded-For: 1.2.3.4, 5.6.7.8", "X-Forwarded-Proto: https",
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64)", "Accept: */*", "Accept-Encoding: gzip, br", "Origin: https://plenary",
		"Sec-Fetch-Mode: cors", "Cookie: a=b"),
	voteRequest(aVotesPath, aBody, "connection:  Keep-Alive ", "X-Empty:", "x-1: \xff"),
}

// oddFields are lines with which a request is not plain.
var oddFields = []string{
	"Content-Length: " + strconv.Itoa(len(aBody)), "Content-Length: 0", "Transfer-Encoding: chunked", "transfer-encoding: identity",
	"Expect: 100-continue", "Content-Encoding: gzip", "Connection: close", "Connection: keep-alive, close", "Connection: upgrade\r\nUpgrade: h2c",
	"TE: trailers", "Trailer: X", "Host: other", "Content-Type: text/plain", "Content-Type: application/json", "Prefer: wait=3", "Prefer: respond-async\r\nPrefer: wait=3",
	"X-Request-Id: a\r\nX-Request-Id: b", "X-Request-Id:", "X-Request-Id:\ta", "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8", "X-Request-Id: " + strings.Repeat("a", 65), " folded", "X: a\r\n\tfolded",
	"Origin: https://plenary", "Origin: null", "Origin:", "Origin: http://plenary:80", "Origin: http://plenary\r\nX-Forwarded-Proto: https",
	"Origin: https://plenary\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Proto: http", "Origin: http://plenary\r\nOrigin: http://plenary",
	"Host: plenary", "X : a", "X", ": a", "X: a\x00", "X: a\rY: b", "X: a\nContent-Length: 0",
}

// oddRequests are what is not plain, or no vote at all.
func oddRequests() [][]byte {
	good := string(goodRequests[0])
	odd := [][]byte{
		nil, []byte("POST "), voteRequest(aVotesPath+"?a=b", aBody), voteRequest(aVotesPath+"/", aBody), voteRequest(strings.ToUpper(aVotesPath), aBody),
		voteRequest("http://plenary"+aVotesPath, aBody), voteRequest(strings.Replace(aVotesPath, "0", "%30", 1), aBody),
		voteRequest(aVotesPath, strings.Repeat(" ", maxVoteBody)+aBody), []byte(good + "\n"), []byte("\r\n" + good), []byte(good + good),
	}
	for _, change := range [][2]string{
		{"POST", "post"}, {"HTTP/1.1", "HTTP/1.0"}, {"Content-Length: ", "Content-Length:\t"}, {"Content-Length: ", "Content-Length: +"},
		{"Content-Length: ", "Content-Length : "}, {"Host: plenary\r\n", ""}, {"Host: plenary\r\n", "Host: plenary\n"},
		{"Host: plenary", "Host:"}, {"Host: plenary", "Host: a b"}, {"Host: plenary", "Host: a,b"}, {"Host: plenary", "Host: a/b"}, {"Host: plenary", "Host: a@b"},
	} {
		odd = append(odd, []byte(strings.Replace(good, change[0], change[1], 1)))
	}
	for _, field := range oddFields {
		odd = append(odd, voteRequest(aVotesPath, aBody, field))
	}
	return odd
}

// requireAgreement: whatever quickRequest takes, for a presentation, is one whole request to fasthttp and Fiber, to net/http too, and
// says the same to them.
func requireAgreement(t *testing.T, app *fiber.App, request []byte) (taken bool) {
	t.Helper()
	sent := bytes.Clone(request)
	q, ok := quickRequest(request, "")
	require.True(t, bytes.Equal(sent, request), "a reader changes nothing")
	id, named := quickID(q.presentation)
	if !ok || !named {
		return false
	}
	var fctx fasthttp.RequestCtx
	r := bufio.NewReaderSize(bytes.NewReader(sent), maxHeader)
	require.NoError(t, fctx.Request.ReadLimitBody(r, 4*maxBody), "%q", sent)
	_, err := r.ReadByte()
	require.ErrorIs(t, err, io.EOF, "nothing is left of %q", sent)

	c := app.AcquireCtx(&fctx)
	defer app.ReleaseCtx(c)
	head := &fctx.Request.Header
	require.True(t, plainlyFramed(head), "%q", sent)
	require.Equal(t, http.MethodPost, c.Method(), "%q", sent)
	require.True(t, head.IsHTTP11(), "%q", sent)
	require.Equal(t, Base+"/presentations/"+string(q.presentation)+"/polls/current/votes", string(head.RequestURI()), "%q", sent)
	require.Equal(t, string(q.body), string(c.Request().Body()), "%q", sent)
	require.LessOrEqual(t, len(q.body), maxVoteBody, "%q", sent)
	require.NoError(t, isJSON(c), "%q", sent)
	require.False(t, head.ConnectionClose(), "%q", sent)
	require.False(t, fctx.Request.MayContinue(), "%q", sent)
	for _, name := range []string{"Transfer-Encoding", "Content-Encoding", "Expect", "Trailer", "TE", "Upgrade"} {
		require.Empty(t, head.Peek(name), "%s in %q", name, sent)
	}
	wait, applied := preference(lines(c, "Prefer"))
	require.Equal(t, intake.Wait{For: intake.DefaultWait, Async: q.async}, wait, "%q", sent)
	require.Equal(t, q.async, applied == "respond-async", "%q", sent)
	if id := c.Get("X-Request-Id"); id != "" {
		require.Equal(t, id, q.id, "%q", sent)
		require.Equal(t, id, requestID(c), "%q", sent)
	}
	require.Equal(t, len(q.id) > 0, c.Get("X-Request-Id") != "", "%q", sent)
	if forwarded := c.Get("X-Forwarded-For"); forwarded != "" {
		require.Equal(t, forwarded, string(q.forwarded), "%q", sent)
	}
	same, err := parseID("presentation_id", string(q.presentation))
	require.NoError(t, err, "%q", sent)
	require.Equal(t, same, id, "%q", sent)

	r = bufio.NewReader(bytes.NewReader(sent))
	req, err := http.ReadRequest(r)
	require.NoError(t, err, "%q", sent)
	body, err := io.ReadAll(req.Body)
	require.NoError(t, err, "%q", sent)
	require.Equal(t, string(q.body), string(body), "%q", sent)
	require.Zero(t, r.Buffered(), "%q", sent)
	require.Equal(t, string(head.RequestURI()), req.RequestURI, "%q", sent)
	require.False(t, req.Close, "%q", sent)
	return true
}

func TestPlainVotesAreReadQuicklyAndOddOnesAreNot(t *testing.T) {
	app := fiber.New()
	for _, request := range goodRequests {
		require.True(t, requireAgreement(t, app, request), "%q", request)
		for cut := range request {
			require.False(t, requireAgreement(t, app, request[:cut]), "a part: %q", request[:cut])
		}
	}
	for _, request := range oddRequests() {
		require.False(t, requireAgreement(t, app, request), "%q", request)
	}
}

func FuzzQuickRequest(f *testing.F) {
	for _, request := range slices.Concat(goodRequests, oddRequests()) {
		f.Add(request)
	}
	app := fiber.New()
	f.Fuzz(func(t *testing.T, request []byte) { requireAgreement(t, app, request) })
}

// pieces are what requests are made of, and what others were tricked with.
var pieces = []string{
	"\r\n", "\n", "\r", " ", "\t", ":", ",", ";", "\x00", "\xff", "0", "+", "-", "%", "close", "keep-alive", "chunked", "identity", "gzip",
	"respond-async", "\r\n\r\n", "POST / HTTP/1.1\r\n", "HTTP/1.0", "Content-length:111\r\n", "Content-Length : 111\r\n", "Content_Length: 0\r\n",
	"Transfer-Encoding:\x0bchunked\r\n", "Connection: keep-alive\r\n", "Prefer: respond-async\r\n", "X-Request-Id: b\r\n",
	"X-Forwarded-For: 9.9.9.9\r\n", "X-Forwarded-For:\r\n", "X: y\r\n", " x: y\r\n",
}

// mutated changes a request in a few places.
func mutated(rng *rand.Rand, request []byte) []byte {
	m := bytes.Clone(request)
	for range 1 + rng.IntN(3) {
		at := rng.IntN(len(m) + 1)
		if rng.IntN(2) == 0 { // where a line begins
			at = bytes.IndexByte(m[min(at, len(m)):], '\n') + min(at, len(m)) + 1
		}
		end := min(at+rng.IntN(8), len(m))
		switch rng.IntN(5) {
		case 0:
			m = slices.Delete(m, min(at, end), end)
		case 1:
			m = slices.Insert(m, at, byte(rng.IntN(256)))
		case 2:
			if at < len(m) {
				m[at] ^= 1 << rng.IntN(8)
			}
		case 3:
			m = slices.Insert(m, at, []byte(oddFields[rng.IntN(len(oddFields))]+"\r\n")...)
		default:
			m = slices.Insert(m, at, []byte(pieces[rng.IntN(len(pieces))])...)
		}
	}
	return m
}

func TestEveryReaderReadsAMutatedVoteAlike(t *testing.T) {
	app := fiber.New()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	taken := 0
	for range 10_000 {
		if requireAgreement(t, app, mutated(rng, goodRequests[rng.IntN(len(goodRequests))])) {
			taken++
		}
	}
	require.Greater(t, taken, 500, "else this would say little")
}

// fatefulLog has each vote meet the fate that its key names.
type fatefulLog struct {
	replies chan queue.Reply
	held    chan func() // counts a batch that is held
}

func (l fatefulLog) Replies() <-chan queue.Reply { return l.replies }

func (l fatefulLog) Publish(_ context.Context, _ int, b poll.Batch, confirmed func(error)) error {
	reply := queue.Reply{BatchID: b.ID, Verdicts: make([]poll.Verdict, len(b.Votes))}
	for i, v := range b.Votes {
		reply.Verdicts[i] = map[question.Answer]poll.Verdict{"superseded": poll.Superseded, "late": poll.Late, "rejected": poll.Rejected}[v.Answer]
		if reply.Verdicts[i] == 0 {
			reply.Verdicts[i] = poll.Counted
		}
	}
	switch b.Votes[0].Answer {
	case "refused":
		return queue.ErrRefused
	case "uncounted":
		go confirmed(nil)
	case "held":
		l.held <- func() { confirmed(nil); l.replies <- reply }
	case "confirmed":
		l.held <- func() { l.replies <- reply }
		go confirmed(nil)
	default:
		go func() { confirmed(nil); l.replies <- reply }()
	}
	return nil
}

var fates = []string{"counted", "superseded", "late", "rejected", "refused", "uncounted", "held", "confirmed"}

// displayedButOne is a cache that knows one poll, and one presentation that does not exist.
type displayedButOne struct{ alwaysDisplayed }

var (
	noPresentation   = uuid.MustParse("01941f29-7c00-7fff-8fff-ffffffffffff")
	passPresentation = uuid.MustParse("01941f29-7c00-7ddd-8ddd-dddddddddddd") // whose voters have passes
)

func (d displayedButOne) Known(id uuid.UUID) (poll.Display, time.Time, bool) {
	display, now, _ := d.alwaysDisplayed.Known(id)
	if id == passPresentation {
		display.Voters = access.ByPass
	}
	return display, now, id != noPresentation
}

func (d displayedButOne) Display(_ context.Context, id uuid.UUID, _ time.Time) (poll.Display, time.Time, error) {
	if id == noPresentation {
		return poll.Display{}, time.Time{}, fault.Errorf(fault.NotFound, "there is no such presentation")
	}
	display, now, _ := d.Known(id)
	return display, now, nil
}

// booth is a server whose votes meet their fate.
type booth struct {
	*Server
	*Listener
	log     fatefulLog
	byFiber atomic.Int64 // requests that Fiber had
	told    told
}

// told gets what is measured and logged of each request, but how long it took.
type told chan string

func (l told) Enabled(context.Context, slog.Level) bool { return true }
func (l told) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l told) WithGroup(string) slog.Handler            { return l }

func (l told) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "took" && a.Key != "error" {
			line += " " + a.String()
		}
		return true
	})
	l <- line
	return nil
}

// next gives what was told of one request. Its answer is here, so all of it was told.
func (l told) next() (lines []string) {
	for len(l) > 0 {
		lines = append(lines, <-l)
	}
	return lines
}

func newBooth(t *testing.T, proxies ...netip.Prefix) *booth {
	return newBoothBelow(t, "", proxies...)
}

// newBoothBelow makes one that lives under a path.
func newBoothBelow(t *testing.T, root string, proxies ...netip.Prefix) *booth {
	log := fatefulLog{make(chan queue.Reply), make(chan func(), 99)}
	shown := &poll.Poll{ID: uuid.MustParse("01941f29-7c00-7aaa-8aaa-aaaaaaaaaaaa"), Question: question.Question{Kind: question.Choice, MaxChoices: 1}}
	for _, fate := range fates {
		shown.Options = append(shown.Options, question.Option{Key: fate})
	}
	in := intake.New(displayedButOne{alwaysDisplayed{shown}}, thePasses, log, 1, 9999, time.Now)
	b := &booth{log: log, told: make(told, 99_999), Listener: NewListener(listen(t), 999, 0, slog.New(slog.DiscardHandler))}
	b.Server = New(Config{
		AccessLog: true, Logger: slog.New(b.told),
		Observe: func(method, route string, status int, _ time.Duration) {
			b.told <- fmt.Sprint("measured ", method, route, status)
		},
		Root:           root,
		TrustedProxies: proxies,
		Away:           func(context.Context) []string { return nil },
	})
	next := b.app.Server().Handler
	b.app.Server().Handler = func(c *fasthttp.RequestCtx) {
		b.byFiber.Add(1)
		next(c)
	}
	b.Start(Services{Intake: in, Bus: inproc.NewBus()})
	served := make(chan error, 1)
	go func() { served <- b.Serve(b.Listener) }()
	t.Cleanup(func() {
		_ = b.Listener.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = b.Shutdown(ctx)
		require.NoError(t, <-served)
		b.Server.Close()
		in.Close()
		close(log.replies)
		in.Wait()
		require.Zero(t, b.front.Open())
	})
	return b
}

func ballot(fate string) string {
	return fmt.Sprintf(`{"poll_id":"01941f29-7c00-7aaa-8aaa-aaaaaaaaaaaa","key":%q,"client_id":%q}`, fate, uuid.NewString())
}

// passBallot is a ballot with a pass.
func passBallot(fate, pass string) string {
	return fmt.Sprintf(`{"poll_id":"01941f29-7c00-7aaa-8aaa-aaaaaaaaaaaa","key":%q,"pass":%q}`, fate, pass)
}

// rawAnswer is an answer as it came.
type rawAnswer struct {
	line string
	head textproto.MIMEHeader
	body string
}

func readAnswer(r *bufio.Reader) (a rawAnswer, err error) {
	text := textproto.NewReader(r)
	if a.line, err = text.ReadLine(); err != nil {
		return a, err
	}
	if a.head, err = text.ReadMIMEHeader(); err != nil {
		return a, err
	}
	n, _ := strconv.Atoi(a.head.Get("Content-Length"))
	body := make([]byte, n)
	_, err = io.ReadFull(r, body)
	a.body = string(body)
	return a, err
}

func (a rawAnswer) require(t *testing.T, status int) {
	t.Helper()
	require.True(t, strings.HasPrefix(a.line, "HTTP/1.1 "+strconv.Itoa(status)+" "), "%s %v %s", a.line, a.head, a.body)
}

// vote sends a request and gives the answer.
func (r raw) vote(answers *bufio.Reader, request []byte) rawAnswer {
	r.t.Helper()
	r.send(string(request))
	a, err := readAnswer(answers)
	require.NoError(r.t, err)
	return a
}

// forged is a pass that nobody has given: its first character is another one.
func forged(pass string) string {
	if pass[0] == 'A' {
		return "B" + pass[1:]
	}
	return "A" + pass[1:]
}

func TestAVoteIsAnsweredAlikeOnBothWays(t *testing.T) {
	b := newBooth(t)
	passPath, pass := votesPath(passPresentation), thePasses.Draw(passPresentation, uuid.Nil, time.Now()).Text
	foreign, old := thePasses.Draw(aTalk, uuid.Nil, time.Now()).Text, thePasses.Draw(passPresentation, uuid.Nil, time.Now().Add(-access.PassLife)).Text
	for _, test := range []struct {
		what    string
		status  int
		path    string
		body    string
		fields  []string
		quickly bool // without Fiber
	}{
		{"counted", 204, aVotesPath, ballot("counted"), nil, true},
		{"superseded", 204, aVotesPath, ballot("superseded"), nil, true},
		{"durable, respond-async", 202, aVotesPath, ballot("uncounted"), []string{"Prefer: respond-async"}, true},
		{"durable when the wait is over", 202, aVotesPath, ballot("uncounted"), nil, true},
		{"late", 409, aVotesPath, ballot("late"), nil, false},
		{"rejected", 400, aVotesPath, ballot("rejected"), nil, false},
		{"refused by the log", 503, aVotesPath, ballot("refused"), nil, false},
		{"refused by the log, respond-async", 503, aVotesPath, ballot("refused"), []string{"Prefer: respond-async"}, false},
		{"an unknown key", 400, aVotesPath, ballot("unknown"), nil, false},
		{"taken back", 204, aVotesPath, strings.Replace(ballot("counted"), `"key":"counted"`, `"keys":[]`, 1), nil, false},
		{"taken back by no texts", 204, aVotesPath, strings.Replace(ballot("counted"), `"key":"counted"`, `"texts":[]`, 1), nil, false},
		{"taken back, with a pass", 204, passPath, strings.Replace(passBallot("counted", pass), `"key":"counted"`, `"keys":[]`, 1), nil, false},
		{"another poll", 409, aVotesPath, strings.Replace(ballot("counted"), "7aaa", "7abc", 1), nil, false},
		{"no such presentation", 404, votesPath(noPresentation), ballot("counted"), nil, false},
		{"the nil UUID", 400, votesPath(uuid.Nil), ballot("counted"), nil, false},
		{"counted, with a pass", 204, passPath, passBallot("counted", pass), nil, true},
		{"superseded, with a pass", 204, passPath, passBallot("superseded", pass), nil, true},
		{"durable, with a pass", 202, passPath, passBallot("uncounted", pass), []string{"Prefer: respond-async"}, true},
		{"late, with a pass", 409, passPath, passBallot("late", pass), nil, false},
		{"a foreign pass where none is needed", 401, aVotesPath, passBallot("counted", pass), nil, false},
		{"no pass", 401, passPath, ballot("counted"), nil, false},
		{"a forged pass", 401, passPath, passBallot("counted", forged(pass)), nil, false},
		{"a foreign pass", 401, passPath, passBallot("counted", foreign), nil, false},
		{"an old pass", 401, passPath, passBallot("counted", old), nil, false},
		{"an empty pass", 401, passPath, passBallot("counted", ""), nil, false},
		{"a pass in an id's place", 400, passPath, strings.Replace(passBallot("counted", pass), `"pass"`, `"client_id"`, 1), nil, false},
		{"two voters", 400, passPath, strings.Replace(passBallot("counted", pass), "{", `{"client_id":"01941f29-7c00-7ddd-8ddd-dddddddddddd",`, 1), nil, false},
		{"no voter", 400, passPath, `{"poll_id":"01941f29-7c00-7aaa-8aaa-aaaaaaaaaaaa","key":"counted"}`, nil, false},
	} {
		for _, fields := range [][]string{{"X-Request-Id: one-and-the-same", "X-Forwarded-For: 1.2.3.4, 5.6.7.8"}, nil} {
			request := voteRequest(test.path, test.body, slices.Concat(test.fields, fields)...)
			client := dial(t, b.Listener)
			answers := bufio.NewReader(client)
			b.told.next()
			before := b.byFiber.Load()
			quick := client.vote(answers, request)
			quick.require(t, test.status)
			require.Equal(t, test.quickly, b.byFiber.Load() == before, "%s: quickly", test.what)
			quickTold := quick.anonymous(b.told.next())

			before = b.byFiber.Load()
			usual := client.vote(answers, forFiber(request))
			require.Equal(t, before+1, b.byFiber.Load(), test.what)
			require.Equal(t, fields != nil, usual.head.Get("X-Request-Id") == "one-and-the-same", test.what)
			usualTold := usual.anonymous(b.told.next())
			require.Equal(t, strings.HasPrefix(test.what, "superseded"), usual.head.Get("Vote-Superseded") == "true", test.what)
			require.Equal(t, test.status == 401, usual.head.Get("WWW-Authenticate") == `Pass realm="voters"`, test.what)
			require.GreaterOrEqual(t, len(usualTold), 2, "measured and logged")

			require.Equal(t, usual, quick, test.what)
			require.Equal(t, usualTold, quickTold, test.what)
		}
	}
}

// forFiber makes a request one that is not plain, and means the same.
func forFiber(request []byte) []byte {
	return bytes.Replace(request, []byte("/json\r\n"), []byte("/json; charset=utf-8\r\n"), 1)
}

// anonymous takes out of an answer, and of what was told of it, what each one has of its own, unless the client named it.
func (a *rawAnswer) anonymous(told []string) []string {
	for _, its := range []string{"Date", "X-Vote-Id", "X-Request-Id"} {
		value := a.head.Get(its)
		if value == "" || value == "one-and-the-same" {
			continue
		}
		a.head.Set(its, "its")
		a.body = strings.ReplaceAll(a.body, value, "its")
		for i := range told {
			told[i] = strings.ReplaceAll(told[i], value, "its")
		}
	}
	return told
}

var statusOfFate = map[string]int{"counted": 204, "superseded": 204, "late": 409, "rejected": 400, "unknown": 400}

// votes sends one vote, or a few without waiting for their answers, and says what is wrong with the answers. ids begin with name.
func (r raw) votes(rng *rand.Rand, answers *bufio.Reader, name string) error {
	fates := slices.Sorted(maps.Keys(statusOfFate))
	sent := make([]string, 1+rng.IntN(3))
	for i := range sent {
		sent[i] = fates[rng.IntN(len(fates))]
		request := voteRequest(aVotesPath, ballot(sent[i]), fmt.Sprintf("X-Request-Id: %s-%d", name, i))
		if rng.IntN(3) == 0 {
			request = forFiber(request)
		}
		if _, err := r.Write(request); err != nil {
			return err
		}
	}
	for i, fate := range sent {
		a, err := readAnswer(answers)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(a.line, fmt.Sprintf("HTTP/1.1 %d ", statusOfFate[fate])) || a.head.Get("X-Request-Id") != fmt.Sprintf("%s-%d", name, i) {
			return fmt.Errorf("%s-%d, %s: %v", name, i, fate, a)
		}
	}
	return nil
}

// Each vote has an id of its own, which its answer must bear, whatever the votes before it and beside it met.
func TestAConnectionsVotesDoNotGetEachOthersAnswers(t *testing.T) {
	b := newBooth(t)
	var voters sync.WaitGroup
	seed := rand.Uint64()
	errs := make(chan error, 50)
	for i := range cap(errs) {
		client := dial(t, b.Listener)
		voters.Go(func() {
			rng, answers := rand.New(rand.NewPCG(seed, uint64(i))), bufio.NewReader(client)
			for n := range 30 {
				if err := client.votes(rng, answers, fmt.Sprintf("%d-%d", i, n)); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	voters.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err, "seed %d", seed)
	}
}

func requireClosed(t *testing.T, answers *bufio.Reader) {
	t.Helper()
	_, err := answers.ReadByte()
	require.ErrorIs(t, err, io.EOF)
}

func TestAVoteUnderWayAtShutdownGetsItsAnswerAndHearsThatItsConnectionCloses(t *testing.T) {
	b := newBooth(t)
	client, idle := dial(t, b.Listener), dial(t, b.Listener)
	client.send(string(voteRequest(aVotesPath, ballot("held"))))
	count := <-b.log.held
	require.NoError(t, b.Listener.Close())
	down := make(chan error)
	go func() { down <- b.Shutdown(context.Background()) }()
	requireClosed(t, bufio.NewReader(idle)) // by then all that is idle is closed
	count()
	answers := bufio.NewReader(client)
	a, err := readAnswer(answers)
	require.NoError(t, err)
	a.require(t, 204)
	require.Equal(t, "close", a.head.Get("Connection"))
	requireClosed(t, answers)
	require.NoError(t, <-down)
	require.Zero(t, b.byFiber.Load())
}

// The votes' time is up before their answer is known.
func TestVotesThatOutlastTheShutdownAreAnsweredByWhatIsKnownOfThem(t *testing.T) {
	for fate, status := range map[string]int{"confirmed": 202, "held": 503} {
		t.Run(fate, func(t *testing.T) {
			t.Parallel()
			b := newBooth(t)
			client := dial(t, b.Listener)
			client.send(string(voteRequest(aVotesPath, ballot(fate))))
			count := <-b.log.held
			require.NoError(t, b.Listener.Close())
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			require.ErrorIs(t, b.Shutdown(ctx), context.Canceled)
			b.Server.Close()
			answers := bufio.NewReader(client)
			a, err := readAnswer(answers)
			require.NoError(t, err)
			a.require(t, status)
			require.Equal(t, "close", a.head.Get("Connection"))
			requireClosed(t, answers)
			count()
		})
	}
}
