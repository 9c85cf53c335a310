package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lib/pq"
)

// How long a session may take before it is given up. Whoever holds a lock and does not get on holds
// up everybody.
const (
	lockTimeout      = 4 * time.Second
	statementTimeout = 8 * time.Second
	idleTimeout      = 8 * time.Second // within a transaction
	// no byte from the server while we wait: longer than it may take for a statement
	silence        = 12 * time.Second
	connectTimeout = 4 * time.Second
	// patience is how long a session may take to end after the context of its call. It is enough
	// for the server to hear that the call is cancelled and to say so.
	patience = 250 * time.Millisecond
)

// driverConfig checks the settings. What a URL says of the session's durability and timeouts does
// not count.
func (c Config) driverConfig() (pq.Config, error) {
	u, err := url.Parse(c.URL)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		// err would quote the URL, and with it the password.
		return pq.Config{}, errors.New(
			"not a PostgreSQL URL: want postgres://user:password@host:port/database, " +
				"special characters in the password percent-encoded")
	}
	cfg, err := pq.NewConfig(c.URL)
	if err != nil {
		return pq.Config{}, err
	}
	if cfg.ApplicationName == "" {
		cfg.ApplicationName = c.ApplicationName
	}
	if cfg.ApplicationName == "" {
		cfg.ApplicationName = "plenary"
	}
	if cfg.ConnectTimeout <= 0 {
		cfg.ConnectTimeout = connectTimeout
	}
	// One round trip for a statement with parameters, and []byte travel as they are: arrays.go
	// relies on it.
	cfg.BinaryParameters = true
	return cfg, nil
}

// lasting are the settings of every session.
var lasting = map[string]string{
	"synchronous_commit":            "on",
	"default_transaction_isolation": "read committed",
	"jit":                           "off", // a guess about unnest must not cost a compilation
}

// keepAlive has the server let go of a dead client's locks. A pooler is a client that lives.
var keepAlive = map[string]string{
	"tcp_keepalives_idle":     "5",
	"tcp_keepalives_interval": "2",
	"tcp_keepalives_count":    "3",
	"tcp_user_timeout":        "10000",
}

// working gives the sessions that serve calls.
func (c Config) working(cfg pq.Config) driver.Connector {
	settings := map[string]string{
		"lock_timeout":                        milliseconds(lockTimeout),
		"statement_timeout":                   milliseconds(statementTimeout),
		"idle_in_transaction_session_timeout": milliseconds(idleTimeout),
		// One plan, whatever the parameters: every statement finds its rows by key, and planning
		// one costs more than running it.
		"plan_cache_mode": "force_generic_plan",
		// It stays until the tables are analyzed. One that was made while there were few votes
		// would read them all, and still be used a minute and a million votes later.
		"enable_seqscan": "off",
	}
	var opens driver.Connector = c.connector(cfg, silence, settings)
	if c.Wrap != nil {
		opens = c.Wrap(opens)
	}
	return opens
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// migrating gives a session that may wait and work for long: for another replica's migration, and
// on a large table.
func (c Config) migrating(cfg pq.Config) driver.Connector {
	return c.connector(cfg, 0, map[string]string{
		"lock_timeout": "0", "statement_timeout": "0", "idle_in_transaction_session_timeout": "0",
	})
}

// connector gives what opens sessions with settings. To a pooler a session says nothing when it
// begins. PgBouncer refuses what it does not know, and does not keep what a client sets. So each
// transaction begins with them.
func (c Config) connector(
	cfg pq.Config, silence time.Duration, settings map[string]string,
) *connector {
	cfg = cfg.Clone()
	maps.Copy(settings, lasting)
	if !c.Pooler {
		maps.Copy(settings, keepAlive)
		maps.Copy(cfg.Runtime, settings)
		return &connector{cfg: cfg, silence: silence}
	}
	var local strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		delete(cfg.Runtime, name)
		fmt.Fprintf(&local, "SET LOCAL %s = '%s';", name, settings[name])
	}
	return &connector{cfg, silence, local.String()}
}

type connector struct {
	cfg     pq.Config
	silence time.Duration
	local   string // what every transaction begins with; empty: sessions are the server's own
}

// Connect gives a session whose calls end at most patience after their context, also when the
// server is silent.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	pc, err := pq.NewConnectorConfig(c.cfg)
	if err != nil {
		return nil, err
	}
	line := &line{silence: c.silence}
	pc.Dialer(line)
	// The driver heeds the context when it dials, not in the greetings after that.
	stop := context.AfterFunc(ctx, line.giveUp)
	conn, err := pc.Connect(ctx)
	if !stop() && err == nil {
		_ = conn.Close() // it is of no use to anybody
		err = ctx.Err()
	}
	if err != nil {
		return nil, &connectError{err}
	}
	line.connected.Store(true)
	return &session{pgConn: conn.(pgConn), line: line, local: c.local}, nil
}

