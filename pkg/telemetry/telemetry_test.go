package telemetry_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/poll/polllite"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/sqlite"
	"github.com/plenary-live/plenary/pkg/telemetry"
)

// faultyLog is a log in memory whose publishes fail, or whose confirms are lost.
type faultyLog struct {
	*inproc.Log
	err, confirm error
}

func (l faultyLog) Stream(name string) (queue.Stream, error) {
	s, err := l.Log.Stream(name)
	return faultyStream{s, l}, err
}

type faultyStream struct {
	queue.Stream
	log faultyLog
}

func (s faultyStream) Publish(
	ctx context.Context, partition int, e queue.Entry, confirmed func(error),
) error {
	if s.log.err != nil {
		return s.log.err
	}
	return s.Stream.Publish(ctx, partition, e, func(err error) {
		confirmed(cmp.Or(s.log.confirm, err))
	})
}

// openLog opens a log in memory whose entries acknowledge makes durable.
func openLog(t *testing.T) (log *inproc.Log, acknowledge func()) {
	t.Helper()
	log, err := inproc.Open(inproc.Config{Streams: []string{poll.Stream}, Partitions: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, log.Close()) })
	stream, err := log.Stream(poll.Stream)
	require.NoError(t, err)
	sub, err := stream.Subscribe(t.Context(), 0)
	require.NoError(t, err)
	return log, func() { require.NoError(t, sub.Ack((<-sub.Deliveries()).Tag)) }
}

// recordingStore is a store that keeps the last outcome, or fails.
type recordingStore struct {
	*polllite.Store
	outcome poll.Outcome
	err     error
}

func (s *recordingStore) Count(
	ctx context.Context, batches []poll.Batch,
) (_ poll.Outcome, err error) {
	if s.err != nil {
		return poll.Outcome{}, s.err
	}
	s.outcome, err = s.Store.Count(ctx, batches)
	return s.outcome, err
}

