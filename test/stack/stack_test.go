package stack_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/test/stack"
)

// The test binary plays the API, the worker, and a program that starts a stack and is killed. The
// stack's own machinery is under test here, whatever it runs.
func TestMain(m *testing.M) {
	switch os.Getenv("STACK_TEST_ROLE") {
	case "app":
		playApp()
	case "broken":
		fmt.Println(`{"msg":"the setting PLENARY_ODD is odd"}`)
		os.Exit(1)
	case "owner":
		ownStack()
	case "detacher":
		detachStack()
	default:
		goleak.VerifyTestMain(stack.Main(m))
	}
}

// playApp answers /readyz, a setting and its pid. It refuses to be ready without the settings that
// it needs.
func playApp() {
	addr := os.Getenv("PLENARY_ADDR") + os.Getenv("PLENARY_WORKER_ADDR")
	ready := strings.HasPrefix(os.Getenv("PLENARY_DATABASE_URL"), "postgres://") &&
		strings.HasPrefix(os.Getenv("PLENARY_AMQP_URL"), "amqp://")
	var refused atomic.Int32
	server := http.Server{Addr: addr,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/readyz" && !ready {
				// the first was read, then
				if told := os.Getenv("STACK_TEST_TOLD"); told != "" && refused.Add(1) == 2 {
					if res, err := http.Get(told); err == nil {
						_ = res.Body.Close()
					}
				}
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			if r.URL.Path == "/setting" {
				_, _ = fmt.Fprint(w, os.Getenv("PLENARY_ODD"))
				return
			}
			_, _ = fmt.Fprint(w, os.Getpid())
		})}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		_ = server.Shutdown(context.Background())
	}()
	_ = server.ListenAndServe()
}

// ownStack starts a PostgreSQL, says so, and waits to be killed.
func ownStack() {
	s, err := stack.Start(context.Background(), stack.Config{Parts: stack.PostgreSQL})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(s.Dir)
	fmt.Println(s.Postgres.Pid())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// detachStack starts the production shape, detaches it and ends.
func detachStack() {
	role, binary := []string{"STACK_TEST_ROLE=app"}, os.Getenv("STACK_TEST_BINARY")
	s, err := stack.Start(context.Background(), stack.Config{
		Dir: os.Getenv("STACK_TEST_DIR"), APIBinary: binary, WorkerBinary: binary, APIEnv: role,
		WorkerEnv: role,
	})
	if err == nil {
		_, err = s.Detach(filepath.Join(s.Dir, "stack.json"))
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// testBinary copies this program to where the servers' user may run it.
func testBinary(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	raw, err := os.ReadFile(self)
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "plenary-stub-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	path := filepath.Join(dir, "stub")
	require.NoError(t, os.WriteFile(path, raw, 0o755))
	return path
}

func skipShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts servers")
	}
}

func start(t *testing.T, cfg stack.Config) *stack.Stack {
	t.Helper()
	skipShort(t)
	s, err := stack.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// withApps is the production shape with this program as API and worker.
func withApps(t *testing.T) stack.Config {
	binary := testBinary(t)
	role := []string{"STACK_TEST_ROLE=app"}
	return stack.Config{APIBinary: binary, WorkerBinary: binary, APIEnv: role, WorkerEnv: role}
}

func get(t *testing.T, url string) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(url)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
	return string(body)
}

func TestTheProductionShapeStartsAnswersAndLeavesNothingBehind(t *testing.T) {
	s := start(t, withApps(t))
	require.Len(t, s.APIs, 3)
	require.Len(t, s.Workers, 2)
	require.Len(t, s.Rabbits, 1)

	pids := map[string]bool{}
	for _, p := range append(s.APIs, s.Workers...) {
		assert.Equal(t, fmt.Sprint(p.Pid()), get(t, p.URL), "%s answers where its URL says", p.Name)
		pids[fmt.Sprint(p.Pid())] = true
	}
	require.Len(t, pids, 5)
	assert.Contains(t, pids, get(t, s.URL), "NGINX passes requests to the APIs")

	all := s.Processes()
	for _, p := range all {
		assert.True(t, p.Running(), p.Name)
		assert.FileExists(t, p.Log)
		require.NotContains(t, listeners(t, p.Port), "0.0.0.0",
			"%s listens on loopback only", p.Name)
	}
	folder := s.Dir
	require.NoError(t, s.Close())
	for _, p := range all {
		assert.False(t, p.Running(), p.Name)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p.Port))
		require.NoError(t, err, "the port of %s is free", p.Name)
		require.NoError(t, l.Close())
	}
	assert.NoDirExists(t, folder)
	assert.Empty(t, processesOf(t, folder),
		"no process names the folder, has its files open or works in it")
	require.NoError(t, s.Close(), "closing twice is once")
}

