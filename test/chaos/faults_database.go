package chaos

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lib/pq"

	"github.com/plenary-live/plenary/test/stack"
)

var databaseFaults = []*Fault{
	{
		Name: "restart-postgres",
		What: "stop PostgreSQL (fast: transactions are cut off) in the middle of a batch and " +
			"start it again, twice",
		Counts: 5 * time.Second,
		Strike: func(s *Scene) error {
			for range 2 {
				if err := restartInBatch(s); err != nil {
					return err
				}
			}
			return nil
		},
	},
	{
		Name: "kill-postgres", What: "kill -9 PostgreSQL and start it again",
		Counts: 5 * time.Second,
		Strike: func(s *Scene) error {
			from := logSize(s.Postgres)
			s.Postgres.Kill()
			if err := s.Wait(2 * time.Second); err != nil {
				return err
			}
			if err := s.Postgres.Start(s); err != nil {
				return err
			}
			s.Measure()
			return logged(s.Postgres, from, "database system was not properly shut down")
		},
	},
	{
		Name: "pause-postgres", What: "SIGSTOP PostgreSQL for 8 s",
		Strike: func(s *Scene) error {
			if err := s.pause(s.Postgres, "postgres", 8*time.Second); err != nil {
				return err
			}
			s.Measure()
			return nil
		},
	},
	{
		Name: "exhaust-postgres",
		What: "every PostgreSQL connection is taken by others for 8 s, after those of the " +
			"product were cut",
		Shape: func(_ *Scene, cfg *stack.Config) {
			cfg.PostgresConf = append(cfg.PostgresConf, "max_connections = 100")
		},
		Strike: exhaust,
	},
	{
		Name:  "pause-in-transaction",
		What:  "SIGSTOP a worker that holds the locks of its transaction, for 20 s",
		Shape: nameWorkers, Strike: pauseInTransaction,
	},
}

// admin opens a session of the server's superuser.
func (s *Scene) admin() (*sql.DB, error) { return sql.Open("postgres", s.DatabaseAdminURL) }

