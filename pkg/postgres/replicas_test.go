package postgres

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/test/stack"
)

// lines are what was logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

const (
	saidAway = "a replica of the database is away"
	saidBack = "answers again"
)

func follow(t *testing.T, primary *DB, urls ...string) (*Replicas, *lines) {
	var all []Config
	for _, url := range urls {
		all = append(all, Config{URL: url, MaxConns: 2})
	}
	said := &lines{}
	r, err := OpenReplicas(t.Context(), primary, all, slog.New(slog.NewTextHandler(said, nil)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r, said
}

// whom says who serves a read.
func whom(t testing.TB, from Reader) (name string) {
	t.Helper()
	err := from.Read(t.Context(), "whom", func(q Queryer) error {
		return q.GetContext(t.Context(), &name, `SELECT current_setting('application_name')`)
	})
	require.NoError(t, err)
	return name
}

func named(url, name string) string { return url + "&application_name=" + name }

func TestReplicasReadByTurnsAndThePrimaryWhereThereIsNone(t *testing.T) {
	url := stack.PostgresURL(t)
	primary := open(t, url)
	none, said := follow(t, primary)
	require.Equal(t, "plenary", whom(t, none))
	require.Equal(t, "plenary", whom(t, primary))
	require.False(t, none.Away())
	two, _ := follow(t, primary, named(url, "first"), named(url, "second"))
	served := map[string]int{}
	for range 10 {
		served[whom(t, two)]++
	}
	require.Equal(t, map[string]int{"first": 5, "second": 5}, served)
	require.Zero(t, said.count("\n"))
}

func TestOthersReadWhatAReplicaThatIsAwayWouldAndItIsSaidOnce(t *testing.T) {
	url := stack.PostgresURL(t)
	primary := open(t, url)
	between, remote := through(t, named(url, "far"))
	between.Stop()
	near := named(url, "near")
	r, said := follow(t, primary, remote, near)
	require.True(t, r.Away())
	for range 5 {
		require.Equal(t, "near", whom(t, r))
	}
	alone, alsoSaid := follow(t, primary, remote)
	for range 5 {
		require.Equal(t, "plenary", whom(t, alone))
	}
	require.Equal(t, 1, said.count(saidAway))
	require.NoError(t, between.Start())
	require.Eventually(t, func() bool { return !alone.Away() && !r.Away() },
		time.Minute, 10*time.Millisecond)
	require.Equal(t, "far", whom(t, alone))
	require.Equal(t, 1, alsoSaid.count(saidAway))
	require.Equal(t, 1, alsoSaid.count(saidBack))
}

func TestAReplicaThatFallsSilentHoldsUpAReadForItsPatience(t *testing.T) {
	url := stack.PostgresURL(t)
	primary := open(t, url)
	between, remote := through(t, named(url, "far"))
	r, said := follow(t, primary, remote)
	require.Equal(t, "far", whom(t, r))
	between.swallow("upstream", "downstream")
	begun := time.Now()
	require.Equal(t, "plenary", whom(t, r))
	require.Less(t, time.Since(begun), replicaPatience+patience+3*time.Second)
	require.True(t, r.Away())
	require.Equal(t, 1, said.count(saidAway))
	between.heal()
	require.Eventually(t, func() bool { return whom(t, r) == "far" },
		time.Minute, 10*time.Millisecond)
}

func TestACallThatIsGivenUpBlamesNoReplica(t *testing.T) {
	url := stack.PostgresURL(t)
	r, said := follow(t, open(t, url), url)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	err := r.Read(over, "test", func(q Queryer) error {
		var one int
		return q.GetContext(over, &one, `SELECT 1`)
	})
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.False(t, r.Away())
	require.Zero(t, said.count("\n"))
}

func TestWhatAReplicaDoesNotHaveThePrimaryMayHave(t *testing.T) {
	url, behind := stack.PostgresURL(t), stack.PostgresURL(t)
	primary, other := open(t, url), open(t, behind)
	const insert = `INSERT INTO secrets (name, value) VALUES ('a', '\x01')`
	_, err := primary.Exec(t.Context(), "test", insert)
	require.NoError(t, err)
	r, said := follow(t, primary, behind)
	var value []byte
	read := func() error {
		return r.Read(t.Context(), "test", func(q Queryer) error {
			err := q.GetContext(t.Context(), &value, `SELECT value FROM secrets WHERE name = 'a'`)
			if Missing(err) {
				return fault.Errorf(fault.NotFound, "it is not there")
			}
			return err
		})
	}
	require.NoError(t, read())
	require.Equal(t, []byte{1}, value)
	require.False(t, r.Away(), "it answers")
	_, err = primary.Exec(t.Context(), "test", `DELETE FROM secrets`)
	require.NoError(t, err)
	require.Equal(t, fault.NotFound, fault.CodeOf(read()))
	require.Zero(t, said.count("\n"))

	_, err = other.Exec(t.Context(), "test", `UPDATE schema_migrations SET version = version - 1`)
	require.NoError(t, err)
	old, said := follow(t, primary, behind)
	require.True(t, old.Away(), "it does not know all statements yet")
	require.Equal(t, 1, said.count(saidAway))
	require.Equal(t, "plenary", whom(t, old))
}

func TestReplicasThatNobodyCanOpenAreRefusedWithoutTheirPassword(t *testing.T) {
	for _, url := range []string{
		"", "mysql://u:secret@h/db", "postgres://u:secret@h:port/db", "%zz",
	} {
		_, err := OpenReplicas(t.Context(), nil, []Config{
			{URL: "postgres://u:secret@127.0.0.1:1/db"}, {URL: url},
		}, slog.New(slog.DiscardHandler))
		require.Error(t, err, url)
		require.NotContains(t, err.Error(), "secret")
	}
}
