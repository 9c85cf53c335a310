//go:build linux

package bench

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
)

// statementsConf lets PostgreSQL count statements when it is told to; until then that costs nothing. It is empty where PostgreSQL
// came without the module.
func statementsConf() []string {
	for _, pattern := range []string{"/usr/lib/postgresql/*/lib", "/usr/pgsql-*/lib", "/usr/local/pgsql/lib"} {
		if found, _ := filepath.Glob(filepath.Join(pattern, "pg_stat_statements.so")); len(found) > 0 {
			return []string{"shared_preload_libraries = 'pg_stat_statements'", "pg_stat_statements.track = none"}
		}
	}
	return nil
}

// countStatements has PostgreSQL count statements until stop is called. Where it cannot, counts is false.
func (b *Bench) countStatements(ctx context.Context) (counts bool, stop func() error, err error) {
	stop = func() error { return nil }
	if len(statementsConf()) == 0 {
		return false, stop, nil
	}
	exec := func(ctx context.Context, statements ...string) error {
		for _, q := range statements {
			if _, err := b.admin.ExecContext(ctx, q); err != nil {
				return err
			}
		}
		return nil
	}
	if err := exec(ctx, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements", "ALTER SYSTEM SET pg_stat_statements.track = 'top'", "SELECT pg_reload_conf()"); err != nil {
		return false, stop, err
	}
	return true, func() error {
		return exec(context.WithoutCancel(ctx), "ALTER SYSTEM RESET pg_stat_statements.track", "SELECT pg_reload_conf()")
	}, nil
}

// What PostgreSQL is asked, of the database and the user that APIs and workers share. Counting reads too, with locks, of lists of
// votes and within its own functions; how often it does depends on the batches, so these are no reads here. The polls whose seal is due, and whether the database
// is there, are asked at a fixed pace, and count.
const askedStatements = `
	SELECT coalesce(sum(calls), 0)::bigint, coalesce(sum(calls) FILTER (
		WHERE query ~* '^\s*SELECT' AND query !~* 'FOR UPDATE|unnest|pg_temp|count_(claim|settle)_'), 0)::bigint
	FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid JOIN pg_roles u ON u.oid = s.userid
	WHERE d.datname = 'plenary' AND u.rolname = 'plenary'`

// asked is what the database was asked so far.
type asked struct {
	statements, reads float64            // by PostgreSQL's count
	calls             map[string]float64 // of the store, by the APIs' count
}

func (b *Bench) asked(ctx context.Context, counts bool) (a asked, err error) {
	a.calls = map[string]float64{}
	err = metrics(ctx, b.plenary.APIs, "plenary_store_seconds_count", func(labels string, value float64) { a.calls[label(labels, "call")] += value })
	if err == nil && counts {
		err = b.admin.QueryRowContext(ctx, askedStatements).Scan(&a.statements, &a.reads)
	}
	return a, err
}

// since gives what was asked a second after before. Where PostgreSQL does not count, the APIs' calls are the reads.
func (a asked) since(before asked, seconds float64, counts bool) (d asked) {
	d = asked{statements: (a.statements - before.statements) / seconds, reads: (a.reads - before.reads) / seconds, calls: map[string]float64{}}
	for _, call := range slices.Sorted(maps.Keys(a.calls)) {
		if n := a.calls[call] - before.calls[call]; n > 0 {
			d.calls[call] = n / seconds
			if !counts {
				d.reads += n / seconds
			}
		}
	}
	return d
}
