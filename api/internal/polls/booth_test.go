package polls

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/plenary-live/plenary/api/internal/polls/fast/fasttest"
	"github.com/plenary-live/plenary/api/internal/server"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/intake"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/queue"
)

// fatefulLog has each vote meet the fate that its key names.
type fatefulLog struct {
	replies chan queue.Reply
	held    chan func() // counts a batch that is held
}

func (l fatefulLog) Replies() <-chan queue.Reply { return l.replies }

func (l fatefulLog) Publish(_ context.Context, _ int, e queue.Entry, confirmed func(error)) error {
	b, err := poll.DecodeBatch(e)
	if err != nil {
		return err
	}
	verdicts := make([]poll.Verdict, len(b.Votes))
	for i, v := range b.Votes {
		verdicts[i] = map[question.Answer]poll.Verdict{"superseded": poll.Superseded,
			"late": poll.Late, "rejected": poll.Rejected}[v.Answer]
		if verdicts[i] == 0 {
			verdicts[i] = poll.Counted
		}
	}
	reply := queue.Reply{EntryID: b.ID, Body: poll.EncodeVerdicts(verdicts)}
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

var fates = []string{"counted", "superseded", "late", "rejected", "refused", "uncounted",
	"held", "confirmed"}

// displayedButOne is a cache that knows one poll, and one presentation that does not exist.
type displayedButOne struct{ alwaysDisplayed }

var (
	noPresentation = uuid.MustParse("01941f29-7c00-7fff-8fff-ffffffffffff")
	// whose voters have passes
	passPresentation = uuid.MustParse("01941f29-7c00-7ddd-8ddd-dddddddddddd")
)

func (d displayedButOne) Known(id uuid.UUID) (poll.Display, time.Time, bool) {
	display, now, _ := d.alwaysDisplayed.Known(id)
	if id == passPresentation {
		display.Voters = access.ByPass
	}
	return display, now, id != noPresentation
}

func (d displayedButOne) Display(_ context.Context, id uuid.UUID, _ time.Time) (poll.Display,
	time.Time, error) {
	if id == noPresentation {
		return poll.Display{}, time.Time{},
			fault.Errorf(fault.NotFound, "there is no such presentation")
	}
	display, now, _ := d.Known(id)
	return display, now, nil
}

// booth is a server whose votes meet their fate.
type booth struct {
	*whole
	*server.Listener
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
	return newBoothOf(t, wholeConfig{Root: root, TrustedProxies: proxies, FastVotes: true})
}

func newBoothOf(t *testing.T, cfg wholeConfig) *booth {
	log := fatefulLog{make(chan queue.Reply), make(chan func(), 99)}
	shown := &poll.Poll{ID: uuid.MustParse("01941f29-7c00-7aaa-8aaa-aaaaaaaaaaaa"),
		Question: question.Question{Kind: question.Choice, MaxChoices: 1}}
	for _, fate := range fates {
		shown.Options = append(shown.Options, question.Option{Key: fate})
	}
	in := intake.New(displayedButOne{alwaysDisplayed{shown}}, thePasses, log, 1, 9999, time.Now)
	require.NoError(t, in.Start())
	b := &booth{log: log, told: make(told, 99_999),
		Listener: server.NewListener(listen(t), 999, 0, slog.New(slog.DiscardHandler))}
	cfg.AccessLog, cfg.Logger = true, slog.New(b.told)
	cfg.Observe = func(method, route string, status int, _ time.Duration) {
		b.told <- fmt.Sprint("measured ", method, route, status)
	}
	cfg.Away = func(context.Context) []string { return nil }
	b.whole = newWhole(cfg)
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
		b.whole.Close()
		lifetest.Stop(t, in)
		close(log.replies)
		require.Zero(t, b.server.Open())
	})
	return b
}

func ballot(fate string) string {
	return fmt.Sprintf(`{"poll_id":"01941f29-7c00-7aaa-8aaa-aaaaaaaaaaaa","key":%q,"client_id":%q}`,
		fate, uuid.NewString())
}

// passBallot is a ballot with a pass.
func passBallot(fate, pass string) string {
	return fmt.Sprintf(`{"poll_id":"01941f29-7c00-7aaa-8aaa-aaaaaaaaaaaa","key":%q,"pass":%q}`,
		fate, pass)
}

