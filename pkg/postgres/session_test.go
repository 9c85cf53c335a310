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

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
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
		require.NoError(t, s.calls.Get(&got, "SHOW "+name))
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