// cutSessions ends the product's sessions.
const cutSessions = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ` +
	`'plenary' AND application_name LIKE 'plenary%'`

// exhaust cuts the product's sessions and takes what becomes free, again and again, until all is
// taken.
func exhaust(s *Scene) error {
	admin, err := s.admin()
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close() }()
	taken, err := sql.Open("postgres", s.DatabaseURL)
	if err != nil {
		return err
	}
	taken.SetMaxIdleConns(1000)
	defer func() { _ = taken.Close() }()
	var conns []*sql.Conn
	refused := 0                      // for want of a connection
	until := time.Now().Add(patience) // and from the first refusal 8 s
	for time.Now().Before(until) {
		conn, err := taken.Conn(s)
		if err == nil {
			conns = append(conns, conn)
			continue
		}
		if e, ok := errors.AsType[*pq.Error](err); ok && e.Code == "53300" {
			if refused++; refused == 1 {
				until = time.Now().Add(8 * time.Second)
			}
		}
		if _, err := admin.ExecContext(s, cutSessions); err != nil {
			return err
		}
		if err := s.Wait(20 * time.Millisecond); err != nil {
			return err
		}
	}
	s.Logf("%d connections were taken, %d times none was left", len(conns), refused)
	for _, conn := range conns {
		_ = conn.Close()
	}
	_ = taken.Close() // it has nothing to save
	s.Measure()
	if len(conns) < 50 || refused == 0 {
		return fmt.Errorf("only %d connections could be taken, and %d times none was left",
			len(conns), refused)
	}
	return nil
}

// Statements for lock. With the partitions' rows taken, a worker waits before it writes anything.
// With the votes taken, it waits in the middle of a batch: it has recorded it and counted none of
// it.
const (
	lockPartitions = `SELECT 1 FROM partitions FOR UPDATE`
	lockVotes      = `LOCK TABLE votes IN SHARE MODE`
)

// lock takes something that every worker needs for counting, until release is called.
func (s *Scene) lock(statement string) (release func(), err error) {
	db, err := sql.Open("postgres", s.DatabaseURL)
	if err != nil {
		return nil, err
	}
	tx, err := db.BeginTx(context.WithoutCancel(s), nil)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if _, err := tx.ExecContext(s, statement); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return func() {
		_ = tx.Rollback() // it wrote nothing
		_ = db.Close()
	}, nil
}

// pauseInTransaction holds the partitions' rows until the worker's transactions wait for them.
// Then it stops the worker, and gives it what it waits for. The worker now holds the locks and
// does not know.
func pauseInTransaction(s *Scene) error {
	p, err := s.activeWorker()
	if err != nil {
		return err
	}
	release, err := s.lock(lockPartitions)
	if err != nil {
		return err
	}
	err = s.await(sessionOf(p) + ` AND wait_event_type = 'Lock' AND query LIKE '%count_claim_%'`)
	s.Measure()
	p.Pause()
	defer p.Resume()
	release()
	if err != nil {
		return err
	}
	// For a second already: it is no moment between two calls.
	err = s.await(sessionOf(p) +
		` AND state = 'idle in transaction' AND state_change < clock_timestamp() - interval '1 s'`)
	if err != nil {
		return err
	}
	if err := s.Wait(20 * time.Second); err != nil {
		return err
	}
	return s.Resumed() // the locks timed out: it is suspended still
}

// nameWorkers has the database know whose a session is.
func nameWorkers(_ *Scene, cfg *stack.Config) {
	cfg.Each = func(app *stack.App) {
		if app.Kind != "worker" {
			return
		}
		for i, line := range app.Env {
			if strings.HasPrefix(line, "PLENARY_DATABASE_URL=") {
				app.Env[i] += fmt.Sprintf("&application_name=plenary-worker-%d", app.Index)
			}
		}
	}
}

// sessionOf asks, with what follows it, whether a worker that nameWorkers has named has such a
// session.
func sessionOf(p *stack.Process) string {
	return fmt.Sprintf(
		`SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'plenary-%s'`, p.Name)
}

// inBatch: its transaction has written already, or it had no id, and waits for the lock on what it
// writes next.
const inBatch = ` AND wait_event_type = 'Lock' AND query LIKE '%count_settle_%'
	AND backend_xid IS NOT NULL`

// killInBatch holds what the workers write to until the one that counts waits for it in the middle
// of a batch, and kills it.
func killInBatch(s *Scene) error {
	p, err := s.activeWorker()
	if err != nil {
		return err
	}
	release, err := s.lock(lockVotes)
	if err != nil {
		return err
	}
	err = s.await(sessionOf(p) + inBatch)
	p.Kill()
	release()
	s.Logf("%s was killed while it waited in a transaction that had written: %v",
		p.Name, err == nil)
	s.Measure() // once it is dead: what it has counted just before is no recovery
	if err != nil {
		return err
	}
	if err := s.Resumed(); err != nil {
		return err
	}
	return p.Start(s)
}

// restartInBatch holds what the workers write to until one of them waits for it in the middle of a
// batch, and restarts PostgreSQL.
func restartInBatch(s *Scene) error {
	release, err := s.lock(lockVotes)
	if err != nil {
		return err
	}
	defer release()
	if err := s.await(`SELECT count(*) > 0 FROM pg_stat_activity WHERE usename = 'plenary'` +
		inBatch); err != nil {
		return err
	}
	if err := s.Postgres.Restart(s); err != nil {
		return err
	}
	s.Measure()
	return s.Resumed()
}

// await waits until a condition holds in the database, of which the superuser sees everything.
func (s *Scene) await(condition string) error {
	admin, err := s.admin()
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close() }()
	for deadline := time.Now().Add(5 * time.Second); ; {
		var holds bool
		if err := admin.QueryRowContext(s, condition).Scan(&holds); err != nil || holds {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("it does not come to %s", condition)
		}
		if err := s.Wait(5 * time.Millisecond); err != nil {
			return err
		}
	}
}