func TestAStackWhoseOwnerWasKilledIsCleanedUp(t *testing.T) {
	skipShort(t)
	owner := exec.Command(os.Args[0])
	owner.Env = append(os.Environ(), "STACK_TEST_ROLE=owner")
	stdin, err := owner.StdinPipe() // keeps it waiting
	require.NoError(t, err)
	out, err := owner.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, owner.Start())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	folder := lines.Text()
	require.DirExists(t, folder)
	require.NotEmpty(t, processesOf(t, folder))

	require.NoError(t, owner.Process.Kill())
	_ = owner.Wait()
	_ = stdin.Close()
	require.Eventually(t, func() bool {
		_, err := os.Stat(folder)
		return errors.Is(err, os.ErrNotExist) && len(processesOf(t, folder)) == 0
	}, 20*time.Second, 20*time.Millisecond)
}

func TestADetachedStackOutlivesItsOwnerAndEndsByItsDescription(t *testing.T) {
	skipShort(t)
	t.Parallel()
	binary := testBinary(t)
	folder := filepath.Join(filepath.Dir(binary), "detached")
	owner := exec.Command(os.Args[0])
	owner.Env = append(os.Environ(), "STACK_TEST_ROLE=detacher", "STACK_TEST_DIR="+folder,
		"STACK_TEST_BINARY="+binary)
	out, err := owner.CombinedOutput()
	require.NoError(t, err, string(out))

	d, err := stack.LoadDetached(filepath.Join(folder, "stack.json"))
	require.NoError(t, err)
	require.Len(t, d.Processes, 9, "PostgreSQL, epmd, RabbitMQ, 2 workers, 3 APIs, NGINX")
	for _, p := range d.Processes {
		assert.True(t, p.Running(), p.Name)
	}
	get(t, d.URL)

	stranger := *d.Processes[0]
	stranger.StartTicks--
	assert.False(t, stranger.Running(),
		"a process that started at another time is not ours, whatever its pid")

	require.NoError(t, d.Stop())
	for _, p := range d.Processes {
		assert.False(t, p.Running(), p.Name)
	}
	assert.Empty(t, processesOf(t, folder))
	require.NoError(t, d.Stop(), "stopping twice is once")
}

func TestACommandEndsWithAllThatItStarted(t *testing.T) {
	s := start(t, stack.Config{Parts: stack.PostgreSQL})
	// The shell's child ignores the signal and would live on.
	script := `trap '' TERM; sleep 300 & trap 'exit 7' TERM; echo $!; wait`
	cmd := exec.Command("/bin/sh", "-c", script)
	read, write, err := os.Pipe()
	require.NoError(t, err)
	cmd.Stdout = write
	signals, result := make(chan os.Signal, 1), make(chan error, 1)
	go func() { result <- s.Run(cmd, signals) }()
	lines := bufio.NewScanner(read)
	require.True(t, lines.Scan())
	child := lines.Text()
	signals <- syscall.SIGTERM
	var exit *exec.ExitError
	require.ErrorAs(t, <-result, &exit)
	require.Equal(t, 7, exit.ExitCode(), "the command's own answer")
	require.NoError(t, write.Close())
	require.False(t, lines.Scan(), "the child has ended: nobody holds its output any more")
	require.NoError(t, read.Close())
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile("/proc/" + child + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	}, 5*time.Second, 10*time.Millisecond)
}

