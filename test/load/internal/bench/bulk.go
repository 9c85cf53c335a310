//go:build linux

package bench

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"
	"github.com/lib/pq/oid"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/poll/pollpg"
	"github.com/plenary-live/plenary/pkg/postgres"
	plenaryquestion "github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/sqlite"
	"github.com/plenary-live/plenary/test/load/internal/report"
)

// transactionVotes is how many votes a worker counts in one transaction at most.
const transactionVotes = 5000

// bulk writes the rows that counting writes, in batches and with nothing before them, one transaction at a time, as a
// partition is counted.
func (b *Bench) bulk(ctx context.Context, run report.Run) (*report.Bulk, error) {
	engine, err := postgres.Open(ctx, postgres.Config{URL: b.plenary.DatabaseURL, MaxConns: 2, ApplicationName: "bench"})
	if err != nil {
		return nil, err
	}
	defer func() { _ = engine.Close() }()
	db, err := binarySQL(b.plenary.DatabaseURL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1) // the temporary table is the session's
	const temporary = "CREATE TEMPORARY TABLE incoming (LIKE votes) ON COMMIT DELETE ROWS"
	if _, err := db.ExecContext(ctx, temporary); err != nil {
		return nil, err
	}
	file, err := b.openSQLite(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	ways := []struct {
		name string
		size int
		do   func(context.Context, []poll.Vote) (func() error, error) // prepares; what it returns is measured
	}{
		{report.RawUnnest, transactionVotes, rawUnnest(db)},
		{report.RawUnnest, transactionVotes / 10, rawUnnest(db)},
		{report.RawCopy, transactionVotes, rawCopy(db)},
		{report.StoreCount, transactionVotes, storeCount(pollpg.New(engine))},
		{report.RawSQLite, transactionVotes, rawSQLite(file)},
	}
	result := &report.Bulk{Run: run}
	g := groups{"postgresql": {b.plenary.Postgres}}
	for round := range b.Rounds {
		for i := range ways {
			w := ways[(i+round)%len(ways)]
			if err := b.quiet(ctx); err != nil {
				return nil, err
			}
			if _, err := file.ExecContext(ctx, "DELETE FROM votes; PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
				return nil, err
			}
			r, err := newRoom(ctx, b.plenary.APIs[0].URL)
			if err != nil {
				return nil, err
			}
			l := report.BulkLoad{How: w.name, Batch: w.size, Round: round, CPU: map[string]float64{}}
			// Written in portions that fit into memory: preparing them is not measured.
			for l.Took < float64(b.Seconds) {
				var portion []func() error
				for range max(min(100_000, 20_000*b.Seconds)/w.size, 1) {
					do, err := w.do(ctx, someVotes(uuid.MustParse(r.poll), w.size))
					if err != nil {
						return nil, err
					}
					portion = append(portion, do)
				}
				before, err := g.cpu()
				if err != nil {
					return nil, err
				}
				own, began := ownCPU(), time.Now()
				for _, do := range portion {
					if err := do(); err != nil {
						return nil, fmt.Errorf("%s: %w", w.name, err)
					}
				}
				l.Took += time.Since(began).Seconds()
				l.CPU["writer"] += ownCPU() - own
				after, err := g.cpu()
				if err != nil {
					return nil, err
				}
				l.CPU["postgresql"] += after["postgresql"] - before["postgresql"]
				l.Rows += int64(len(portion) * w.size)
			}
			maps.Copy(l.CPU, since(map[string]float64{}, l.CPU, l.Rows))
			result.Loads = append(result.Loads, l)
			b.say("round %d  bulk insert, %s of %d: %.0f rows/s, %.1f µs CPU", round+1, w.name, w.size, float64(l.Rows)/l.Took, l.CPU["postgresql"]+l.CPU["writer"])
		}
	}
	return result, nil
}

// someVotes makes votes of new voters.
func someVotes(pollID uuid.UUID, n int) []poll.Vote {
	votes := make([]poll.Vote, n)
	for i := range votes {
		votes[i] = poll.Vote{ID: someID(), PollID: pollID, VoterID: someID(), Version: 1, Answer: []plenaryquestion.Answer{"A", "B", "C"}[i%3]}
	}
	return votes
}

// someID is random and cheap.
func someID() (id uuid.UUID) {
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	return id
}

// ownCPU gives the seconds of processor time that this process has used.
func ownCPU() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

func binarySQL(url string) (*sql.DB, error) {
	cfg, err := pq.NewConfig(url)
	if err != nil {
		return nil, err
	}
	cfg.BinaryParameters = true // []byte travel as they are
	connector, err := pq.NewConnectorConfig(cfg)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

const (
	unnestVotes = `INSERT INTO votes AS v (poll_id, voter_id, version, seq, answer, vote_id)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::uuid[])` + onConflict
	onConflict = ` ON CONFLICT (poll_id, voter_id) DO UPDATE
		SET version = excluded.version, seq = excluded.seq, answer = excluded.answer, vote_id = excluded.vote_id
		WHERE v.seq <= excluded.seq`
)

func rawUnnest(db *sql.DB) func(context.Context, []poll.Vote) (func() error, error) {
	return func(ctx context.Context, votes []poll.Vote) (func() error, error) {
		id := func(of func(*poll.Vote) uuid.UUID) []byte {
			return array(oid.T_uuid, votes, func(v *poll.Vote) []byte { id := of(v); return id[:] })
		}
		number := func(of func(*poll.Vote) int64) []byte {
			return array(oid.T_int8, votes, func(v *poll.Vote) []byte { return binary.BigEndian.AppendUint64(nil, uint64(of(v))) })
		}
		args := []any{id(func(v *poll.Vote) uuid.UUID { return v.PollID }), id(func(v *poll.Vote) uuid.UUID { return v.VoterID }),
			number(func(v *poll.Vote) int64 { return v.Version }), number(func(v *poll.Vote) int64 { return v.Seq }),
			array(oid.T_text, votes, func(v *poll.Vote) []byte { return []byte(v.Answer) }), id(func(v *poll.Vote) uuid.UUID { return v.ID })}
		return func() error { _, err := db.ExecContext(ctx, unnestVotes, args...); return err }, nil
	}
}

// array is PostgreSQL's binary format of an array of one dimension.
func array(element oid.Oid, votes []poll.Vote, of func(*poll.Vote) []byte) []byte {
	var buf []byte
	for _, n := range []int{1, 0, int(element), len(votes), 1} { // dimensions, no nulls, type, length, first index
		buf = binary.BigEndian.AppendUint32(buf, uint32(n))
	}
	for i := range votes {
		field := of(&votes[i])
		buf = append(binary.BigEndian.AppendUint32(buf, uint32(len(field))), field...)
	}
	return buf
}

func rawCopy(db *sql.DB) func(context.Context, []poll.Vote) (func() error, error) {
	return func(ctx context.Context, votes []poll.Vote) (func() error, error) {
		return func() error {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			defer func() { _ = tx.Rollback() }() // has no effect after the commit
			in, err := tx.PrepareContext(ctx, "COPY incoming (poll_id, voter_id, version, seq, answer, vote_id) FROM STDIN")
			if err != nil {
				return err
			}
			for i := range votes {
				v := &votes[i]
				if _, err := in.ExecContext(ctx, v.PollID.String(), v.VoterID.String(), v.Version, v.Seq, string(v.Answer), v.ID.String()); err != nil {
					return err
				}
			}
			if _, err := in.ExecContext(ctx); err != nil {
				return err
			}
			if err := in.Close(); err != nil { //nolint:sqlclosecheck // before the rows are moved, not at the end
				return err
			}
			const move = `INSERT INTO votes AS v (poll_id, voter_id, version, seq, answer, vote_id)
				SELECT poll_id, voter_id, version, seq, answer, vote_id FROM incoming` + onConflict
			if _, err := tx.ExecContext(ctx, move); err != nil {
				return err
			}
			return tx.Commit()
		}, nil
	}
}

// openSQLite makes a file of its own with the embedded store's schema, and opens it as the store does.
func (b *Bench) openSQLite(ctx context.Context) (*sql.DB, error) {
	path := filepath.Join(b.dir, "bulk.db")
	engine, err := sqlite.Open(ctx, sqlite.Config{Path: path})
	if err != nil {
		return nil, err
	}
	if err := engine.Close(); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=synchronous(FULL)&_pragma=cache_size(-16000)&_pragma=temp_store(MEMORY)")
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// rawSQLite is the store's own upsert, of rows of one length that were made before (pkg/sqlite/set.go): ids, digits, and an answer of
// one letter, as all are here.
func rawSQLite(db *sql.DB) func(context.Context, []poll.Vote) (func() error, error) {
	return func(ctx context.Context, votes []poll.Vote) (func() error, error) {
		var rows []byte
		for i := range votes {
			v := &votes[i]
			rows = append(append(rows, v.PollID[:]...), v.VoterID[:]...)
			rows = fmt.Appendf(rows, "%20d%20d%.1s", v.Version, v.Seq, v.Answer)
			rows = append(rows, v.ID[:]...)
		}
		const upsert = `
			WITH RECURSIVE places (at) AS (SELECT 1 UNION ALL SELECT at + 89 FROM places WHERE at + 89 < length(?1))
			INSERT INTO votes AS v (poll_id, voter_id, version, seq, answer, vote_id)
			SELECT substr(?1, at, 16), substr(?1, at + 16, 16), CAST(substr(?1, at + 32, 20) AS INTEGER),
				CAST(substr(?1, at + 52, 20) AS INTEGER), CAST(substr(?1, at + 72, 1) AS TEXT), substr(?1, at + 73, 16)
			FROM places WHERE true` + onConflict
		return func() error { _, err := db.ExecContext(ctx, upsert, rows); return err }, nil
	}
}

// storeCount counts as a worker does, ten batches in a transaction.
func storeCount(store poll.Store) func(context.Context, []poll.Vote) (func() error, error) {
	return func(ctx context.Context, votes []poll.Vote) (func() error, error) {
		var batches []poll.Batch
		for size := max(len(votes)/10, 1); len(votes) > 0; votes = votes[min(size, len(votes)):] {
			batches = append(batches, poll.Batch{ID: someID(), Votes: votes[:min(size, len(votes))]})
		}
		return func() error { _, err := store.Count(ctx, 0, batches); return err }, nil
	}
}
