package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/test/stack"
)

func TestEverySessionHasItsLimitsWhateverTheURLSays(t *testing.T) {
	url := stack.PostgresURL(t) +
		"&synchronous_commit=off&statement_timeout=0&lock_timeout=0" +
		"&options=-c%20synchronous_commit%3Doff"
	s := open(t, url)
	for name, want := range map[string]string{
		"synchronous_commit": "on", "transaction_isolation": "read committed",
		"application_name": "plenary", "jit": "off",
		"lock_timeout": "4s", "statement_timeout": "8s",
		"idle_in_transaction_session_timeout": "8s", "tcp_keepalives_idle": "5",
	} {
		var got string
		require.NoError(t, s.calls.Get(&got, "SHOW "+name))
		require.Equal(t, want, got, name)
	}
}

// Behind a pooler a session is anybody's in turn: what a transaction needs it says itself, and it
// leaves nothing.
func TestBehindAPoolerATransactionHasItsLimitsAndLeavesNothing(t *testing.T) {
	url := stack.PostgresURL(t)
	_, err := admin(t, url).Exec(`DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I
			SET synchronous_commit = off', current_database()); END $$`)
	require.NoError(t, err)
	url += "&statement_timeout=0&synchronous_commit=off"
	s, err := Open(t.Context(), Config{URL: url, Pooler: true, MaxConns: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	show := func(q Queryer, name string) (value string) {
		require.NoError(t, q.GetContext(t.Context(), &value, "SHOW "+name))
		return value
	}
	limits := map[string]string{
		"synchronous_commit": "on", "transaction_isolation": "read committed", "jit": "off",
		"lock_timeout": "4s", "statement_timeout": "8s", "enable_seqscan": "off",
		"idle_in_transaction_session_timeout": "8s", "plan_cache_mode": "force_generic_plan",
	}
	require.NoError(t, s.Write(t.Context(), "write", func(tx *sqlx.Tx) error {
		for name, want := range limits {
			require.Equal(t, want, show(tx, name), name)
		}
		const insert = `INSERT INTO secrets (name, value) VALUES ($1, $2)`
		_, err := tx.ExecContext(t.Context(), insert, "a", []byte{1})
		return err
	}))
	const update = `UPDATE secrets SET value = current_setting('synchronous_commit')::bytea
		WHERE name = $1`
	n, err := s.Exec(t.Context(), "exec", update, "a")
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, s.Read(t.Context(), "read", func(q Queryer) error {
		var value []byte
		err := q.GetContext(t.Context(), &value, `SELECT value FROM secrets WHERE name = $1`, "a")
		require.NoError(t, err)
		require.Equal(t, "on", string(value), "one statement that writes is as durable")
		for name, want := range map[string]string{
			"synchronous_commit": "off", "statement_timeout": "0", "lock_timeout": "0",
		} {
			require.Equal(t, want, show(q, name), name)
		}
		var prepared int
		err = q.GetContext(t.Context(), &prepared, `SELECT count(*) FROM pg_prepared_statements`)
		require.NoError(t, err)
		require.Zero(t, prepared)
		return nil
	}))
}

func TestErrorsAreTranslatedByTheirCode(t *testing.T) {
	unavailable, conflict := fault.Unavailable, fault.Conflict
	for _, c := range []struct {
		err  error
		want fault.Code
	}{
		{&pq.Error{Code: pqerror.UniqueViolation}, conflict},
		{&pq.Error{Code: pqerror.TRDeadlockDetected}, unavailable},
		{&pq.Error{Code: pqerror.TRSerializationFailure}, unavailable},
		{&pq.Error{Code: pqerror.LockNotAvailable}, unavailable},
		{&pq.Error{Code: pqerror.QueryCanceled}, unavailable},
		{&pq.Error{Code: pqerror.AdminShutdown}, unavailable},
		{&pq.Error{Code: pqerror.CannotConnectNow}, unavailable},
		{&pq.Error{Code: pqerror.TooManyConnections}, unavailable},
		{&pq.Error{Code: pqerror.DiskFull}, unavailable},
		{&pq.Error{Code: pqerror.IOError}, unavailable},
		{&pq.Error{Code: pqerror.ReadOnlySQLTransaction}, unavailable},
		{&pq.Error{Code: pqerror.IdleInTransactionSessionTimeout}, unavailable},
		{&pq.Error{Code: pqerror.ConnectionFailure}, unavailable},
		{&pq.Error{Code: pqerror.UndefinedTable}, fault.Code{}},
		{&pq.Error{Code: pqerror.ForeignKeyViolation}, fault.Code{}},
		{&pq.Error{Code: pqerror.InvalidPassword}, fault.Code{}},
		{&connectError{&pq.Error{Code: pqerror.InvalidPassword}}, fault.Code{}},
		{&connectError{&pq.Error{Code: pqerror.CannotConnectNow}}, unavailable},
		{&connectError{pq.ErrSSLNotSupported}, fault.Code{}},
		{&connectError{errors.New("session is read-only")}, unavailable},
		{driver.ErrBadConn, unavailable},
		{io.ErrUnexpectedEOF, unavailable},
		{&net.OpError{Err: errors.New("reset")}, unavailable},
		{&net.DNSError{}, unavailable},
		{os.ErrDeadlineExceeded, unavailable},
		{context.Canceled, unavailable},
		{context.DeadlineExceeded, unavailable},
		{errors.New("a fault"), fault.Code{}},
		{fault.Errorf(fault.Stale, "x"), fault.Stale},
	} {
		require.Equal(t, c.want, fault.CodeOf(translate(c.err)), "%v", c.err)
		require.ErrorIs(t, translate(fmt.Errorf("wrapped: %w", c.err)), c.err)
		require.Equal(t, c.want, fault.CodeOf(translate(fmt.Errorf("wrapped: %w", c.err))), "%v",
			c.err)
	}
	require.NoError(t, translate(nil))
}

func TestASilentConnectionIsGivenUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	conn, err := (&line{silence: 50 * time.Millisecond}).Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	chunk := []byte(strings.Repeat("x", 1<<20))
	for err = nil; err == nil; { // until the other side's buffers are full
		_, err = conn.Write(chunk)
	}
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}
