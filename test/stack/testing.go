package stack

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// Where the helpers below find servers that run already ("make test" starts them once for all test
// packages). Without them each test process starts its own at the first call.
const (
	envPostgres  = "PLENARY_TEST_POSTGRES_URL" // postgres://… of a superuser
	envAMQP      = "PLENARY_TEST_AMQP_URL"     // amqp://… of an administrator
	envRabbitAPI = "PLENARY_TEST_RABBITMQ_API" // http://… of the same broker's management plugin
	envRedis     = "PLENARY_TEST_REDIS_URL"    // redis://…
)

// private are the servers of this test process.
var private struct {
	sync.Mutex
	stacks   map[Part]*Stack
	failures map[Part]error // not tried again: the second test would wait as long as the first
}

// PostgresURL returns the URL of an empty database that only this test uses, on a real server with
// fsync and synchronous_commit on. The role is the server's superuser. The database is dropped when
// the test ends. With -short the test is skipped.
func PostgresURL(tb testing.TB) string {
	tb.Helper()
	skipShort(tb)
	admin := os.Getenv(envPostgres)
	if admin == "" {
		admin = privateServer(tb, PostgreSQL).DatabaseAdminURL
	}
	u, err := url.Parse(admin)
	if err != nil {
		tb.Fatalf("%s: %v", envPostgres, err)
	}
	name := "test_" + secret()
	if err := execSQL(context.Background(), admin, "CREATE DATABASE "+name); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		// FORCE: a test that leaks a connection should fail for that, not for this.
		if err := execSQL(context.Background(), admin,
			"DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			tb.Error(err)
		}
	})
	u.Path = "/" + name
	return u.String()
}

// RabbitMQURL returns the URL of an empty virtual host that only this test uses, on a real broker.
// The virtual host and all in it are deleted when the test ends, which closes the connections to
// it. With -short the test is skipped.
func RabbitMQURL(tb testing.TB) string {
	tb.Helper()
	skipShort(tb)
	broker, api := os.Getenv(envAMQP), os.Getenv(envRabbitAPI)
	if broker == "" || api == "" {
		s := privateServer(tb, RabbitMQ)
		broker, api = s.AMQPURLs[0], s.RabbitAPIs[0]
	}
	u, err := url.Parse(broker)
	if err != nil {
		tb.Fatalf("%s: %v", envAMQP, err)
	}
	name, ctx := "test_"+secret(), context.Background()
	if err := rabbitAPI(ctx, http.MethodPut, api, "/api/vhosts/"+name, ""); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := rabbitAPI(ctx, http.MethodDelete, api, "/api/vhosts/"+name, ""); err != nil {
			tb.Error(err)
		}
	})
	if err := rabbitAPI(ctx, http.MethodPut, api, "/api/permissions/"+name+"/"+u.User.Username(),
		`{"configure":".*","write":".*","read":".*"}`); err != nil {
		tb.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// RedisURL returns the URL of a real Redis that all tests share. So a test uses keys that no other
// has. With -short the test is skipped.
func RedisURL(tb testing.TB) string {
	tb.Helper()
	skipShort(tb)
	if given := os.Getenv(envRedis); given != "" {
		return given
	}
	return privateServer(tb, Redis).RedisURL
}

// skipShort keeps "go test -short" to what runs on a machine that has only Go.
func skipShort(tb testing.TB) {
	tb.Helper()
	if testing.Short() {
		tb.Skip("needs a server")
	}
}

func privateServer(tb testing.TB, part Part) *Stack {
	tb.Helper()
	private.Lock()
	defer private.Unlock()
	if s := private.stacks[part]; s != nil {
		return s
	}
	err := private.failures[part]
	if err == nil {
		var s *Stack
		if s, err = Start(context.Background(), Config{Parts: part, Management: true}); err == nil {
			if private.stacks == nil {
				private.stacks = map[Part]*Stack{}
			}
			private.stacks[part] = s
			return s
		}
		if private.failures == nil {
			private.failures = map[Part]error{}
		}
		private.failures[part] = err
	}
	tb.Fatal(err)
	return nil
}

// Main wraps a package's tests. The servers that [PostgresURL], [RabbitMQURL] and [RedisURL]
// started for it are stopped in order when the tests are over:
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(stack.Main(m)) }
//
// Without it they end too, but only after the test process has.
func Main(m *testing.M) Tests { return Tests{m} }

// Tests is what [Main] returns; it can be run by itself (os.Exit(stack.Main(m).Run())).
type Tests struct{ m *testing.M }

// Run runs the tests, stops the servers and returns the exit code, which is not 0 when a server did
// not stop.
func (t Tests) Run() int {
	code := t.m.Run()
	private.Lock()
	defer private.Unlock()
	for part, s := range private.stacks {
		if err := s.Close(); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, strings.TrimSpace(err.Error()))
			code = max(code, 1)
		}
		delete(private.stacks, part)
	}
	return code
}

// Goroutines tells a leak check inside a test to let this package's own goroutines be: one per
// server, which waits for its end.
func Goroutines() goleak.Option {
	return goleak.IgnoreAnyFunction("github.com/plenary-live/plenary/test/stack.(*Process).wait")
}
