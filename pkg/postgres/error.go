package postgres

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/plenary-live/plenary/migrations"
	"github.com/plenary-live/plenary/pkg/fault"
)

// translate gives a driver's error the domain's kind: the one place where that is decided. The
// domain's own errors and faults stay as they are.
func translate(err error) error {
	if err == nil || fault.CodeOf(err) != (fault.Code{}) {
		return err
	}
	if e := pq.As(err); e != nil {
		switch {
		case e.Code == pqerror.UniqueViolation:
			return &fault.Error{Code: fault.Conflict, Detail: "that is there already", Cause: err}
		case transient(e.Code):
			return fault.Unavailablef(err, "the database cannot do it now")
		case e.Code.Class() == pqerror.ClassDataException: // whatever state the database is in
			return &fault.Error{Code: fault.Invalid, Detail: "the database cannot store such data",
				Cause: err}
		}
		return err
	}
	if e, ok := errors.AsType[*connectError](err); ok && !settings(e) {
		return fault.Unavailablef(err, "the database cannot be reached")
	}
	if away(err) {
		return fault.Unavailablef(err, "the database is away or too slow")
	}
	return err
}

// Missing says that a query found no row, or was asked for what no text of the database can be (a
// NUL, broken UTF-8).
func Missing(err error) bool {
	return errors.Is(err, sql.ErrNoRows) || pq.As(err, pqerror.CharacterNotInRepertoire) != nil
}

// Exactly makes a fault of a statement that wrote fewer or more rows than it was given.
func Exactly(n int, what string, result sql.Result, err error) error {
	if err != nil {
		return err
	}
	if got, err := result.RowsAffected(); err != nil || got != int64(n) {
		return errors.Join(fmt.Errorf("wrote %d %s, not %d", got, what, n), err)
	}
	return nil
}

// transient tells the codes after which trying again is right.
func transient(code pqerror.Code) bool {
	switch code.Class() {
	case pqerror.ClassConnectionException, pqerror.ClassTransactionRollback,
		pqerror.ClassInsufficientResources,
		pqerror.ClassOperatorIntervention, pqerror.ClassSystemError:
		return true
	}
	switch code {
	case pqerror.ObjectInUse, pqerror.LockNotAvailable,
		pqerror.ReadOnlySQLTransaction, // a standby that is not promoted yet
		pqerror.IdleInTransactionSessionTimeout:
		return true
	}
	return false
}

// away tells errors of a connection that broke or took too long.
func away(err error) bool {
	for _, e := range []error{context.Canceled, context.DeadlineExceeded, driver.ErrBadConn,
		sql.ErrConnDone, sql.ErrTxDone,
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, e) {
			return true
		}
	}
	_, ok := errors.AsType[net.Error](err)
	return ok
}

// settings tells errors of connecting that no waiting heals.
func settings(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, schema := errors.AsType[*migrations.SchemaError](err)
	return certificate || schema || errors.Is(err, pq.ErrSSLNotSupported)
}
