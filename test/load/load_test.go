// Package load has the benchmarks of the whole system. Its tests run each of them once, short, so that none rots; what
// they measure then means nothing.
package load

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	r, err := report.Load(filepath.Join(docs, "benchmarks", "results.json"))
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join(docs, "benchmarks.md"))
	require.NoError(t, err)
	filled, err := r.Fill(string(page))
	require.NoError(t, err)
	require.Equal(t, filled, string(page), "write them again: go run ./test/load/cmd/bench -render")
}

// Every part, every contestant and every generator.
func TestEveryBenchmarkRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	binary := filepath.Join(t.TempDir(), "bench")
	run(t, 5*time.Minute, nil, "go", "build", "-o", binary, "./cmd/bench")
	dir := t.TempDir()
	page, err := os.ReadFile(filepath.Join(docs, "benchmarks.md"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "benchmarks.md"), page, 0o644))

	run(t, 8*time.Minute, nil, binary, "-docs", dir, "-rounds", "1", "-seconds", "1", "-connections", "16", "-rates", "20,50",
		"-contestants", "all", "-clients", "300", "-processes", "2", "-viewers", "60", "-transitions", "2", "-sizes", "0,100,40000")

	r, err := report.Load(filepath.Join(dir, "benchmarks", "results.json"))
	require.NoError(t, err)
	require.NotNil(t, r.Throughput)
	var names []string
	for _, l := range r.Throughput.Loads {
		names = append(names, l.Contestant)
		assert.Positive(t, l.Acknowledged, l.Contestant)
		assert.GreaterOrEqual(t, l.Counted, l.Acknowledged, l.Contestant)
		if l.Contestant == report.PlenaryRooms {
			assert.Len(t, l.Rooms, 8)
			assert.NotContains(t, l.Rooms, int64(0), "every room has voters")
			assert.Positive(t, l.Looks)
		}
	}
	assert.ElementsMatch(t, report.Contestants, names)
	require.NotNil(t, r.Bulk)
	assert.Len(t, r.Bulk.Loads, 5)
	require.NotNil(t, r.Degradation)
	calls := map[string]bool{}
	for _, l := range r.Degradation.Levels {
		calls[l.Call] = true
		assert.Equal(t, l.Call != "vote", l.Reads > 0, l.Call)
	}
	assert.Equal(t, map[string]bool{"vote": true, "current": true, "results": true}, calls)
	assert.Len(t, r.Degradation.Counted, 1)
	assert.Len(t, r.Degradation.Control, 1)
	require.NotNil(t, r.Stampede)
	for _, b := range r.Stampede.Bursts {
		assert.Equal(t, 300, b.Acknowledged, b.Contestant)
		assert.EqualValues(t, 300, b.Counted, b.Contestant)
	}
	require.NotNil(t, r.Viewers)
	assert.Len(t, r.Viewers.Loads, 3)
	for _, l := range r.Viewers.Loads {
		assert.Equal(t, l.Viewers, l.Exact, "%d viewers: %s", l.Viewers, l.Why)
		assert.Zero(t, l.Lost+l.Fell, "%d viewers: %s", l.Viewers, l.Why)
		assert.Positive(t, l.Reads)
		assert.Less(t, l.Reads, 100., "counting is no read")
		assert.Equal(t, l.Viewers > 0, l.Events > 0)
	}
	require.Len(t, r.Viewers.Talks, 1)
	talk := r.Viewers.Talks[0]
	assert.Equal(t, 60, talk.Exact, talk.Why)
	assert.Zero(t, talk.Lost+talk.Fell, talk.Why)
	assert.Len(t, talk.Transitions, 2)
	require.NotNil(t, r.Growth)
	assert.Len(t, r.Growth.Sizes, 3)
	require.NotNil(t, r.Alternatives)
	assert.Len(t, r.Alternatives.Ways, 4)
	sizes := slices.Clone(r.Growth.Sizes)
	for _, w := range r.Alternatives.Ways {
		sizes = append(sizes, w.Size)
	}
	for _, s := range sizes {
		assert.Positive(t, s.Bytes)
		assert.Len(t, s.CountAgain, 1)
		for _, into := range []string{report.IntoNew, report.IntoLargest, report.IntoAgain} {
			require.Len(t, s.Costs[into], 1)
			assert.Greater(t, s.Costs[into][0].WAL, 50., "bytes of a row")
		}
	}
	page, err = os.ReadFile(filepath.Join(dir, "benchmarks.md"))
	require.NoError(t, err)
	assert.NotContains(t, string(page), "Not measured yet")
	for _, plot := range []string{"throughput", "vote", "current", "results", "stampede"} {
		assert.FileExists(t, filepath.Join(dir, "benchmarks", plot+".svg"))
	}
}

// The earlier one is the present one here.
func TestAnEarlierPlenaryIsComparedWithAndWithoutPasses(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	dir := t.TempDir()
	run(t, 5*time.Minute, nil, "go", "build", "-o", dir+string(filepath.Separator), "./cmd/bench", "../../api", "../../worker")
	binary := filepath.Join(dir, "bench")
	out := run(t, 5*time.Minute, nil, binary, "-docs", "", "-before", dir, "-rounds", "2", "-seconds", "1", "-connections", "8")
	_, table, found := strings.Cut(out, "|---|--:|--:|--:|--:|--:|--:|--:|\n")
	require.True(t, found, out)
	require.Regexp(t, `^\| direct \| 8 \| \d+ \| \d+\.\d\d \| \d+\.\d\d \| \d+\.\d \| \d+\.\d\d \| \d+\.\d\d \|\n\| NGINX \| 8 \| \d`, table)
	run(t, 5*time.Minute, nil, binary, "-docs", "", "-bench", "throughput", "-passes", "-rounds", "1", "-seconds", "1", "-connections", "8",
		"-contestants", strings.Join([]string{report.Plenary, report.PlenaryRooms, report.PlenaryNGINX}, ";"))
}

// k6 is the version that the scripts are known to work with. It is built the first time, which takes one to two minutes.
const k6 = "go.k6.io/k6@v1.8.1"

func TestTheK6ScriptsRun(t *testing.T) {
	if testing.Short() {
		t.Skip("builds k6")
	}
	s, err := stack.Start(t.Context(), stack.Config{Parts: stack.API, APIs: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	env := []string{"API=" + s.URL + "/api/v1", "DURATION=2s", "RATE=20", "VOTERS=5", "SLIDE=0.4", "P99=20000", "K6_NO_USAGE_REPORT=true"}
	began := time.Now()
	run(t, 10*time.Minute, nil, "go", "run", k6, "version")
	t.Logf("k6 is built after %v", time.Since(began).Round(time.Second))
	for _, script := range []string{"vote", "room"} {
		t.Run(script, func(t *testing.T) {
			run(t, 2*time.Minute, env, "go", "run", k6, "run", "--quiet", "--no-color", "k6/"+script+".js")
		})
	}
}

// run runs a command and gives what it says. It ends it, and what it has started, when it takes too long.
func run(t *testing.T, patience time.Duration, env []string, name string, args ...string) (said string) {
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