// openStore opens a store with a presentation whose first poll is on the slide.
func openStore(t *testing.T) (*polllite.Store, poll.Presentation) {
	t.Helper()
	db, err := sqlite.Open(t.Context(),
		sqlite.Config{Path: filepath.Join(t.TempDir(), "plenary.db")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Partitions(t.Context(), 1))
	p, err := poll.New("A talk", []poll.Poll{
		{Question: question.Question{Text: "How was it?", Kind: question.Rating}},
	})
	require.NoError(t, err)
	require.NoError(t, p.Open(0))
	store := polllite.New(db)
	require.NoError(t, store.Create(t.Context(), p))
	return store, p
}

func scrape(m *telemetry.Metrics) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func TestNoLoggedValueIsLong(t *testing.T) {
	var out bytes.Buffer
	logger := telemetry.NewLogger(&out, slog.LevelInfo, "api")
	long := map[string]string{
		"ascii": strings.Repeat("x", 15_000), "two bytes": strings.Repeat("é", 5000),
		"four bytes": "a" + strings.Repeat("🗳", 5000),
		"no UTF-8":   strings.Repeat("\xff\xfe", 5000),
		"some bytes": strings.Repeat("x", 67) + strings.Repeat("\xff", 100),
	}
	for name, text := range long {
		out.Reset()
		logger.With("before", text).WithGroup("g").
			Warn(text, "path", text, "error", fmt.Errorf("wrapped: %w", errors.New(text)),
				"list", []string{text, text}, "bytes", []byte(text),
				slog.Group("deeper", "id", text))
		var line map[string]any
		require.NoError(t, json.Unmarshal(out.Bytes(), &line), name)
		group := line["g"].(map[string]any)
		for at, value := range map[string]any{
			"before": line["before"], "message": line["msg"], "path": group["path"],
			"error": group["error"], "list": group["list"],
			"bytes": group["bytes"], "group": group["deeper"].(map[string]any)["id"],
		} {
			require.IsType(t, "", value, "%s in %s", name, at)
			require.LessOrEqual(t, len(value.(string)), 200, "%s in %s", name, at)
			require.NotEmpty(t, value, "%s in %s", name, at)
		}
	}
	out.Reset()
	whole := strings.Repeat("x", 200)
	logger.Info("request", "path", whole, "status", 204, "error", errors.New("é"))
	require.Contains(t, out.String(),
		`"level":"INFO","msg":"request","process":"api","path":"`+whole+
			`","status":204,"error":"é"}`)
}

func BenchmarkAccessLine(b *testing.B) {
	logger := telemetry.NewLogger(io.Discard, slog.LevelInfo, "api")
	for b.Loop() {
		logger.LogAttrs(b.Context(), slog.LevelInfo, "request", slog.String("method", "POST"),
			slog.String("path", strings.Repeat("x", 70)),
			slog.Int("status", 204), slog.Duration("took", time.Millisecond),
			slog.String("request_id", "a"), slog.String("ip", "127.0.0.1"))
	}
}

func TestPublishesAreMeasuredAndPassedOn(t *testing.T) {
	m := telemetry.NewMetrics()
	e, err := poll.EncodeBatch(nil, &poll.Batch{Votes: make([]poll.Vote, 7)})
	require.NoError(t, err)
	for _, c := range []struct{ err, confirm error }{{nil, nil}, {nil, queue.ErrUnknown},
		{nil, queue.ErrRefused}, {queue.ErrRefused, nil}} {
		called := 0
		log, acknowledge := openLog(t)
		stream, err := m.Log(faultyLog{log, c.err, c.confirm}).Stream("votes")
		require.NoError(t, err)
		err = stream.Publish(t.Context(), 0, e, func(err error) {
			called++
			require.Equal(t, c.confirm, err)
		})
		require.Equal(t, c.err, err)
		if err == nil {
			acknowledge()
		}
		require.Equal(t, c.err == nil, called == 1)
	}
	out := scrape(m)
	require.Contains(t, out, `plenary_batch_votes_sum 28`)
	require.Contains(t, out, `plenary_publishes_total{outcome="confirmed",stream="votes"} 1`)
	require.Contains(t, out, `plenary_publishes_total{outcome="unknown",stream="votes"} 1`)
	require.Contains(t, out, `plenary_publishes_total{outcome="refused",stream="votes"} 2`)
}

func TestVerdictsAreCountedWhereTheyAreGiven(t *testing.T) {
	m := telemetry.NewMetrics()
	store, p := openStore(t)
	votes := func(versions ...int64) poll.Batch {
		b := poll.Batch{ID: uuid.New()}
		for _, version := range versions {
			b.Votes = append(b.Votes, poll.Vote{
				ID: uuid.New(), PollID: p.Polls[0].ID, VoterID: uuid.New(), Version: version,
				Answer: "3",
			})
		}
		return b
	}
	known := votes(1)
	_, err := store.Count(t.Context(), []poll.Batch{known})
	require.NoError(t, err)
	recording := &recordingStore{Store: store}
	got, err := m.Store(recording).Count(t.Context(), []poll.Batch{votes(1, 0), known, votes(1)})
	require.NoError(t, err)
	require.Equal(t, recording.outcome, got)
	require.Equal(t, [][]poll.Verdict{{poll.Counted, poll.Late}, nil, {poll.Counted}}, got.Verdicts)
	recording.err = fault.Errorf(fault.Unavailable, "away")
	_, err = m.Store(recording).Count(t.Context(), nil)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	recording.err = errors.New("fault")
	_, err = m.Store(recording).Count(t.Context(), nil)
	require.Error(t, err)
	out := scrape(m)
	require.Contains(t, out, `plenary_verdicts_total{verdict="counted"} 2`)
	require.Contains(t, out, `plenary_verdicts_total{verdict="late"} 1`)
	require.Contains(t, out, `plenary_count_votes_sum 3`)
}

func TestCallsOfAnEngineAreMeasured(t *testing.T) {
	m := telemetry.NewMetrics()
	for _, err := range []error{nil, fault.Errorf(fault.Unavailable, "away"), errors.New("fault")} {
		m.StoreCall("count", time.Second, err)
	}
	out := scrape(m)
	require.Contains(t, out, `plenary_store_unavailable_total{call="count"} 1`)
	require.Contains(t, out, `plenary_store_seconds_count{call="count"} 3`)
	require.Contains(t, out, `plenary_store_seconds_sum{call="count"} 3`)
}

func TestAListHasNoTimeOfItsOwn(t *testing.T) {
	m := telemetry.NewMetrics()
	m.StoreCall("votes", 0, fault.Errorf(fault.Unavailable, "its reader was too slow"))
	require.NotContains(t, scrape(m), `call="votes"`)
}

func TestAnEngineThatIsAwayInAFeaturesOwnWordsIsAway(t *testing.T) {
	m := telemetry.NewMetrics()
	m.StoreCall("count", time.Second, fault.Errorf(fault.Unavailable.Named("own"), "away"))
	require.Contains(t, scrape(m), `plenary_store_unavailable_total{call="count"} 1`)
}

func TestTheSeriesOfVotesAreThereFromTheStart(t *testing.T) {
	out := scrape(telemetry.NewMetrics())
	for _, series := range []string{
		`plenary_dead_letters_total{stream="votes"} 0`,
		`plenary_confirm_seconds_count{stream="votes"} 0`,
		`plenary_publishes_total{outcome="confirmed",stream="votes"} 0`,
		`plenary_publishes_total{outcome="unknown",stream="votes"} 0`,
		`plenary_publishes_total{outcome="refused",stream="votes"} 0`,
	} {
		require.Contains(t, out, series)
	}
}

func TestRequestsAndGauges(t *testing.T) {
	m := telemetry.NewMetrics()
	m.Request("GET", "/x/:id", 200, time.Millisecond)
	m.Gauge("plenary_waiting_votes", "help", func() float64 { return 3 })
	out := scrape(m)
	require.Contains(t, out,
		`plenary_http_requests_total{method="GET",route="/x/:id",status="200"} 1`)
	require.Contains(t, out, `plenary_waiting_votes 3`)
}

func TestALogLineIsOneJSONObject(t *testing.T) {
	var out bytes.Buffer
	logger := telemetry.NewLogger(&out, slog.LevelWarn, "api")
	logger.Info("no")
	logger.Warn("two\nlines", "error", errors.New(`"quoted"`))
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	require.Equal(t, "api", line["process"])
	require.Equal(t, "two\nlines", line["msg"])
}
