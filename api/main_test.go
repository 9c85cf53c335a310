package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/api/internal/web"
	"github.com/plenary-live/plenary/pkg/config"
)

func TestMain(m *testing.M) {
	// fasthttp's clock for the Date header runs as long as the process, and its pool notices its
	// end with a delay.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

func settings(t *testing.T, env map[string]string) config.Config {
	cfg, err := config.Load(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	require.NoError(t, err)
	return cfg
}

var quiet = slog.New(slog.DiscardHandler)

func TestTheWholeProductStartsGreetsServesAndStopsWithoutALeak(t *testing.T) {
	r := launch(t, map[string]string{
		"PLENARY_ADDR": "127.0.0.1:0",
		"PLENARY_DATABASE_URL": "sqlite:" +
			filepath.Join(t.TempDir(), "a file with spaces & 100%.db"),
	})
	r.call("POST", "/presentations", twoPolls, 201, nil)
	res, err := http.Get(strings.TrimSuffix(r.base, web.Base) + "/")
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, "text/html; charset=utf-8", res.Header.Get("Content-Type"),
		"the pages are in it")
	http.DefaultClient.CloseIdleConnections()
	r.stop()
	require.NoError(t, <-r.ended)
}

func TestWhoStartsItIsToldWherePhonesReachIt(t *testing.T) {
	greeting := func(addr string, env map[string]string) string {
		at, err := net.ResolveTCPAddr("tcp", addr)
		require.NoError(t, err)
		var out strings.Builder
		greet(&out, settings(t, env), at)
		return out.String()
	}
	anywhere := greeting("0.0.0.0:8080", nil)
	require.Contains(t, anywhere, "Plenary is at http://localhost:8080/api/v1 ")
	if own := ownAddress(); own == "" {
		require.NotContains(t, anywhere, "Phones", "this machine is in no network")
	} else {
		require.Contains(t, anywhere, "Phones in the same network reach it at http://"+own+":8080:")
	}
	require.NotContains(t, greeting("127.0.0.1:8080", nil), "Phones",
		"it listens for this machine only")
	require.NotContains(t, greeting("[::]:8080",
		map[string]string{"PLENARY_PUBLIC_URL": "https://vote.example"}), "Phones",
		"who starts it knows")
	require.NotContains(t, greeting("[::]:8080", map[string]string{"PLENARY_AMQP_URL": "amqp://h"}),
		"Phones", "one replica of several")
}

// running is the whole product in this process.
type running struct {
	t     *testing.T
	base  string
	stop  func()
	ended chan error
}

func launch(t *testing.T, env map[string]string) running {
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, settings(t, env), quiet, in) }()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	base := regexp.MustCompile(`http://127\.0\.0\.1:\d+/api/v1`).FindString(line)
	require.NotEmpty(t, base, line)
	return running{t, base, stop, ended}
}

