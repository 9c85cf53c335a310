package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/lib/pq"
)

// How long a session may take before it is given up. Whoever holds a lock and does not get on holds up everybody.
const (
	lockTimeout      = 4 * time.Second
	statementTimeout = 8 * time.Second
	idleTimeout      = 8 * time.Second  // within a transaction
	silence          = 12 * time.Second // no byte from the server while we wait: longer than it may take for a statement
	connectTimeout   = 4 * time.Second
)

// driverConfig checks the settings. What a URL says of the session's durability and timeouts does not count.
func (c Config) driverConfig() (pq.Config, error) {
	u, err := url.Parse(c.URL)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		// err would quote the URL, and with it the password.
		return pq.Config{}, errors.New("not a PostgreSQL URL: want postgres://user:password@host:port/database, " +
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
	// One round trip for a statement with parameters, and []byte travel as they are: arrays.go relies on it.
	cfg.BinaryParameters = true
	cfg = cfg.Clone()
	for name, value := range map[string]string{
		"synchronous_commit":            "on",
		"default_transaction_isolation": "read committed",
		"jit":                           "off", // a guess about unnest must not cost a compilation
		"tcp_keepalives_idle":           "5",   // so that the server lets go of a dead client's locks
		"tcp_keepalives_interval":       "2",
		"tcp_keepalives_count":          "3",
		"tcp_user_timeout":              "10000",
	} {
		cfg.Runtime[name] = value
	}
	return cfg, nil
}

// working gives the sessions that serve the port.
func working(cfg pq.Config) *connector {
	cfg = cfg.Clone()
	for name, limit := range map[string]time.Duration{
		"lock_timeout":                        lockTimeout,
		"statement_timeout":                   statementTimeout,
		"idle_in_transaction_session_timeout": idleTimeout,
	} {
		cfg.Runtime[name] = strconv.FormatInt(limit.Milliseconds(), 10)
	}
	return &connector{cfg, silence}
}

// migrating gives a session that may wait and work for long: for another replica's migration, and on a large table.
func migrating(cfg pq.Config) *connector {
	cfg = cfg.Clone()
	for _, name := range []string{"lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"} {
		cfg.Runtime[name] = "0"
	}
	return &connector{cfg, 0}
}

type connector struct {
	cfg     pq.Config
	silence time.Duration
}

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	pc, err := pq.NewConnectorConfig(c.cfg)
	if err != nil {
		return nil, err
	}
	pc.Dialer(dialer{c.silence})
	conn, err := pc.Connect(ctx)
	if err != nil {
		return nil, &connectError{err}
	}
	return conn, nil
}

func (c *connector) Driver() driver.Driver { return &pq.Driver{} }

// connectError marks that there was no connection, whatever the driver said.
type connectError struct{ err error }

func (e *connectError) Error() string { return e.err.Error() }
func (e *connectError) Unwrap() error { return e.err }

// dialer makes connections that notice when the other side is gone.
type dialer struct{ silence time.Duration }

func (d dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

func (d dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	nd := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}}
	conn, err := nd.DialContext(ctx, network, address)
	if err != nil || d.silence == 0 {
		return conn, err
	}
	return &impatientConn{Conn: conn, silence: d.silence}, nil
}

// impatientConn ends a read or write that makes no progress. Keep-alives do not cover that: they rest while sent data
// waits for its acknowledgement, which TCP tries for many minutes.
type impatientConn struct {
	net.Conn
	silence  time.Duration
	deadline atomic.Bool // the driver set one itself, for connecting
}

func (c *impatientConn) SetDeadline(t time.Time) error {
	c.deadline.Store(!t.IsZero())
	return c.Conn.SetDeadline(t)
}

func (c *impatientConn) Read(b []byte) (int, error) {
	if !c.deadline.Load() {
		if err := c.SetReadDeadline(time.Now().Add(c.silence)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(b)
}

func (c *impatientConn) Write(b []byte) (int, error) {
	if !c.deadline.Load() {
		if err := c.SetWriteDeadline(time.Now().Add(c.silence)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(b)
}
