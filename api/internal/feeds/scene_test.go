package feeds

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/api/internal/live"
	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/feed/feedlite"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/sqlite"
	"github.com/plenary-live/plenary/pkg/work"
)

func TestMain(m *testing.M) {
	// fasthttp's clock for the Date header runs as long as the process, and its pool notices its
	// end with a delay.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// people are sessions whose tokens say whose they are.
type people struct{}

// session gives the token of an account's session.
func session(account uuid.UUID) string { return "eyJ." + account.String() + ".x" }

const (
	oldSession   = "eyJ.old.x"
	endedSession = "eyJ.ended.x"
)

func (people) Account(_ context.Context, token string) (uuid.UUID, error) {
	switch token {
	case oldSession:
		return uuid.Nil, fault.Errorf(access.OldSession, "the session is over")
	case endedSession:
		return uuid.Nil, fault.Errorf(access.EndedSession, "this session was ended")
	}
	id, err := uuid.Parse(strings.TrimSuffix(strings.TrimPrefix(token, "eyJ."), ".x"))
	if err != nil {
		return uuid.Nil, fault.Errorf(access.BadSession, "this is no token that log-in gave")
	}
	return id, nil
}

func (p people) Holder(token string) uuid.UUID {
	id, _ := p.Account(context.Background(), token)
	return id
}

// counted is a store that counts its reads of polls.
type counted struct {
	feed.Store
	reads atomic.Int64
}

func (s *counted) Polls(
	ctx context.Context, ids []uuid.UUID,
) (map[uuid.UUID]feed.Poll, error) {
	s.reads.Add(1)
	return s.Store.Polls(ctx, ids)
}

// scene is a site with the feature, over a file and a log in memory, with a worker.
type scene struct {
	t     *testing.T
	site  *web.Site
	store *counted
	ann   uuid.UUID // an account
}

func newScene(t *testing.T, rules feed.Rules, cfg Config) *scene {
	t.Helper()
	db, err := sqlite.Open(t.Context(),
		sqlite.Config{Path: filepath.Join(t.TempDir(), "plenary.db")})
	require.NoError(t, err)
	require.NoError(t, db.Partitions(t.Context(), 1))
	log, err := inproc.Open(inproc.Config{Streams: []string{feed.Stream}, Partitions: 1})
	require.NoError(t, err)
	stream, err := log.Stream(feed.Stream)
	require.NoError(t, err)
	announced, quiet := inproc.NewBus(), slog.New(slog.DiscardHandler)
	store := &counted{Store: feedlite.New(db)}
	service := feed.NewService(store, rules, commit.Spine{
		Log: stream, Bus: announced, Logger: quiet, Partitions: 1, Spread: 1, MaxWaiting: 1000,
	})
	worker := work.New(work.Config{
		Stream: stream, Partitions: 1, Applier: feed.NewApplier(store, rules, quiet), IDs: db,
		Bus: announced, Logger: quiet,
	})
	site := web.New(web.Config{
		Record: web.Record{Logger: quiet, Observe: func(string, string, int, time.Duration) {}},
		Limits: BodyLimits,
	})
	site.Sessions = people{}
	hub := live.New(site.Streaming, live.Config{Bus: announced, Logger: quiet})
	reads := New(site, cfg).With(Services{Service: service, Hub: hub})
	require.NoError(t, service.Start())
	require.NoError(t, reads.Start())
	require.NoError(t, hub.Start())
	require.NoError(t, site.Start())
	working, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { worker.Run(working) })
	t.Cleanup(func() {
		lifetest.Stop(t, site)
		lifetest.Stop(t, hub)
		lifetest.Stop(t, reads)
		lifetest.Stop(t, service)
		stop()
		running.Wait()
		require.NoError(t, log.Close())
		require.NoError(t, announced.Close())
		require.NoError(t, db.Close())
	})
	return &scene{t: t, site: site, store: store, ann: uuid.New()}
}

// usual are rules under which nobody is in anybody's way.
var usual = feed.Rules{DailyVotes: 100}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// code gives the status, and a problem's code and field.
func (a *answer) code() string {
	var p struct{ Code, Field string }
	_ = json.Unmarshal(a.body, &p) // of another body there is none
	return strings.TrimSpace(http.StatusText(a.status) + " " + p.Code + " " + p.Field)
}

// ask sends a request with a token; empty: none. Of header fields there are names and values.
func (s *scene) ask(method, path, token, body string, header ...string) *answer {
	s.t.Helper()
	req := httptest.NewRequest(method, web.Base+path, strings.NewReader(body))
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := s.site.App.Test(req, -1)
	require.NoError(s.t, err, "%s %s", method, path)
	defer func() { _ = res.Body.Close() }()
	read, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return &answer{res.StatusCode, res.Header, read}
}

// by asks as an account, without a body.
func (s *scene) by(account uuid.UUID, method, path string) *answer {
	s.t.Helper()
	return s.ask(method, path, session(account), "")
}

// vote votes as an account.
func (s *scene) vote(account, poll uuid.UUID, option string, header ...string) *answer {
	s.t.Helper()
	return s.ask("POST", "/polls/"+poll.String()+"/vote", session(account),
		`{"option_index":`+option+`}`, append(header, "Prefer", "wait=5")...)
}

// voted votes, which must count.
func (s *scene) voted(account, poll uuid.UUID, option string) {
	s.t.Helper()
	a := s.vote(account, poll, option)
	require.Equal(s.t, 204, a.status, "%s", a.body)
}

// decoded reads an answer that must have a status.
func decoded[T any](t *testing.T, a *answer, status int) (v T) {
	t.Helper()
	require.Equal(t, status, a.status, "%s", a.body)
	require.NoError(t, json.Unmarshal(a.body, &v), "%s", a.body)
	return v
}

// published publishes a poll of ann's with an option A and an option B.
func (s *scene) published(results feed.Results, more string) uuid.UUID {
	s.t.Helper()
	a := s.ask("POST", "/polls", session(s.ann), `{"title":"Tabs or spaces?","options":["A","B"],`+
		`"tags":["Go"],"results":"`+string(results)+`"`+more+`}`)
	p := decoded[wirePoll](s.t, a, 201)
	require.Equal(s.t, web.Base+"/polls/"+p.ID.String(), a.header.Get("Location"))
	return p.ID
}

// read reads a poll as an account; Nil: as anybody.
func (s *scene) read(account, poll uuid.UUID) wirePoll {
	s.t.Helper()
	return decoded[wirePoll](s.t, s.ask("GET", "/polls/"+poll.String(), tokenOf(account), ""), 200)
}

func tokenOf(account uuid.UUID) string {
	if account == uuid.Nil {
		return ""
	}
	return session(account)
}
