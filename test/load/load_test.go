// Package load has the benchmarks of the whole system. Its tests run each of them once, short, so
// that none rots; what they measure then means nothing.
package load

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/load/internal/report"
	"github.com/plenary-live/plenary/test/stack"
)

const docs = "../../docs"

func TestTheTablesAreThoseOfTheResults(t *testing.T) {
	r, err := report.Read(filepath.Join(docs, "benchmarks", "results.json"))
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join(docs, "benchmarks.md"))
	require.NoError(t, err)
	filled, err := r.Fill(string(page))
	require.NoError(t, err)
	require.Equal(t, filled, string(page), "write them again: go run ./test/load/cmd/bench -render")
}

// Every part and every contestant. The earlier Plenary is the present one here.
func TestEveryBenchmarkRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	dir := t.TempDir()
	run(t, 5*time.Minute, nil, "go", "build", "-o", dir+string(filepath.Separator), "./cmd/bench")
	require.NoError(t, stack.Build(t.Context(), dir))
	page, err := os.ReadFile(filepath.Join(docs, "benchmarks.md"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "benchmarks.md"), page, 0o644))

	out := run(t, 8*time.Minute, nil, filepath.Join(dir, "bench"), "-docs", dir, "-before", dir,
		"-rounds", "1", "-seconds", "1",
		"-connections", "8", "-clients", "300", "-processes", "2", "-viewers", "60",
		"-transitions", "2", "-feed-polls", "20000", "-feed-answers", "20000")

	_, table, found := strings.Cut(out, "|---|--:|--:|--:|--:|--:|--:|--:|\n")
	require.True(t, found, out)
	require.Regexp(t, `^\| direct \| 8 \| \d+ \| \d+\.\d\d \| \d+\.\d\d \| \d+\.\d \| \d+\.\d\d \|`+
		` \d+\.\d\d \|\n\| NGINX \| 8 \| \d`, table)

	r, err := report.Read(filepath.Join(dir, "benchmarks", "results.json"))
	require.NoError(t, err)
	require.Len(t, r, len(report.Parts))
	measured := map[string]int{}
	for _, l := range r["throughput"].Loads {
		measured[l.Of]++
		assert.Positive(t, l.Values["acknowledged"], l.Of)
		assert.GreaterOrEqual(t, l.Values["counted"], l.Values["acknowledged"], l.Of)
		if l.Of == report.Several {
			assert.Equal(t, 0., l.Values["rooms without votes"])
		}
	}
	for _, name := range report.Contestants {
		assert.Equal(t, 1, measured[name], name)
	}
	assert.Len(t, r["bulk"].Loads, 1)
	stampeded := map[string]int{}
	for _, l := range r["stampede"].Loads {
		if l.At == 100 {
			stampeded[l.Of]++
			assert.Equal(t, 300., l.Values["acknowledged"], l.Of)
			assert.Equal(t, 300., l.Values["counted"], l.Of)
		}
	}
	assert.Equal(t, map[string]int{report.NoOp: 1, report.Plenary: 1, report.Ratings: 1}, stampeded)
	assert.Len(t, r["viewers"].Loads, 2*3)
	for _, l := range r["viewers"].Loads {
		assert.Equal(t, 0., l.Values["wrong"], "%s, %.0f viewers", l.Of, l.At)
		assert.Positive(t, l.Values["reads"])
		assert.Less(t, l.Values["reads"], 100., "counting is no read")
		assert.Equal(t, l.At > 0, l.Values["events a second"] > 0)
		if l.At == 60 {
			assert.Equal(t, 2., l.Values["transitions"])
		}
	}
	assert.Len(t, r["feed"].Loads, 2*len(report.FeedLoads))
	for _, l := range r["feed"].Loads {
		assert.NotEmpty(t, l.Values, l.Of)
		for name, v := range l.Values {
			assert.True(t, v > 0 || name == "not 2xx", "%s: %s is %v", l.Of, name, v)
		}
	}
	page, err = os.ReadFile(filepath.Join(dir, "benchmarks.md"))
	require.NoError(t, err)
	assert.NotContains(t, string(page), "Not measured yet")
	for _, plot := range []string{"throughput", "stampede"} {
		assert.FileExists(t, filepath.Join(dir, "benchmarks", plot+".svg"))
	}
}

// k6 is the version that the scripts work with. Its first build takes a minute or two.
const k6 = "go.k6.io/k6@v1.8.1"

func TestTheK6ScriptsRun(t *testing.T) {
	if testing.Short() {
		t.Skip("builds k6")
	}
	s, err := stack.Start(t.Context(), stack.Config{Parts: stack.API, APIs: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	env := []string{"API=" + s.URL + "/api/v1", "DURATION=2s", "RATE=20", "VOTERS=5", "SLIDE=0.4",
		"POLLS=10", "P99=20000", "K6_NO_USAGE_REPORT=true"}
	began := time.Now()
	run(t, 10*time.Minute, nil, "go", "run", k6, "version")
	t.Logf("k6 is built after %v", time.Since(began).Round(time.Second))
	for _, script := range []string{"vote", "room", "feed", "scroll"} {
		t.Run(script, func(t *testing.T) {
			run(t, 2*time.Minute, env, "go", "run", k6, "run", "--quiet", "--no-color",
				"k6/"+script+".js")
		})
	}
}

// run runs a command and gives its output. It ends it, and its children, in time.
func run(t *testing.T, patience time.Duration, env []string, name string,
	args ...string) (said string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %v\n%s", name, args, out)
	if testing.Verbose() {
		t.Logf("%s", out)
	}
	return string(out)
}