func TestAKilledServerComesBackOnItsPortWithItsData(t *testing.T) {
	s := start(t, stack.Config{Parts: stack.PostgreSQL})
	insert := func(n int) {
		db, err := sql.Open("postgres", s.DatabaseURL)
		require.NoError(t, err)
		_, err = db.Exec("CREATE TABLE IF NOT EXISTS kept (n int)")
		require.NoError(t, err)
		_, err = db.Exec("INSERT INTO kept VALUES ($1)", n)
		require.NoError(t, err)
		var count int
		require.NoError(t, db.QueryRow("SELECT count(*) FROM kept").Scan(&count))
		require.Equal(t, n, count)
		require.NoError(t, db.Close())
	}
	insert(1)
	s.Postgres.Kill()
	require.False(t, s.Postgres.Running())
	require.NoError(t, s.Postgres.Start(t.Context()))
	insert(2)
	require.NoError(t, s.Postgres.Restart(t.Context()))
	insert(3)
	s.Postgres.Kill() // and Close copes with a server that is gone
}

func TestASettingIsAnotherOneFromTheNextStartOn(t *testing.T) {
	s := start(t, stack.Config{
		Parts: stack.API, APIs: 1, APIBinary: testBinary(t),
		APIEnv: []string{
			"STACK_TEST_ROLE=app", "PLENARY_ODD=before",
			"PLENARY_DATABASE_URL=postgres://x", "PLENARY_AMQP_URL=amqp://x",
		},
	})
	api := s.APIs[0]
	requireBody := func(want string) {
		res, err := http.Get(api.URL + "/setting")
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, want, string(body))
	}
	api.Set("PLENARY_ODD=after")
	requireBody("before")
	api.Kill()
	require.NoError(t, api.Start(t.Context()))
	requireBody("after")
	require.NoError(t, api.Restart(t.Context()))
	requireBody("after")
	http.DefaultClient.CloseIdleConnections()
}

func TestAPausedServerAnswersNothingUntilItIsResumed(t *testing.T) {
	s := start(t, stack.Config{Parts: stack.PostgreSQL})
	db, err := sql.Open("postgres", s.DatabaseURL)
	require.NoError(t, err)
	require.NoError(t, db.Ping())
	s.Postgres.Pause()
	answer := make(chan error, 1)
	go func() { answer <- db.Ping() }()
	select {
	case err := <-answer:
		t.Fatalf("a paused server answered: %v", err)
	case <-time.After(200 * time.Millisecond): // "nothing comes" has no signal to wait for
	}
	s.Postgres.Resume()
	require.NoError(t, <-answer)
	s.Postgres.Pause() // a paused server can be stopped
	require.NoError(t, s.Postgres.Stop())
	require.NoError(t, db.Close())
}

func TestAServerThatDoesNotStartShowsTheEndOfItsLog(t *testing.T) {
	cfg := withApps(t)
	cfg.Parts = stack.API
	cfg.APIEnv = []string{"STACK_TEST_ROLE=broken"}
	cfg.APIs = 1
	_, err := stack.Start(t.Context(), cfg)
	require.ErrorContains(t, err, "api-0 ended before it was ready")
	require.ErrorContains(t, err, "the setting PLENARY_ODD is odd")
}

func TestAServerThatDoesNotBecomeReadySaysWhy(t *testing.T) {
	cfg := withApps(t)
	cfg.Parts = stack.API // without a database it is never ready
	cfg.APIs = 1
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter,
		*http.Request) {
		cancel()
	}))
	defer told.Close()
	cfg.APIEnv = append(cfg.APIEnv, "STACK_TEST_TOLD="+told.URL)
	_, err := stack.Start(ctx, cfg)
	require.ErrorContains(t, err, "api-0 is not ready")
	require.ErrorContains(t, err, "503")
	require.ErrorIs(t, err, context.Canceled)
}