// rawAnswer is an answer as it came.
type rawAnswer struct {
	line  string
	head  textproto.MIMEHeader
	names []string // of the header fields, in their order
	body  string
}

func readAnswer(r *bufio.Reader) (a rawAnswer, err error) {
	text := textproto.NewReader(r)
	if a.line, err = text.ReadLine(); err != nil {
		return a, err
	}
	a.head = textproto.MIMEHeader{}
	for {
		line, err := text.ReadLine()
		if err != nil {
			return a, err
		}
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ": ")
		a.head.Add(name, value)
		a.names = append(a.names, name)
	}
	n, _ := strconv.Atoi(a.head.Get("Content-Length"))
	body := make([]byte, n)
	_, err = io.ReadFull(r, body)
	a.body = string(body)
	return a, err
}

func (a rawAnswer) require(t *testing.T, status int) {
	t.Helper()
	require.True(t, strings.HasPrefix(a.line, "HTTP/1.1 "+strconv.Itoa(status)+" "), "%s %v %s",
		a.line, a.head, a.body)
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
	passPath, pass := fasttest.Path(passPresentation), thePasses.Draw(passPresentation, uuid.Nil,
		time.Now()).Text
	foreign, old := thePasses.Draw(aTalk, uuid.Nil, time.Now()).Text,
		thePasses.Draw(passPresentation, uuid.Nil, time.Now().Add(-access.PassLife)).Text
	for _, test := range []struct {
		what    string
		status  int
		path    string
		body    string
		fields  []string
		quickly bool // without Fiber
	}{
		{"counted", 204, fasttest.APath, ballot("counted"), nil, true},
		{"superseded", 204, fasttest.APath, ballot("superseded"), nil, true},
		{"durable, respond-async", 202, fasttest.APath, ballot("uncounted"),
			[]string{"Prefer: respond-async"}, true},
		{"durable when the wait is over", 202, fasttest.APath, ballot("uncounted"), nil, true},
		{"late", 409, fasttest.APath, ballot("late"), nil, true},
		{"rejected", 400, fasttest.APath, ballot("rejected"), nil, true},
		{"refused by the log", 503, fasttest.APath, ballot("refused"), nil, true},
		{"refused by the log, respond-async", 503, fasttest.APath, ballot("refused"),
			[]string{"Prefer: respond-async"}, true},
		{"an unknown key", 400, fasttest.APath, ballot("unknown"), nil, false},
		{"taken back", 204, fasttest.APath,
			strings.Replace(ballot("counted"), `"key":"counted"`, `"keys":[]`, 1), nil, false},
		{"taken back by no texts", 204, fasttest.APath,
			strings.Replace(ballot("counted"), `"key":"counted"`, `"texts":[]`, 1), nil, false},
		{"taken back, with a pass", 204, passPath,
			strings.Replace(passBallot("counted", pass), `"key":"counted"`, `"keys":[]`,
				1), nil, false},
		{"another poll", 409, fasttest.APath, strings.Replace(ballot("counted"), "7aaa", "7abc", 1),
			nil, false},
		{"no such presentation", 404, fasttest.Path(noPresentation), ballot("counted"), nil, false},
		{"the nil UUID", 400, fasttest.Path(uuid.Nil), ballot("counted"), nil, false},
		{"counted, with a pass", 204, passPath, passBallot("counted", pass), nil, true},
		{"superseded, with a pass", 204, passPath, passBallot("superseded", pass), nil, true},
		{"durable, with a pass", 202, passPath, passBallot("uncounted", pass),
			[]string{"Prefer: respond-async"}, true},
		{"late, with a pass", 409, passPath, passBallot("late", pass), nil, true},
		{"a foreign pass where none is needed", 401, fasttest.APath, passBallot("counted", pass),
			nil, false},
		{"no pass", 401, passPath, ballot("counted"), nil, false},
		{"a forged pass", 401, passPath, passBallot("counted", forged(pass)), nil, false},
		{"a foreign pass", 401, passPath, passBallot("counted", foreign), nil, false},
		{"an old pass", 401, passPath, passBallot("counted", old), nil, false},
		{"an empty pass", 401, passPath, passBallot("counted", ""), nil, false},
		{"a pass in an id's place", 400, passPath,
			strings.Replace(passBallot("counted", pass), `"pass"`, `"client_id"`, 1), nil, false},
		{"two voters", 400, passPath,
			strings.Replace(passBallot("counted", pass), "{",
				`{"client_id":"01941f29-7c00-7ddd-8ddd-dddddddddddd",`, 1), nil, false},
		{"no voter", 400, passPath,
			`{"poll_id":"01941f29-7c00-7aaa-8aaa-aaaaaaaaaaaa","key":"counted"}`, nil, false},
	} {
		for _, fields := range [][]string{{"X-Request-Id: one-and-the-same",
			"X-Forwarded-For: 1.2.3.4, 5.6.7.8"}, nil} {
			request := fasttest.Request(test.path, test.body, slices.Concat(test.fields, fields)...)
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
			require.Equal(t, fields != nil,
				usual.head.Get("X-Request-Id") == "one-and-the-same", test.what)
			usualTold := usual.anonymous(b.told.next())
			require.Equal(t, strings.HasPrefix(test.what, "superseded"),
				usual.head.Get("Vote-Superseded") == "true", test.what)
			require.Equal(t, test.status == 401,
				usual.head.Get("WWW-Authenticate") == `Pass realm="voters"`, test.what)
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

// anonymous takes out of an answer, and of what was told of it, what each one has of its own,
// unless the client named it.
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

// TestAFieldThatIsNotKnownIsFibersAndItsVoteIsAnsweredAlike: what it means one day, one place will
// say.
func TestAFieldThatIsNotKnownIsFibersAndItsVoteIsAnsweredAlike(t *testing.T) {
	b := newBooth(t)
	client := dial(t, b.Listener)
	answers := bufio.NewReader(client)
	for _, fate := range []string{"counted", "late"} {
		body := ballot(fate)
		b.told.next()
		usual := client.vote(answers, fasttest.Request(fasttest.APath, body))
		usualTold := usual.anonymous(b.told.next())
		require.Zero(t, b.byFiber.Load())
		for _, field := range fasttest.UnknownFields {
			answer := client.vote(answers, fasttest.Request(fasttest.APath, body, field))
			told := answer.anonymous(b.told.next())
			require.EqualValues(t, 1, b.byFiber.Swap(0), field)
			require.Equal(t, usual, answer, field)
			require.Equal(t, usualTold, told, field)
		}
	}
}

func TestEveryVoteIsFibersWhereTheFastWayIsOff(t *testing.T) {
	b := newBoothOf(t, wholeConfig{})
	client := dial(t, b.Listener)
	answers := bufio.NewReader(client)
	for fate, status := range statusOfFate {
		client.vote(answers, fasttest.Request(fasttest.APath, ballot(fate))).require(t, status)
		require.EqualValues(t, 1, b.byFiber.Swap(0), fate)
	}
}

var statusOfFate = map[string]int{"counted": 204, "superseded": 204, "late": 409,
	"rejected": 400, "unknown": 400}

// votes sends one vote, or a few without waiting for their answers, and says what is wrong with the
// answers. ids begin with name.
func (r raw) votes(rng *rand.Rand, answers *bufio.Reader, name string) error {
	fates := slices.Sorted(maps.Keys(statusOfFate))
	sent := make([]string, 1+rng.IntN(3))
	for i := range sent {
		sent[i] = fates[rng.IntN(len(fates))]
		request := fasttest.Request(fasttest.APath, ballot(sent[i]),
			fmt.Sprintf("X-Request-Id: %s-%d", name, i))
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
		if !strings.HasPrefix(a.line, fmt.Sprintf("HTTP/1.1 %d ", statusOfFate[fate])) ||
			a.head.Get("X-Request-Id") != fmt.Sprintf("%s-%d", name, i) {
			return fmt.Errorf("%s-%d, %s: %v", name, i, fate, a)
		}
	}
	return nil
}

// Each vote has an id of its own, which its answer must bear, whatever the votes before it and
// beside it met.
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
	client.send(string(fasttest.Request(fasttest.APath, ballot("held"))))
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
			client.send(string(fasttest.Request(fasttest.APath, ballot(fate))))
			count := <-b.log.held
			require.NoError(t, b.Listener.Close())
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			require.ErrorIs(t, b.Shutdown(ctx), context.Canceled)
			b.whole.Close()
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
