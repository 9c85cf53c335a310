package postgres

import (
	"context"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/test/stack"
)

// network is what is between a store and its database.
type network struct {
	*toxiproxy.Proxy
	t *testing.T
}

// through puts a network in front of the database of a URL, and gives the URL through it.
func through(t *testing.T, databaseURL string) (*network, string) {
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()),
		zerolog.Nop())
	p := toxiproxy.NewProxy(server, "database", "127.0.0.1:0", u.Host)
	require.NoError(t, p.Start())
	t.Cleanup(p.Stop)
	u.Host = p.Listen
	return &network{p, t}, u.String()
}

// swallow lets nothing through any more, in one direction ("upstream", "downstream") or both,
// without a word.
func (n *network) swallow(directions ...string) {
	for _, direction := range directions {
		_, err := n.Toxics.AddToxicJson(strings.NewReader(`{"type":"timeout","stream":"` +
			direction + `","attributes":{"timeout":0}}`))
		require.NoError(n.t, err)
	}
}

// heal lets everything through again; what was connected is broken.
func (n *network) heal() { n.Toxics.ResetToxics(context.Background()) }

// Bounds of the test. A call may take its context, the patience after it, and what a busy machine
// adds.
const (
	callContext = 500 * time.Millisecond
	callBound   = callContext + patience + 3*time.Second
)

func TestACallOnASilentConnectionEndsSoonAfterItsContext(t *testing.T) {
	direct := stack.PostgresURL(t)
	for direction, directions := range map[string][]string{
		"the database hears nothing": {"upstream"}, "the database is not heard": {"downstream"},
		"nobody is heard": {"upstream", "downstream"},
	} {
		for name, call := range map[string]func(context.Context, *DB) error{
			"a statement": func(ctx context.Context, s *DB) error { return s.Ping(ctx) },
			"a query": func(ctx context.Context, s *DB) error {
				return s.Read(ctx, "query", func(q Queryer) error {
					var found []uuid.UUID
					return q.SelectContext(ctx, &found,
						`SELECT id FROM presentations WHERE id = $1`, uuid.New())
				})
			},
			"a transaction": func(ctx context.Context, s *DB) error {
				return s.Write(ctx, "transaction", func(tx *sqlx.Tx) error {
					_, err := tx.ExecContext(ctx,
						`INSERT INTO secrets (name, value) VALUES ($1, $2)`, uuid.NewString(),
						[]byte{1})
					return err
				})
			},
			"a statement that writes": func(ctx context.Context, s *DB) error {
				_, err := s.Exec(ctx, "statement", `DELETE FROM secrets WHERE name = $1`,
					"nobody's")
				return err
			},
			"a list": func(ctx context.Context, s *DB) error {
				return s.List(ctx, "list", func(tx *sqlx.Tx) error {
					each := func(id uuid.UUID) error { return nil }
					return Each(ctx, tx, each, `SELECT id FROM presentations WHERE id <> $1`,
						uuid.New())
				})
			},
			"a new connection": func(ctx context.Context, s *DB) error {
				s.calls.SetMaxIdleConns(0) // closes those that are there
				return s.Ping(ctx)
			},
		} {
			t.Run(direction+"/"+name, func(t *testing.T) {
				t.Parallel()
				n, url := through(t, direct)
				s := open(t, url)
				require.NoError(t, call(t.Context(), s))

				n.swallow(directions...)
				ctx, cancel := context.WithTimeout(t.Context(), callContext)
				defer cancel()
				begun := time.Now()
				err := call(ctx, s)
				took := time.Since(begun)
				require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
				require.GreaterOrEqual(t, took, callContext)
				require.Less(t, took, callBound)

				n.heal()
				require.NoError(t, call(t.Context(), s),
					"when the network is back, so is the store")
			})
		}
	}
}

