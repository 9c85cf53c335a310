package browser

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// figure is something that people notice, as it was measured.
type figure struct {
	what, aim, measured string
	met                 bool
}

// note prints a figure, and fails the test if it misses its aim. With -write docs/room.md says all
// of that from then on, and when and where it was measured.
func note(t *testing.T, f figure) {
	t.Helper()
	t.Logf("%s: %s", f.what, f.measured)
	printed(t, f.what+": "+f.measured)
	if *write {
		file := filepath.Join(root(), "docs", "room.md")
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		written, err := f.into(string(text),
			time.Now().UTC().Format("2006-01-02 15:04 UTC")+", "+machine(t))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, []byte(written), 0o644))
	}
	assert.True(t, f.met, "%s: the aim is %s, measured is %s", f.what, f.aim, f.measured)
}

// printed has "make test" print a line: Go keeps to itself what a test says that passes.
func printed(t *testing.T, line string) {
	t.Helper()
	dir := filepath.Join(root(), ".build")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	file, err := os.OpenFile(filepath.Join(dir, "room.txt"),
		os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	_, err = fmt.Fprintln(file, line)
	require.NoError(t, errors.Join(err, file.Close()))
}

// into writes the figure's row and line in a document instead of those that are there.
func (f figure) into(document, whereabouts string) (string, error) {
	outcome := "met"
	if !f.met {
		outcome = "**missed**"
	}
	lines, found := strings.Split(document, "\n"), 0
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, "| "+f.what+" |"):
			lines[i] = strings.Join([]string{"|", f.what, "|", f.aim, "|", f.measured, "|",
				outcome, "|"}, " ")
			found++
		case strings.HasPrefix(line, "- "+f.what+": "):
			lines[i] = "- " + f.what + ": " + whereabouts
			found++
		}
	}
	if found != 2 {
		return "", fmt.Errorf("the document has %d places for %q; it needs a row and a line",
			found, f.what)
	}
	return strings.Join(lines, "\n"), nil
}

// machine describes what the tests run on, and how busy that was in the last minute. What cannot be
// found out is said to be unknown.
func machine(t *testing.T) string {
	t.Helper()
	find := func(path, pattern string) string {
		text, _ := os.ReadFile(path)
		if found := regexp.MustCompile(pattern).FindSubmatch(text); found != nil {
			return strings.TrimSpace(string(found[1]))
		}
		return ""
	}
	memory := "unknown memory"
	if kb, err := strconv.Atoi(find("/proc/meminfo", `MemTotal:\s*(\d+)`)); err == nil {
		memory = fmt.Sprintf("%d GB", (kb+1<<19)>>20)
	}
	version, err := chromedp.CallBrowser(chrome(t), browser.GetVersion, cdp.Empty{})
	require.NoError(t, err)
	return strings.Join([]string{
		fmt.Sprintf("%d cores (%s)", runtime.NumCPU(),
			cmp.Or(find("/proc/cpuinfo", `model name\s*:\s*(.*)`), runtime.GOARCH)),
		memory,
		cmp.Or(find("/etc/os-release", `PRETTY_NAME="(.*)"`), runtime.GOOS),
		strings.Replace(version.Product, "/", " ", 1),
		"load " + cmp.Or(find("/proc/loadavg", `([\d.]+)`), "unknown"),
	}, ", ")
}

func TestAMissedFigureIsSaidInTheDocument(t *testing.T) {
	const before = "| what | aim | measured | |\n|---|---|---|---|\n| A | old | old | met |\n| " +
		"AB | kept | kept | met |\n\n- A: there\n- AB: kept\n"
	missed := figure{what: "A", aim: "at most 2", measured: "3"}
	after, err := missed.into(before, "here")
	require.NoError(t, err)
	require.Equal(
		t, "| what | aim | measured | |\n|---|---|---|---|\n| A | at most 2 | 3 | **missed** "+
			"|\n| AB | kept | kept | met |\n\n- A: here\n- AB: kept\n", after)
	_, err = figure{what: "B"}.into(before, "here")
	require.ErrorContains(t, err, `0 places for "B"`)
}
