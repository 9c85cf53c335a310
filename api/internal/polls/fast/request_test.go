package fast

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/plenary-live/plenary/api/internal/polls/fast/fasttest"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/intake"
)

// requireAgreement: whatever quickRequest takes, for a presentation, is one whole request to
// fasthttp and Fiber, to net/http too, and says the same to them.
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
	r := bufio.NewReaderSize(bytes.NewReader(sent), 16<<10)
	require.NoError(t, fctx.Request.ReadLimitBody(r, 4*web.MaxBody), "%q", sent)
	_, err := r.ReadByte()
	require.ErrorIs(t, err, io.EOF, "nothing is left of %q", sent)

	c := app.AcquireCtx(&fctx)
	defer app.ReleaseCtx(c)
	head := &fctx.Request.Header
	require.True(t, web.PlainlyFramed(head), "%q", sent)
	require.Equal(t, http.MethodPost, c.Method(), "%q", sent)
	require.True(t, head.IsHTTP11(), "%q", sent)
	require.Equal(t, web.Base+"/presentations/"+string(q.presentation)+"/polls/current/votes",
		string(head.RequestURI()), "%q", sent)
	require.Equal(t, string(q.body), string(c.Request().Body()), "%q", sent)
	require.LessOrEqual(t, len(q.body), MaxBody, "%q", sent)
	require.NoError(t, web.IsJSON(c), "%q", sent)
	require.False(t, head.ConnectionClose(), "%q", sent)
	require.False(t, fctx.Request.MayContinue(), "%q", sent)
	for _, name := range []string{"Transfer-Encoding", "Content-Encoding", "Expect", "Trailer",
		"TE", "Upgrade"} {
		require.Empty(t, head.Peek(name), "%s in %q", name, sent)
	}
	wait, applied := web.Preference(web.Lines(c, "Prefer"), intake.DefaultWait, intake.Deadline)
	require.Equal(t, web.Wait{For: intake.DefaultWait, Async: q.async}, wait, "%q", sent)
	require.Equal(t, q.async, applied == "respond-async", "%q", sent)
	if id := c.Get("X-Request-Id"); id != "" {
		require.Equal(t, id, q.id, "%q", sent)
		require.Equal(t, id, web.RequestID(c), "%q", sent)
	}
	require.Equal(t, len(q.id) > 0, c.Get("X-Request-Id") != "", "%q", sent)
	if forwarded := c.Get("X-Forwarded-For"); forwarded != "" {
		require.Equal(t, forwarded, string(q.forwarded), "%q", sent)
	}
	same, err := web.ParseID("presentation_id", string(q.presentation))
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
	for _, request := range fasttest.Good {
		require.True(t, requireAgreement(t, app, request), "%q", request)
		for cut := range request {
			require.False(t, requireAgreement(t, app, request[:cut]), "a part: %q", request[:cut])
		}
	}
	for _, request := range fasttest.Odd() {
		require.False(t, requireAgreement(t, app, request), "%q", request)
	}
}

// TestNGINXSaysNothingThatIsNotKnown reads what it adds from its own settings.
func TestNGINXSaysNothingThatIsNotKnown(t *testing.T) {
	settings, err := os.ReadFile("../../../../nginx/nginx.conf")
	require.NoError(t, err)
	added := regexp.MustCompile(`(?m)^\s*proxy_set_header\s+(\S+)\s+(\S+?);`).FindAllSubmatch(
		settings, -1)
	require.NotEmpty(t, added)
	for _, field := range added {
		// every request has them, or none
		name, own := string(field[1]), map[string]bool{"Host": true, "Connection": true}
		if own[name] {
			continue
		}
		require.True(t, slices.ContainsFunc(fasttest.Clients["NGINX"],
			func(line string) bool { return strings.HasPrefix(line, name+": ") }), name)
	}
}

func FuzzQuickRequest(f *testing.F) {
	for _, request := range slices.Concat(fasttest.Good, fasttest.Odd()) {
		f.Add(request)
	}
	app := fiber.New()
	f.Fuzz(func(t *testing.T, request []byte) { requireAgreement(t, app, request) })
}

// pieces are what requests are made of, and what others were tricked with.
var pieces = []string{
	"\r\n", "\n", "\r", " ", "\t", ":", ",", ";", "\x00", "\xff", "0", "+", "-", "%", "close",
	"keep-alive", "chunked", "identity", "gzip",
	"respond-async", "\r\n\r\n", "POST / HTTP/1.1\r\n", "HTTP/1.0", "Content-length:111\r\n",
	"Content-Length : 111\r\n", "Content_Length: 0\r\n",
	"Transfer-Encoding:\x0bchunked\r\n", "Connection: keep-alive\r\n", "Prefer: respond-async\r\n",
	"X-Request-Id: b\r\n",
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
			m = slices.Insert(m, at,
				[]byte(fasttest.OddFields[rng.IntN(len(fasttest.OddFields))]+"\r\n")...)
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
		if requireAgreement(t, app, mutated(rng, fasttest.Good[rng.IntN(len(fasttest.Good))])) {
			taken++
		}
	}
	require.Greater(t, taken, 500, "else this would say little")
}

// TestBelowAPathTheQuickReaderTakesWhatItTakesElsewhere and nothing besides.
func TestBelowAPathTheQuickReaderTakesWhatItTakesElsewhere(t *testing.T) {
	const root = "/our/polls"
	for _, request := range append(fasttest.Odd(), fasttest.Good...) {
		q, ok := quickRequest(request, "")
		same, took := quickRequest(request, root)
		require.Equal(t, ok, took, "a proxy has taken the path off: %q", request)
		require.Equal(t, q, same, "%q", request)
		below := bytes.Replace(request, []byte("POST "), []byte("POST "+root), 1)
		same, took = quickRequest(below, root)
		require.Equal(t, ok, took, "%q", below)
		require.Equal(t, q, same, "%q", below)
		if ok {
			_, took = quickRequest(below, "")
			require.False(t, took, "%q", below)
		}
	}
}
