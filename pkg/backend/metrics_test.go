package backend_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/backend"
	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/telemetry"
	"github.com/plenary-live/plenary/test/stack"
)

// seal is an entry of which the store has never heard the poll.
func seal() []poll.Batch {
	return []poll.Batch{{ID: uuid.New(), Seal: &poll.Seal{PollID: uuid.New(), Version: 1}}}
}

// requireMeasured opens a backend over a database, and requires that its metrics tell of its calls.
func requireMeasured(t *testing.T, url string) {
	settings := map[string]string{"PLENARY_DATABASE_URL": url, "PLENARY_PARTITIONS": "1"}
	cfg, err := config.Load(func(name string) (string, bool) {
		value, ok := settings[name]
		return value, ok
	})
	require.NoError(t, err)
	m := telemetry.NewMetrics()
	b := backend.New(cfg, m, slog.New(slog.DiscardHandler))
	defer func() { require.NoError(t, b.Close()) }()
	require.NoError(t, b.Open(t.Context()))

	for range 2 {
		_, err := b.Store.Count(t.Context(), seal())
		require.NoError(t, err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.Store.Count(over, seal())
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	_, err = b.Store.Display(t.Context(), uuid.New())
	require.True(t, fault.Is(err, fault.NotFound), "%v", err)
	_ = b.Store.Votes(t.Context(), uuid.New(), uuid.New(), uuid.Nil,
		func(poll.VoterAnswer) error { return nil })
	_ = b.Store.Answers(t.Context(), uuid.New(), uuid.New(), question.Listing{},
		func(question.WordCount) error { return nil })

	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	out := w.Body.String()
	require.Contains(t, out, "plenary_store_seconds_count{call=\"count\"} 3\n")
	require.Contains(t, out, "plenary_store_unavailable_total{call=\"count\"} 1\n")
	require.Contains(t, out, "plenary_store_seconds_count{call=\"display\"} 1\n")
	require.NotContains(t, out, "plenary_store_unavailable_total{call=\"display\"}")
	for _, list := range []string{"votes", "answers"} {
		require.NotContains(t, out, "call=\""+list+"\"", "its time is its reader's")
	}
}

func TestCallsOfSQLiteAreMeasured(t *testing.T) {
	requireMeasured(t, "sqlite:"+filepath.Join(t.TempDir(), "plenary.db"))
}

func TestCallsOfPostgreSQLAreMeasured(t *testing.T) { requireMeasured(t, stack.PostgresURL(t)) }