func TestThreeBrokersKeepAQuorumQueueWhenOneOfThemDies(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Config{Parts: stack.RabbitMQ, Rabbits: 3})
	conn, err := amqp.Dial(s.AMQPURLs[0])
	require.NoError(t, err)
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, ch.Confirm(false))
	_, err = ch.QueueDeclare("plenary.votes", true, false, false, false,
		amqp.Table{"x-queue-type": "quorum"})
	require.NoError(t, err)
	s.Rabbits[2].Kill()
	confirm, err := ch.PublishWithDeferredConfirm("", "plenary.votes", true, false,
		amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte("A")})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	acked, err := confirm.WaitContext(ctx)
	require.NoError(t, err)
	require.True(t, acked)
	require.NoError(t, conn.Close())
	require.NoError(t, s.Rabbits[2].Start(t.Context()))
}

func TestPostgresURLIsADatabaseOfTheTestsOwn(t *testing.T) {
	names := map[string]bool{}
	for range 2 {
		db, err := sql.Open("postgres", stack.PostgresURL(t))
		require.NoError(t, err)
		var name, fsync, commit string
		row := db.QueryRow(
			"SELECT current_database(), current_setting('fsync'), " +
				"current_setting('synchronous_commit')")
		require.NoError(t, row.Scan(&name, &fsync, &commit))
		require.Equal(t, []string{"on", "on"}, []string{fsync, commit},
			"the guarantees rest on both")
		require.False(t, names[name])
		names[name] = true
		require.NoError(t, db.Close())
	}
}

func TestRabbitMQURLIsAVirtualHostOfTheTestsOwn(t *testing.T) {
	hosts := map[string]bool{}
	for range 2 {
		broker := stack.RabbitMQURL(t)
		u, err := url.Parse(broker)
		require.NoError(t, err)
		require.False(t, hosts[u.Path])
		hosts[u.Path] = true
		conn, err := amqp.Dial(broker)
		require.NoError(t, err)
		ch, err := conn.Channel()
		require.NoError(t, err)
		q, err := ch.QueueDeclare("plenary.votes", true, false, false, false,
			amqp.Table{"x-queue-type": "quorum"})
		require.NoError(t, err)
		require.Zero(t, q.Messages)
		require.NoError(t, conn.Close())
	}
}

// processesOf lists the processes that name a folder on their command line, work in it, or hold a
// file of it open.
func processesOf(t *testing.T, folder string) []string {
	t.Helper()
	var found []string
	procs, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(t, err)
	for _, proc := range procs {
		if proc == fmt.Sprintf("/proc/%d", os.Getpid()) {
			continue
		}
		cmdline, _ := os.ReadFile(proc + "/cmdline") // a process may end while we look
		traces := []string{string(cmdline)}
		links, _ := filepath.Glob(proc + "/fd/*")
		for _, link := range append(links, proc+"/cwd") {
			target, _ := os.Readlink(link)
			traces = append(traces, target)
		}
		for _, trace := range traces {
			if strings.Contains(trace, folder) {
				found = append(found, proc+" "+trace)
			}
		}
	}
	return found
}

// listeners lists the local addresses that listen on a port.
func listeners(t *testing.T, port int) string {
	t.Helper()
	raw, err := os.ReadFile("/proc/net/tcp")
	require.NoError(t, err)
	var found []string
	for line := range strings.Lines(string(raw)) {
		fields := strings.Fields(line)
		addr, hexPort, _ := strings.Cut(fields[1], ":")
		if fields[3] == "0A" && strings.EqualFold(hexPort, fmt.Sprintf("%04X", port)) {
			found = append(found, map[string]string{"0100007F": "127.0.0.1",
				"00000000": "0.0.0.0"}[addr])
		}
	}
	require.NotEmpty(t, found, "nobody listens on port %d", port)
	return strings.Join(found, " ")
}