// call sends a request over a connection of its own.
func (r running) call(method, path, body string, want int, into any) {
	req, err := http.NewRequest(method, r.base+path, strings.NewReader(body))
	require.NoError(r.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	defer res.Body.Close()
	require.Equal(r.t, want, res.StatusCode)
	if into != nil {
		require.NoError(r.t, json.NewDecoder(res.Body).Decode(into))
	}
}

const twoPolls = `{"polls":[{"question":"Q","options":[{"key":"A","value":"a"}]},{"question":"R",` +
	`"options":[{"key":"A","value":"a"}]}]}`

// TestTheFullestBallotOfTheLargestPollIsTaken votes for everything in polls whose keys are as long
// as they may be. It votes as a client that escapes all that it can and spreads its JSON over many
// lines. A poll of one byte more is not made.
func TestTheFullestBallotOfTheLargestPollIsTaken(t *testing.T) {
	r := launch(t, map[string]string{
		"PLENARY_ADDR":         "127.0.0.1:0",
		"PLENARY_DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "plenary.db"),
		"PLENARY_OPEN":         "true",
	})
	type option struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	}
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf("%02d%s", i, strings.Repeat("k", 25))
	}
	long := []string{ // 3*(64*12+3) + 64*6+3 + 49*6+3+3 bytes, with quotes and a comma each
		strings.Repeat("\U0001f600", 64), strings.Repeat("\U0001f601", 64),
		strings.Repeat("\U0001f602", 64), strings.Repeat("é", 64), strings.Repeat("'", 49) + "abc",
	}
	for name, keys := range map[string][]string{"many keys": many, "long keys": long} {
		poll := func(last string) string {
			var options []option
			for _, key := range keys {
				options = append(options, option{key, "v"})
			}
			options[len(options)-1].Key += last
			body, err := json.Marshal(map[string]any{"question": "Which?", "kind": "multiple",
				"options": options})
			require.NoError(t, err)
			return string(body)
		}
		var created struct {
			ID string `json:"presentation_id"`
		}
		r.call("POST", "/presentations",
			`{"polls":[`+poll("")+`],"current_poll_index":0}`, 201, &created)
		var shown struct {
			ID string `json:"poll_id"`
		}
		r.call("GET", "/presentations/"+created.ID+"/polls/current", "", 200, &shown)
		ballot := "{\n    \"poll_id\": \"" + shown.ID + "\",\n    \"keys\": [\n        " +
			strings.Join(escaped(keys), ",\n        ") +
			"\n    ],\n    \"client_id\": \"6e1f1c1e-7d2b-4a55-9a4e-0a5f6f0a7c11\"\n}"
		t.Logf("%s: a vote of %d bytes", name, len(ballot))
		r.call("POST", "/presentations/"+created.ID+"/polls/current/votes", ballot, 204, nil)
		var votes []struct{ Keys []string }
		r.call("GET", "/presentations/"+created.ID+"/polls/"+shown.ID+"/votes", "", 200, &votes)
		require.Len(t, votes, 1)
		require.Equal(t, keys, votes[0].Keys, "all of them are counted")

		var refused struct{ Field string }
		r.call("POST", "/presentations", `{"polls":[`+poll("x")+`]}`, 400, &refused)
		require.Equal(t, "polls[0].options", refused.Field, name)
		r.call("POST", "/presentations/"+created.ID+"/polls", poll("x"), 400, &refused)
		require.Equal(t, "options", refused.Field, name)
		var added struct {
			ID string `json:"poll_id"`
		}
		r.call("POST", "/presentations/"+created.ID+"/polls", poll(""), 201, &added)
		r.call("PATCH", "/presentations/"+created.ID+"/polls/"+added.ID, poll("x"), 400, &refused)
		require.Equal(t, "options", refused.Field, name)
	}
	r.stop()
	require.NoError(t, <-r.ended)
}

// escaped writes strings as JSON of nothing but ASCII, and of that no signs either.
func escaped(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		for _, r := range s {
			if r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
				out[i] += string(r)
				continue
			}
			for _, unit := range utf16.Encode([]rune{r}) {
				out[i] += fmt.Sprintf("\\u%04x", unit)
			}
		}
		out[i] = `"` + out[i] + `"`
	}
	return out
}

func TestAStopSealsFirstWhatHasLeftTheSlide(t *testing.T) {
	env := map[string]string{
		"PLENARY_ADDR":         "127.0.0.1:0",
		"PLENARY_DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "plenary.db"),
		"PLENARY_OPEN":         "true",
	}
	r := launch(t, env)
	var created struct {
		ID string `json:"presentation_id"`
	}
	r.call("POST", "/presentations", twoPolls, 201, &created)
	var first struct {
		ID string `json:"poll_id"`
	}
	r.call("PUT", "/presentations/"+created.ID+"/polls/current", "", 200, &first)
	r.call("PUT", "/presentations/"+created.ID+"/polls/current", "", 200, nil)
	r.stop()
	require.NoError(t, <-r.ended)

	again := launch(t, env)
	var results struct{ Status string }
	again.call("GET", "/presentations/"+created.ID+"/polls/"+first.ID+"/results", "", 200, &results)
	require.Equal(t, "final", results.Status)
	again.stop()
	require.NoError(t, <-again.ended)
}

func TestARequestThatIsSentAcrossTheStopIsRefused(t *testing.T) {
	r := launch(t, map[string]string{
		"PLENARY_ADDR":         "127.0.0.1:0",
		"PLENARY_DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "plenary.db"),
		"PLENARY_STOP_TIMEOUT": "2s",
	})
	u, err := url.Parse(r.base)
	require.NoError(t, err)
	conn, err := net.Dial("tcp", u.Host)
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn,
		"POST %s/presentations HTTP/1.1\r\nHost: x\r\nContent-Type: "+
			"application/json\r\nContent-Length: %d\r\n\r\n", u.Path, len(twoPolls))
	require.NoError(t, err)
	r.call("GET", "/ping", "", 200, nil) // by now the other connection was accepted
	r.stop()
	require.NoError(t, <-r.ended, "a slow client does not make the stop fail")
	_, err = io.WriteString(conn, twoPolls)
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, 503, res.StatusCode)
	require.Equal(t, "1", res.Header.Get("Retry-After"))
}

