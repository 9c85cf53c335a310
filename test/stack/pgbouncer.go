package stack

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// pgbouncerConf is what Debian's package has as its standard, but for the mode, the addresses and
// the log.
const pgbouncerConf = `
[databases]
plenary = host=127.0.0.1 port=%s dbname=plenary

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = transaction
default_pool_size = 10
max_client_conn = 200
`

// startPgBouncer puts PgBouncer in transaction mode before PostgreSQL, for APIs and workers. It
// has fewer connections to the server than they have to it.
func (s *Stack) startPgBouncer(ctx context.Context) error {
	path, err := exec.LookPath("pgbouncer")
	if err != nil {
		if path = "/usr/sbin/pgbouncer"; !isFile(path) {
			return fmt.Errorf("PgBouncer is not installed: scripts/install-deps pgbouncer")
		}
	}
	database, err := url.Parse(s.DatabaseURL)
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	home := s.path("pgbouncer")
	if err := s.as.mkdir(home); err != nil {
		return err
	}
	password, _ := database.User.Password()
	users := filepath.Join(home, "users")
	line := strconv.Quote(database.User.Username()) + " " + strconv.Quote(password) + "\n"
	if err := s.as.write(users, line, 0o600); err != nil {
		return err
	}
	conf := filepath.Join(home, "pgbouncer.ini")
	text := fmt.Sprintf(pgbouncerConf, database.Port(), port, users)
	if err := s.as.write(conf, text, 0o600); err != nil {
		return err
	}
	database.Host = loopback(port)
	s.PoolerURL = database.String()
	s.PgBouncer = s.process(&Process{
		Name: "pgbouncer", URL: s.PoolerURL, Port: port,
		path: path, args: []string{conf}, env: environment(home), dir: home, as: s.as,
		quit: syscall.SIGTERM, crash: syscall.SIGKILL, // 1.18 ends at once with the former
		ready: func(ctx context.Context) error { return execSQL(ctx, s.PoolerURL, "SELECT 1") },
	})
	return s.startAll(ctx, "PgBouncer", s.PgBouncer)
}