func TestATransactionThatFallsSilentEndsSoonAfterItsContext(t *testing.T) {
	direct := stack.PostgresURL(t)
	for name, end := range map[string]func(context.Context, *DB, func()) error{
		"between its statements": func(ctx context.Context, s *DB, swallow func()) error {
			tx, err := s.calls.BeginTxx(ctx, nil)
			require.NoError(t, err)
			defer func() { _ = tx.Rollback() }()
			swallow()
			_, err = tx.ExecContext(ctx, "SELECT 1")
			return err
		},
		"before its commit": func(ctx context.Context, s *DB, swallow func()) error {
			tx, err := s.calls.BeginTxx(ctx, nil)
			require.NoError(t, err)
			swallow()
			return tx.Commit()
		},
		"between its rows": func(ctx context.Context, s *DB, swallow func()) error {
			rows, err := s.calls.QueryContext(ctx,
				"SELECT pg_sleep(CASE WHEN i = 2000 THEN 1 ELSE 0 END), repeat('x', 100) FROM "+
					"generate_series(1, 4000) i")
			require.NoError(t, err)
			defer func() { _ = rows.Close() }()
			swallow()
			for rows.Next() {
			}
			return rows.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, url := through(t, direct)
			s := open(t, url)
			ctx, cancel := context.WithTimeout(t.Context(), callContext)
			defer cancel()
			begun := time.Now()
			err := end(ctx, s, func() { n.swallow("upstream", "downstream") })
			require.Equal(t, fault.Unavailable, fault.CodeOf(translate(err)), "%v", err)
			require.Less(t, time.Since(begun), callBound)
			n.heal()
			require.NoError(t, s.Ping(t.Context()))
		})
	}
}

func TestAStartOnASilentNetworkEndsSoonAfterItsContext(t *testing.T) {
	n, url := through(t, stack.PostgresURL(t))
	n.swallow("upstream", "downstream")
	ctx, cancel := context.WithTimeout(t.Context(), callContext)
	defer cancel()
	begun := time.Now()
	_, err := Open(ctx, Config{URL: url})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	require.Less(t, time.Since(begun), callBound)
	n.heal()
	open(t, url)
}

func TestEveryConnectionOfThePoolWorksAgainAfterASilence(t *testing.T) {
	n, url := through(t, stack.PostgresURL(t))
	s := open(t, url)
	all := func(timeout time.Duration) (errs []error) {
		results := make(chan error)
		const calls = 40 // four times as many as there are connections
		for range calls {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				_, err := s.calls.ExecContext(ctx, "SELECT pg_sleep(0.01)")
				results <- translate(err)
			}()
		}
		for range calls {
			if err := <-results; err != nil {
				errs = append(errs, err)
			}
		}
		return errs
	}
	require.Empty(t, all(time.Minute))
	n.swallow("upstream", "downstream")
	begun := time.Now()
	require.Len(t, all(callContext), 40)
	require.Less(t, time.Since(begun), callBound,
		"who waits for a connection waits no longer than who has one")
	n.heal()
	require.Empty(t, all(time.Minute))
	require.LessOrEqual(t, s.calls.Stats().OpenConnections, 10)
}

// A call that is given up while the network is good is one that the server ends. The connection is
// thrown away, and nobody else meets its end.
func TestACallThatIsCancelledLeavesThePoolInOrder(t *testing.T) {
	s := open(t, stack.PostgresURL(t))
	for i := range 60 {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Duration(i%20)*100*time.Microsecond, cancel)
		tx, err := s.calls.BeginTxx(ctx, nil)
		if err == nil {
			_, err = tx.ExecContext(ctx, "SELECT pg_sleep(10)")
			require.Error(t, err)
			_ = tx.Rollback()
		}
		require.Equal(t, fault.Unavailable, fault.CodeOf(translate(err)), "%v", err)
		require.NoError(t, s.Ping(t.Context()))
		cancel()
	}
}

func TestAGivenUpConnectionTakesNoOtherDeadline(t *testing.T) {
	client, server := net.Pipe()
	defer func() { _, _ = client.Close(), server.Close() }()
	c := &impatientConn{Conn: client, silence: time.Hour}
	c.end(time.Now().Add(-time.Second))
	require.NoError(t, c.SetDeadline(time.Time{}))
	_, err := c.Read(make([]byte, 1))
	require.ErrorContains(t, err, "timeout")
	require.NoError(t, c.SetWriteDeadline(time.Now().Add(time.Hour)))
	_, err = c.Write(make([]byte, 1))
	require.ErrorContains(t, err, "timeout")
}
