package stack

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	_ "github.com/lib/pq" // the driver "postgres"
)

// postgresConf keeps every setting that the guarantees rest on: fsync, full_page_writes and
// synchronous_commit stay on, as in production. Shared memory is kept in the folder, so that a
// server that was killed leaves nothing in /dev/shm.
const postgresConf = `
listen_addresses = '127.0.0.1'
port = %d
unix_socket_directories = ''
max_connections = 200
shared_buffers = 128MB
dynamic_shared_memory_type = mmap
fsync = on
full_page_writes = on
synchronous_commit = on
max_wal_size = 4GB
checkpoint_timeout = 15min
log_checkpoints = off
log_line_prefix = '%%m [%%p] '
timezone = 'UTC'
%s
`

func (s *Stack) startPostgres(ctx context.Context) error {
	bin, err := postgresBin()
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	home := s.path("postgres")
	data := filepath.Join(home, "data")
	if err := s.as.mkdir(home); err != nil {
		return err
	}
	admin, owner := secret(), secret()
	if err := s.initdb(ctx, bin, home, data, admin); err != nil {
		return err
	}
	conf := fmt.Sprintf(postgresConf, port, strings.Join(s.cfg.PostgresConf, "\n"))
	if err := s.as.write(filepath.Join(data, "postgresql.conf"), conf, 0o600); err != nil {
		return err
	}
	dsn := func(user, password, name string) string {
		u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password),
			Host: loopback(port), Path: "/" + name, RawQuery: "sslmode=disable"}
		return u.String()
	}
	s.DatabaseAdminURL = dsn("postgres", admin, "postgres")
	s.DatabaseURL = dsn("plenary", owner, "plenary")
	s.Postgres = s.process(&Process{
		Name: "postgres", URL: s.DatabaseURL, Port: port,
		path: filepath.Join(bin, "postgres"), args: []string{"-D", data},
		env: environment(home), dir: home, as: s.as,
		// "Fast" shutdown: SIGTERM would wait for clients to go. "Immediate" frees the shared
		// memory too.
		quit: syscall.SIGINT, crash: syscall.SIGQUIT,
		ready: func(ctx context.Context) error {
			return execSQL(ctx,
				s.DatabaseAdminURL, "SELECT 1")
		},
	})
	s.cleanups = append(s.cleanups, func() { removeSharedMemory(data) })
	if err := s.startAll(ctx, "PostgreSQL", s.Postgres); err != nil {
		return err
	}
	return s.initSQL(ctx, bin, home, owner)
}

// initSQL prepares what the API and the workers need as Compose's image does, with the same file
// and so with the same rights.
func (s *Stack) initSQL(ctx context.Context, bin, home, password string) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	script, err := os.Open(filepath.Join(root, "postgres", "init.sql"))
	if err != nil {
		return err
	}
	defer func() { _ = script.Close() }()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1",
		s.DatabaseAdminURL)
	cmd.Stdin, cmd.Dir, cmd.Env = script, home,
		environment(home, "PLENARY_DATABASE_PASSWORD="+password)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as.credential()}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("postgres/init.sql: %w\n%s", err, out)
	}
	return nil
}

// initdb makes the empty cluster. It skips syncing the bootstrap files, and nothing else: the
// server that runs on them does sync.
func (s *Stack) initdb(ctx context.Context, bin, home, data, password string) error {
	pwfile := filepath.Join(home, "pw")
	if err := s.as.write(pwfile, password+"\n", 0o600); err != nil {
		return err
	}
	defer func() { _ = os.Remove(pwfile) }()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres",
		"--pwfile", pwfile,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	cmd.Dir, cmd.Env = home, environment(home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as.credential()}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// postgresBin finds the folder of the server's binaries, which Debian keeps off the PATH. Of
// several versions it takes the newest.
func postgresBin() (string, error) {
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		if dir := strings.TrimSpace(string(out)); isFile(filepath.Join(dir, "initdb")) &&
			isFile(filepath.Join(dir, "postgres")) {
			return dir, nil
		}
	}
	var found []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",
		"/usr/local/pgsql/bin"} {
		dirs, _ := filepath.Glob(pattern) // fails on a bad pattern only
		for _, dir := range dirs {
			if isFile(filepath.Join(dir, "initdb")) && isFile(filepath.Join(dir, "postgres")) {
				found = append(found, dir)
			}
		}
	}
	if len(found) == 0 {
		return "", fmt.Errorf(
			"PostgreSQL's server is not installed: scripts/install-deps postgresql")
	}
	return slices.Max(found), nil
}

// execSQL runs statements, each for itself, on a connection of its own.
func execSQL(ctx context.Context, dsn string, statements ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	db, err := sql.Open("postgres", dsn)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	for _, q := range statements {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	return nil
}

// removeSharedMemory frees the System V segment (56 bytes, its lock against a second start) of a
// server that was killed and not started again. The seventh line of postmaster.pid names it; a
// server that stopped by itself has removed both.
func removeSharedMemory(data string) {
	raw, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return
	}
	lines := strings.Split(string(raw), "\n")
	if len(lines) < 7 {
		return
	}
	if fields := strings.Fields(lines[6]); len(fields) == 2 {
		_ = exec.Command("ipcrm", "-m", fields[1]).Run() // 56 bytes are not worth an error
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
