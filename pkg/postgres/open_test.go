package postgres

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/plenary-live/plenary/migrations"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/test/stack"
)

// admin is a plain connection to the same database.
func admin(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func open(t *testing.T, url string) *DB {
	t.Helper()
	s, err := Open(t.Context(), Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func tables(t *testing.T, db *sql.DB) (names []string) {
	t.Helper()
	rows, err := db.Query(
		`SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ` +
			`('r', 'S', 'v') ORDER BY 1`)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, rows.Err())
	return names
}

func TestManyReplicasMayStartAtOnceOnAnEmptyDatabase(t *testing.T) {
	url := stack.PostgresURL(t)
	var group errgroup.Group
	for range 6 {
		group.Go(func() error {
			s, err := Open(t.Context(), Config{URL: url})
			if err != nil {
				return err
			}
			return errors.Join(s.Ping(t.Context()), s.Close())
		})
	}
	require.NoError(t, group.Wait())
}

func TestMigratingDownRemovesAllAndUpBringsItBack(t *testing.T) {
	url := stack.PostgresURL(t)
	open(t, url)
	db := admin(t, url)
	require.Contains(t, tables(t, db), "votes")
	tx, err := db.Begin()
	require.NoError(t, err)
	require.NoError(t, migrations.Down(migrations.Postgres, &migrator{t.Context(), tx}))
	require.NoError(t, tx.Commit())
	require.Equal(t, []string{"schema_migrations"}, tables(t, db))
	require.NoError(t, open(t, url).Ping(t.Context()))
	require.Contains(t, tables(t, db), "votes")
}

func TestADirtyOrNewerSchemaStopsTheStartWithOneLine(t *testing.T) {
	newest, err := migrations.Newest(migrations.Postgres)
	require.NoError(t, err)
	for name, want := range map[string]migrations.SchemaError{
		"dirty": {Found: newest, Newest: newest, Dirty: true},
		"newer": {Found: 4711, Newest: newest},
	} {
		t.Run(name, func(t *testing.T) {
			url := stack.PostgresURL(t)
			open(t, url)
			_, err := admin(t, url).
				Exec(`UPDATE schema_migrations SET version = $1, dirty = $2`,
					want.Found, want.Dirty)
			require.NoError(t, err)
			_, err = Open(t.Context(), Config{URL: url})
			var got *migrations.SchemaError
			require.ErrorAs(t, err, &got)
			require.Equal(t, want, *got)
			require.Equal(t, want.Error(), err.Error())
			require.Empty(t, fault.CodeOf(err), "waiting does not heal it")
		})
	}
}

func TestWrongSettingsAreOneLineWithoutThePassword(t *testing.T) {
	good, err := url.Parse(stack.PostgresURL(t))
	require.NoError(t, err)
	with := func(f func(*url.URL)) string {
		u := *good
		f(&u)
		return u.String()
	}
	for name, bad := range map[string]string{
		"empty":            "",
		"no URL":           "secret",
		"another database": "mysql://plenary:secret@127.0.0.1/plenary",
		"broken escape":    "postgres://plenary:secret%zz@127.0.0.1/plenary",
		"broken port":      "postgres://plenary:secret@127.0.0.1:port/plenary",
		"unknown mode":     with(func(u *url.URL) { u.RawQuery = "sslmode=secretly" }),
		"no such database": with(func(u *url.URL) { u.Path = "/nowhere" }),
		"no such role": with(func(u *url.URL) {
			u.User = url.UserPassword("nobody",
				"secret")
		}),
		"no TLS over there": with(func(u *url.URL) { u.RawQuery = "sslmode=require" }),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), Config{URL: bad})
			require.Error(t, err)
			require.Empty(t, fault.CodeOf(err), "waiting does not heal it: %v", err)
			require.NotContains(t, err.Error(), "\n")
			if name != "unknown mode" {
				require.NotContains(t, err.Error(), "secret")
			}
		})
	}
}

func TestADatabaseThatIsAwayIsUnavailable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	// takes connections and never answers
	silent := "postgres://u:p@" + l.Addr().String() + "/db?sslmode=disable"
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	refusing := "postgres://u:p@" + closed.Addr().String() + "/db?sslmode=disable"
	require.NoError(t, closed.Close())

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = Open(ctx, Config{URL: refusing})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	_, err = Open(t.Context(), Config{URL: silent + "&connect_timeout=1"})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
}

func TestAStartWaitsForAnothersMigrationAsLongAsItsContextAllows(t *testing.T) {
	url := stack.PostgresURL(t)
	conn, err := admin(t, url).Conn(t.Context())
	require.NoError(t, err)
	_, err = conn.ExecContext(t.Context(), `SELECT pg_advisory_lock($1)`, int64(migrationLock))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = Open(ctx, Config{URL: url})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)

	opened := make(chan error, 1)
	go func() {
		s, err := Open(t.Context(), Config{URL: url})
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	require.Eventually(t, func() bool {
		var waiting bool
		err := conn.QueryRowContext(t.Context(),
			`SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).Scan(&waiting)
		return err == nil && waiting
	}, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, conn.Close())
	_, err = admin(
		t, url).Exec(
		`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	require.NoError(t, err)
	require.NoError(t, <-opened)
}

// TestFunctionsOfTheSchemaHaveTheRightsOfTheirCaller, and everybody who may connect may call them.
func TestFunctionsOfTheSchemaHaveTheRightsOfTheirCaller(t *testing.T) {
	url := stack.PostgresURL(t)
	open(t, url)
	rows, err := admin(t, url).Query(`
		SELECT proname, prosecdef, has_function_privilege('public', oid, 'EXECUTE'),
			EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
				WHERE d.objid = p.oid AND d.deptype = 'e' AND e.extname = 'pg_trgm')
		FROM pg_proc p
		WHERE pronamespace = 'public'::regnamespace ORDER BY proname`)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	var names []string
	for rows.Next() {
		var name string
		var definer, everybody, trigrams bool
		require.NoError(t, rows.Scan(&name, &definer, &everybody, &trigrams))
		require.False(t, definer, name)
		require.True(t, everybody, name)
		if !trigrams {
			names = append(names, name)
		}
	}
	require.NoError(t, rows.Err())
	require.Equal(t,
		[]string{
			"count_claim_1", "count_claim_2", "count_settle_1", "entries_claim_1",
			"feeds_claim_1", "feeds_drop_1", "feeds_first_1", "feeds_found_1", "feeds_keep_1",
			"feeds_month_1", "feeds_seen_1", "feeds_settle_1", "feeds_unseen_1",
			"ratings_claim_1", "ratings_settle_1",
		}, names)
}
