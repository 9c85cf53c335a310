package postgres

import (
	"context"
	"database/sql/driver"
)

// preparedStmt is what the driver's statements can do.
type preparedStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// transaction tells its session when it ends.
type transaction struct {
	driver.Tx
	session *session
}

func (t *transaction) Commit() error {
	err := t.Tx.Commit()
	t.session.inTx = false
	return err
}

func (t *transaction) Rollback() error {
	t.session.inTx = false
	return t.Tx.Rollback()
}

// ExecContext runs a statement with parameters as a prepared one, which a session parses and plans
// once. To do so each time would make a transaction that counts one vote half as long again. One
// that counts 100 would be a third longer (BenchmarkRoundTrips). The features' statements are
// constants, so there are few. ExecContext prepares within transactions only. Their context is
// watched from their beginning, while the driver's own watch over a prepared statement waits for a
// silent server. Behind a pooler no statement is prepared: the next transaction may be in a
// session that does not know it.
func (s *session) ExecContext(ctx context.Context, query string,
	args []driver.NamedValue) (driver.Result, error) {
	if !s.inTx || len(args) == 0 || s.local != "" {
		return s.pgConn.ExecContext(ctx, query, args)
	}
	stmt, err := s.prepared(query)
	if err != nil {
		return nil, err
	}
	result, err := stmt.ExecContext(context.Background(), args)
	s.worn = s.worn || err != nil
	return result, err
}

// QueryContext is like ExecContext.
func (s *session) QueryContext(ctx context.Context, query string,
	args []driver.NamedValue) (driver.Rows, error) {
	if !s.inTx || len(args) == 0 || s.local != "" {
		return s.pgConn.QueryContext(ctx, query, args)
	}
	stmt, err := s.prepared(query)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(context.Background(), args)
	s.worn = s.worn || err != nil
	return rows, err
}

func (s *session) prepared(query string) (preparedStmt, error) {
	if stmt, ok := s.stmts[query]; ok {
		return stmt, nil
	}
	stmt, err := s.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	if s.stmts == nil {
		s.stmts = make(map[string]preparedStmt)
	}
	s.stmts[query] = stmt.(preparedStmt)
	return s.stmts[query], nil
}