func TestAnAddressThatIsTakenStopsTheStart(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = ln.Close() }()
	err = run(t.Context(), settings(t, map[string]string{"PLENARY_ADDR": ln.Addr().String()}),
		quiet, io.Discard)
	require.ErrorContains(t, err, "PLENARY_ADDR")
}

func TestWhatIsOpenToEverybodyIsSaidAtTheStart(t *testing.T) {
	started := func(env map[string]string) string {
		var log bytes.Buffer
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		require.NoError(t, run(ctx, settings(t, env),
			slog.New(slog.NewTextHandler(&log, nil)), stopper(stop)))
		return log.String()
	}
	env := map[string]string{"PLENARY_ADDR": "127.0.0.1:0",
		"PLENARY_DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "plenary.db")}
	require.NotContains(t, started(env), "level=WARN")
	env["PLENARY_OPEN"] = "true"
	require.Regexp(t, `level=WARN msg="PLENARY_OPEN: everybody`, started(env))
	env["PLENARY_OPEN"] = "false"
	require.NoError(t, os.Chmod(strings.TrimPrefix(env["PLENARY_DATABASE_URL"], "sqlite:"), 0o644))
	require.Regexp(t, `level=WARN msg="every user of this machine can open the database file`,
		started(env))
}

// TestMetricsAreOnlyForOperators: they have an address of their own, or none.
func TestMetricsAreOnlyForOperators(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	env := map[string]string{
		"PLENARY_ADDR":         "127.0.0.1:0",
		"PLENARY_DATABASE_URL": "sqlite:" + filepath.Join(t.TempDir(), "plenary.db"),
		"PLENARY_METRICS_ADDR": ln.Addr().String(),
	}
	require.ErrorContains(t, run(t.Context(), settings(t, env), quiet, io.Discard),
		"PLENARY_METRICS_ADDR", "somebody else listens there")
	require.NoError(t, ln.Close())
	r := launch(t, env)
	get := func(url string) (int, string) {
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url)
		require.NoError(t, err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, string(body)
	}
	operators, audience := "http://"+ln.Addr().String(), strings.TrimSuffix(r.base, web.Base)
	code, body := get(operators + "/metrics")
	require.Equal(t, 200, code)
	require.Contains(t, body, "plenary_event_streams 0")
	code, body = get(operators + "/readyz")
	require.Equal(t, 200, code)
	require.Contains(t, body, "ready")
	for _, path := range []string{"/metrics", "/metrics/", "/METRICS", "/Metrics"} {
		code, body = get(audience + path)
		require.Equal(t, 404, code, path)
		require.NotContains(t, body, "go_goroutines")
	}
	r.stop()
	require.NoError(t, <-r.ended)
}

func TestAFileThatIsNoDatabaseStopsTheStart(t *testing.T) {
	cfg := settings(t, map[string]string{"PLENARY_ADDR": "127.0.0.1:0",
		"PLENARY_DATABASE_URL": "sqlite:" + t.TempDir()})
	err := run(t.Context(), cfg, quiet, io.Discard)
	require.ErrorContains(t, err, "database")
	require.NotContains(t, err.Error(), "\n")
}

func TestTheNumberOfPartitionsCanBeAnotherOneAtTheNextStart(t *testing.T) {
	path := "sqlite:" + filepath.Join(t.TempDir(), "plenary.db")
	start := func(partitions string) error {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		cfg := settings(t, map[string]string{"PLENARY_ADDR": "127.0.0.1:0",
			"PLENARY_DATABASE_URL": path, "PLENARY_PARTITIONS": partitions})
		return run(ctx, cfg, quiet, stopper(stop))
	}
	require.NoError(t, start("4"))
	require.NoError(t, start("8"))
	require.NoError(t, start("4"))
}

// stopper stops a process as soon as it greets.
type stopper func()

func (s stopper) Write(p []byte) (int, error) {
	s()
	return len(p), nil
}