func (c *connector) Driver() driver.Driver { return &pq.Driver{} }

// connectError marks that there was no connection, whatever the driver said.
type connectError struct{ err error }

func (e *connectError) Error() string { return e.err.Error() }
func (e *connectError) Unwrap() error { return e.err }

// pgConn is what the driver's connections can do.
type pgConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// session is a connection of the driver that does not outlive having been given up.
type session struct {
	pgConn
	line  *line
	local string // what every transaction begins with, behind a pooler
	inTx  bool
	// worn: a prepared statement failed. The error may have been about its plan, which a migration
	// can make invalid. So the session ends with its transaction, and its statements with it.
	worn  bool
	stmts map[string]preparedStmt // by their text
}

// BeginTx watches the context itself: the driver does so only when the transaction has begun.
func (s *session) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	stop := context.AfterFunc(ctx, s.line.giveUp)
	tx, err := s.pgConn.BeginTx(ctx, opts)
	if err == nil && s.local != "" {
		if _, err = s.pgConn.ExecContext(ctx, s.local, nil); err != nil {
			_ = tx.Rollback() // nothing has begun
		}
	}
	if !stop() {
		s.line.giveUp() // before it can be put back into the pool
	}
	// reset: nothing has begun, and the pool has other connections
	if e, ok := errors.AsType[*net.OpError](err); ok && !e.Timeout() {
		return nil, errors.Join(driver.ErrBadConn, err)
	}
	if err != nil {
		return nil, err
	}
	s.inTx = true
	return &transaction{tx, s}, nil
}

// IsValid keeps a session that was given up out of the pool.
func (s *session) IsValid() bool { return !s.worn && !s.line.over() && s.pgConn.IsValid() }

// line dials the connections of one session. The first ones are the session's own, until one of
// them is good. After that the driver dials for one reason only: to cancel a call whose context
// has ended. That is when the session must end too. Otherwise the driver itself would go on
// reading from it, until the operating system finds out that nobody is there.
type line struct {
	silence   time.Duration // 0: it may be silent for ever
	connected atomic.Bool

	mu      sync.Mutex
	conn    *impatientConn
	givenUp bool
}

func (l *line) Dial(network, address string) (net.Conn, error) {
	return l.DialContext(context.Background(), network, address)
}

func (l *line) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return l.DialContext(ctx, network, address)
}

func (l *line) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	cancelling := l.connected.Load()
	if cancelling {
		l.giveUp()
	}
	nd := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second,
		Interval: 2 * time.Second, Count: 3}}
	nc, err := nd.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn := &impatientConn{Conn: nc, silence: l.silence}
	if !cancelling {
		l.carry(conn)
	}
	return conn, nil
}

// carry makes a connection the session's.
func (l *line) carry(conn *impatientConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = conn
	if l.givenUp {
		conn.end(time.Now())
	}
}

// giveUp ends the session when patience is over.
func (l *line) giveUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.givenUp && l.conn != nil {
		l.conn.end(time.Now().Add(patience))
	}
	l.givenUp = true
}

func (l *line) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.givenUp
}

// impatientConn ends a read or write that makes no progress. Keep-alives do not cover that: they
// rest while sent data waits for its acknowledgement, which TCP tries for many minutes.
type impatientConn struct {
	net.Conn
	silence time.Duration // 0: any

	mu    sync.Mutex
	fixed bool      // the driver has set a deadline, for connecting
	last  time.Time // no deadline is later than this; zero: it may be
}

// end sets the last deadline of all.
func (c *impatientConn) end(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = at
	_ = c.Conn.SetDeadline(at) // fails only when the connection is closed
}

func (c *impatientConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.last.IsZero() {
		return nil
	}
	c.fixed = !t.IsZero()
	return c.Conn.SetDeadline(t)
}

func (c *impatientConn) Read(b []byte) (int, error) {
	if err := c.extend(c.SetReadDeadline); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c *impatientConn) Write(b []byte) (int, error) {
	if err := c.extend(c.SetWriteDeadline); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (c *impatientConn) extend(set func(time.Time) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.last.IsZero():
		if time.Now().After(c.last) { // said here too: TLS says good-bye with a deadline of its own
			return os.ErrDeadlineExceeded
		}
		return nil
	case c.fixed, c.silence == 0:
		return nil
	}
	return set(time.Now().Add(c.silence))
}
