package sqlite

import (
	"context"
	"database/sql/driver"

	"modernc.org/sqlite"
)

// connector opens connections that keep their statements: to parse and plan them anew was up to
// half of what it costs to count one vote. What database/sql keeps has to be prepared before the
// transaction, by somebody who knows all that it will need.
type connector struct{ driver.Connector }

func newConnector(dsn string) connector {
	c, err := sqlite.NewConnector(dsn)
	if err != nil { // it looks at the query string, which is ours, and opens nothing
		panic(err)
	}
	return connector{c}
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{sqliteConn: opened.(sqliteConn), kept: map[string]sqliteStmt{}}, nil
}

// sqliteConn is what the driver's connections can do, as far as database/sql makes use of it here.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// conn keeps the statements that have arguments: their texts are constants, so they are few. The
// others are migrations and settings. database/sql uses a connection, and the rows that come from
// it, by one goroutine at a time.
type conn struct {
	sqliteConn
	kept map[string]sqliteStmt // but for those that run
}

func (c *conn) take(ctx context.Context, query string) (sqliteStmt, error) {
	if st := c.kept[query]; st != nil {
		delete(c.kept, query)
		return st, nil
	}
	st, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.(sqliteStmt), nil
}

func (c *conn) keep(query string, st sqliteStmt) {
	if c.kept[query] != nil { // it ran while its own rows were read
		_ = st.Close()
		return
	}
	c.kept[query] = st
}

func (c *conn) ExecContext(ctx context.Context, query string,
	args []driver.NamedValue) (driver.Result, error) {
	if len(args) == 0 {
		return c.sqliteConn.ExecContext(ctx, query, args)
	}
	st, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	defer c.keep(query, st)
	return st.ExecContext(ctx, args)
}

func (c *conn) QueryContext(ctx context.Context, query string,
	args []driver.NamedValue) (driver.Rows, error) {
	if len(args) == 0 {
		return c.sqliteConn.QueryContext(ctx, query, args)
	}
	st, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	found, err := st.QueryContext(ctx, args)
	if err != nil {
		c.keep(query, st)
		return nil, err
	}
	return &keptRows{found, c, query, st}, nil
}

func (c *conn) Close() error {
	for _, st := range c.kept {
		_ = st.Close() // it says once more how the statement ended last
	}
	return c.sqliteConn.Close()
}

// keptRows are those of a statement that is kept once they are closed.
type keptRows struct {
	driver.Rows
	conn  *conn
	query string
	st    sqliteStmt
}

func (r *keptRows) Close() error {
	err := r.Rows.Close()
	r.conn.keep(r.query, r.st)
	return err
}
