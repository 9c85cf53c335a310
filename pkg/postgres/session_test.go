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

	"github.com/google/uuid"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/test/stack"
)

func TestEverySessionHasItsLimitsWhateverTheURLSays(t *testing.T) {
	url := stack.PostgresURL(t) + "&synchronous_commit=off&statement_timeout=0&lock_timeout=0&options=-c%20synchronous_commit%3Doff"
	s := open(t, url)
	for name, want := range map[string]string{
		"synchronous_commit": "on", "transaction_isolation": "read committed", "application_name": "plenary", "jit": "off",
		"lock_timeout": "4s", "statement_timeout": "8s", "idle_in_transaction_session_timeout": "8s", "tcp_keepalives_idle": "5",
	} {
		var got string
		require.NoError(t, s.db.Get(&got, "SHOW "+name))
		require.Equal(t, want, got, name)
	}
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
		require.Equal(t, c.want, fault.CodeOf(translate(fmt.Errorf("wrapped: %w", c.err))), "%v", c.err)
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

// presented makes a presentation whose first poll is displayed.
func presented(t *testing.T, s *Store) poll.Presentation {
	t.Helper()
	p, err := poll.New("", []poll.Poll{{Question: question.Question{Text: "?", Options: []question.Option{{Key: "A", Value: "a"}}}}})
	require.NoError(t, err)
	p.JoinCode = p.ID.String()
	require.NoError(t, p.Open(0))
	require.NoError(t, s.Partitions(t.Context(), 1))
	require.NoError(t, s.Create(t.Context(), p))
	return p
}

func ballot(p poll.Presentation) []poll.Batch {
	v := poll.Vote{ID: uuid.New(), PollID: p.Polls[0].ID, VoterID: uuid.New(), Version: 1, Answer: "A"}
	return []poll.Batch{{ID: uuid.New(), Votes: []poll.Vote{v}}}
}

func TestWaitingForALockEndsWithTheContextAndLeavesNothing(t *testing.T) {
	url := stack.PostgresURL(t)
	s := open(t, url)
	p := presented(t, s)
	tx, err := admin(t, url).Begin()
	require.NoError(t, err)
	_, err = tx.Exec(`SELECT FROM partitions FOR UPDATE`)
	require.NoError(t, err)
	batches := ballot(p)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = s.Count(ctx, 0, batches)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	require.NoError(t, tx.Rollback())
	o, err := s.Count(t.Context(), 0, batches)
	require.NoError(t, err)
	require.Equal(t, [][]poll.Verdict{{poll.Counted}}, o.Verdicts)
}

func TestALockThatIsHeldTooLongIsUnavailable(t *testing.T) {
	url := stack.PostgresURL(t)
	s := open(t, url)
	p := presented(t, s)
	tx, err := admin(t, url).Begin()
	require.NoError(t, err)
	_, err = tx.Exec(`SELECT FROM poll_states FOR UPDATE`)
	require.NoError(t, err)
	_, err = s.Count(t.Context(), 0, ballot(p)) // no deadline of its own
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	require.NoError(t, tx.Rollback())
}

func TestALostConnectionIsUnavailableAndTheNextCallWorks(t *testing.T) {
	url := stack.PostgresURL(t)
	s := open(t, url)
	p := presented(t, s)
	for range 3 {
		_, err := s.Count(t.Context(), 0, ballot(p))
		require.NoError(t, err)
	}
	db := admin(t, url)
	tx, err := s.db.Beginx()
	require.NoError(t, err)
	_, err = db.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'plenary'`)
	require.NoError(t, err)
	_, err = count(t.Context(), tx, 0, ballot(p))
	require.Equal(t, fault.Unavailable, fault.CodeOf(translate(err)), "%v", err)
	_ = tx.Rollback()
	require.Eventually(t, func() bool {
		_, err := s.Count(t.Context(), 0, ballot(p))
		require.Contains(t, []fault.Code{fault.Code{}, fault.Unavailable}, fault.CodeOf(err))
		return err == nil
	}, 10*time.Second, time.Millisecond)
}

// After a restart of the server the pool is full of connections that it has ended. That costs nobody a call.
func TestTransactionsGoOnOverLostConnections(t *testing.T) {
	url := stack.PostgresURL(t)
	s := open(t, url)
	p := presented(t, s)
	const conns, times = 10, 3
	for range times {
		results := make(chan error)
		for range conns {
			go func() {
				_, err := s.Count(t.Context(), 0, ballot(p))
				results <- err
			}()
		}
		for range conns {
			require.NoError(t, <-results)
		}
		_, err := admin(t, url).Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'plenary'`)
		require.NoError(t, err)
	}
	results, err := s.Results(t.Context(), p.ID, p.Polls[0].ID)
	require.NoError(t, err)
	require.EqualValues(t, conns*times, results.Voters)
}

func TestAFaultLeavesNothingBehind(t *testing.T) {
	url := stack.PostgresURL(t)
	s := open(t, url)
	p := presented(t, s)
	db := admin(t, url)
	// Another vote than the ledger saw: only possible when somebody writes without the lock.
	_, err := db.Exec(`CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`)
	require.NoError(t, err)
	_, err = db.Exec(`CREATE TRIGGER skip BEFORE INSERT ON votes FOR EACH ROW EXECUTE FUNCTION skip()`)
	require.NoError(t, err)
	batches := ballot(p)
	_, err = s.Count(t.Context(), 0, batches)
	require.ErrorContains(t, err, "wrote 0 votes, not 1")
	require.Empty(t, fault.CodeOf(err))
	_, err = db.Exec(`DROP TRIGGER skip ON votes`)
	require.NoError(t, err)
	o, err := s.Count(t.Context(), 0, batches)
	require.NoError(t, err)
	require.Equal(t, [][]poll.Verdict{{poll.Counted}}, o.Verdicts)
}
