// Package model has spin check docs/protocol/plenary.pml. The protocol keeps its guarantees in
// every run of the model, and without one of its rules it does not.
package model

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	update = flag.Bool("update", false,
		"write the table of results in docs/protocol/README.md anew")
	large = flag.Bool("large", false, "also check the large models: minutes, and 1 GB")
)

const (
	folder = "../../docs/protocol"
	// Bounds of one run: what a run needs is far below, and a run that needs more has to be made
	// smaller.
	runTime   = 8 * time.Minute
	runMemory = 1200 // MB
)

// run is one question to spin.
type run struct {
	claim  string
	macros string
	broken int // the guarantee that the counter-example breaks, or deadlock; 0: there is none
	large  bool
}

// deadlock stands where a guarantee does: two workers wait for each other.
const deadlock = -1

// inTwo has two presentations, each in a partition of its own.
const inTwo = " PARTITIONS=2 PRESENTATIONS=2 LOSSES=0 REPLICAS=1"

var runs = []run{
	// The protocol.
	{claim: "with one transition, seals from both sides and a zombie, all guarantees hold",
		macros: ""},
	{claim: "and with votes that clients number", macros: "SEQ=1 SEALS=1 LOSSES=0"},
	{claim: "there, back and there again, all guarantees hold",
		macros: "VERSIONS=4 SEALS=1 TAKEOVERS=0 COARSE"},
	{claim: "there and back with a zombie, all guarantees hold",
		macros: "VERSIONS=3 SEALS=1 LOSSES=0 COARSE"},
	{claim: "with two take-overs, all guarantees hold",
		macros: "SEALS=1 LOSSES=0 TAKEOVERS=2 COARSE"},
	{claim: "with two voters, all guarantees hold",
		macros: "VOTES=3 SEALS=1 TAKEOVERS=0 LOSSES=0 COARSE"},
	{
		claim:  "over two partitions, with a seal and an unheard commit, all guarantees hold",
		macros: "UNHEARD=1 SEALS=1 COARSE" + inTwo,
	},
	{
		claim:  "and with two votes of one voter and one of another",
		macros: "VOTES=3 VERSIONS=1 COARSE" + inTwo,
	},
	{
		claim:  "a presentation that is made while partitions are raised keeps all guarantees",
		macros: "PARTITIONS=2 SEALS=1 LOSSES=0 COARSE",
	},
	{claim: "there, back and there again with a zombie, all guarantees hold",
		macros: "VERSIONS=4 SEALS=1 LOSSES=0 COARSE", large: true},
	{claim: "with two voters and a zombie, all guarantees hold",
		macros: "VOTES=3 SEALS=1 LOSSES=0 COARSE", large: true},
	{
		claim:  "and transactions over two partitions with all of it",
		macros: "UNHEARD=1 VOTES=3 SEALS=1 COARSE" + inTwo,
		large:  true,
	},

	// A rule taken out.
	{claim: "without the lease, votes are accepted long after the transition",
		macros: "NO_L SEALS=1 TAKEOVERS=0 LOSSES=0", broken: 2},
	{claim: "without the window, a 202 is given for a vote behind its seal",
		macros: "NO_W SEALS=1 TAKEOVERS=0 LOSSES=0", broken: 1},
	{claim: "without the seal's wait, an acknowledged vote is behind the seal",
		macros: "NO_SEAL_WAIT SEALS=1 TAKEOVERS=0 LOSSES=0", broken: 1},
	{claim: "without the slack, lease and window leave no time for the seal",
		macros: "NO_SLACK SEALS=1 TAKEOVERS=0 LOSSES=0", broken: 1},
	{claim: "without the sweep's wait, an acknowledged vote is behind the worker's seal",
		macros: "NO_SWEEP_WAIT TAKEOVERS=0 LOSSES=0", broken: 1},
	{claim: "without sealed, a late vote changes final results",
		macros: "NO_SEALED SEALS=1 TAKEOVERS=0 LOSSES=0", broken: 3},
	{claim: "without the batch ids, a redelivered vote replaces a later one",
		macros: "NO_BATCH_IDS SEALS=1 LOSSES=0", broken: 1},
	{claim: "without the lock on the poll's state, counting undoes a transition",
		macros: "NO_POLL_ROW SEALS=1 LOSSES=0", broken: 3},
	{claim: "without either row's lock, two workers count a vote twice",
		macros: "NO_PARTITION_ROW NO_POLL_ROW VERSIONS=1 LOSSES=0", broken: 4},
	{claim: "without looking at returns, an unroutable vote is acknowledged",
		macros: "NO_RETURNS SEALS=1 TAKEOVERS=0 LOSSES=0", broken: 1},
	{claim: "without order at a take-over, entries leave the log uncounted",
		macros: "OVERTAKE SEALS=1 LOSSES=0", broken: 1},
	{
		claim:  "without the stored partition, a vote is in another log than its seal",
		macros: "HASH_ANEW PARTITIONS=2 SEALS=1 TAKEOVERS=0 LOSSES=0",
		broken: 1,
	},
	{
		claim:  "without an order of the partitions' rows, two workers wait for each other",
		macros: "ANY_ORDER VERSIONS=1" + inTwo,
		broken: deadlock,
	},
	{
		claim:  "acknowledged for both partitions, entries of one leave the log uncounted",
		macros: "ACK_ALL VERSIONS=1 TAKEOVERS=0" + inTwo,
		broken: 1,
	},
	{
		claim:  "without the batch ids, a vote whose commit is unheard replaces a later one",
		macros: "NO_BATCH_IDS UNHEARD=1 VOTES=3 VERSIONS=1 TAKEOVERS=0" + inTwo,
		broken: 1,
	},

	// Rules that the guarantees would hold without.
	{claim: "without the partition's row, the lock on the poll's state is enough",
		macros: "NO_PARTITION_ROW SEALS=1 LOSSES=0"},
	{
		claim:  "and so it is for transactions over two partitions",
		macros: "NO_PARTITION_ROW SEALS=1" + inTwo,
	},
	{claim: "without transitions, the partition's row is enough",
		macros: "NO_POLL_ROW VERSIONS=1 LOSSES=0"},
	{claim: "without the refusal before the write, the window of the confirm is enough",
		macros: "NO_EXPIRY SEALS=1 LOSSES=0 COARSE"},

	// What "a later one" means.
	{claim: "ordered by version first, an answer given first stands against an acknowledged " +
		"second one", macros: "ORDER_VERSION BY_REQUEST VERSIONS=3 SEALS=1 TAKEOVERS=0 LOSSES=0",
		broken: 1},
	{claim: "and also if the client numbers them",
		macros: "ORDER_VERSION BY_REQUEST SEQ=1 VERSIONS=3 SEALS=1 TAKEOVERS=0 LOSSES=0",
		broken: 1},
	{claim: "ordered by number alone, the second one stands",
		macros: "BY_REQUEST SEQ=1 VERSIONS=3 SEALS=1 TAKEOVERS=0"},
	{claim: "back within a lease and with lost connections, guarantee 1 holds to the letter",
		macros: "VERSIONS=3 SEALS=1 TAKEOVERS=0"},
	{claim: "without numbers, a vote that was unknown comes behind an acknowledged one",
		macros: "BY_REQUEST SEALS=1 TAKEOVERS=0", broken: 1},
	{claim: "with numbers, it does not", macros: "BY_REQUEST SEQ=1 SEALS=1 TAKEOVERS=0"},
}

// outcome is what spin found.
type outcome struct {
	broken int
	states int
	memory float64 // MB
	took   time.Duration
	steps  []string // of the counter-example, the shortest one
}

func TestTheProtocol(t *testing.T) {
	if testing.Short() {
		t.Skip("needs spin")
	}
	_, err := exec.LookPath("spin")
	require.NoError(t, err, `"make deps" installs spin`)
	_, err = exec.LookPath(compiler())
	require.NoError(t, err, `"make deps" installs a C compiler`)

	results := make(map[string]outcome)
	for _, r := range runs {
		t.Run(strings.ReplaceAll(r.claim, ",", ""), func(t *testing.T) {
			if r.large && !*large && !*update {
				t.Skip("large: run it with -large")
			}
			o := check(t, r)
			t.Logf("%d states, %.0f MB, %.1f s; broken: %s%s", o.states, o.memory, o.took.Seconds(),
				guarantee(o.broken), indent(o.steps))
			require.Equal(t, guarantee(r.broken), guarantee(o.broken))
			results[r.claim] = o
		})
	}
	t.Log("\n" + table(results))
	if *update && len(results) == len(runs) {
		before, _, after := readme(t)
		require.NoError(t, os.WriteFile(readmeFile(), []byte(before+table(results)+after), 0o644))
	}
}

// The numbers may differ between versions of spin; what was asked and what came out may not.
func TestTheReadmeHasTheTable(t *testing.T) {
	if *update {
		t.Skip("being written")
	}
	_, written, _ := readme(t)
	numbers := regexp.MustCompile(`\| [^|]* \|\n`)
	require.Equal(t, numbers.ReplaceAllString(table(nil), "\n"),
		numbers.ReplaceAllString(written, "\n"),
		"write it anew with: go test ./test/model -update")
}

func compiler() string {
	if cc := os.Getenv("CC"); cc != "" {
		return cc
	}
	return "cc"
}

// check makes a checker of the model with the run's macros, and runs it. Where a counter-example is
// expected the search is breadth-first: it finds the shortest one.
func check(t *testing.T, r run) (o outcome) {
	dir := t.TempDir()
	model, err := filepath.Abs(filepath.Join(folder, "plenary.pml"))
	require.NoError(t, err)
	var macros []string
	for m := range strings.FieldsSeq(r.macros) {
		macros = append(macros, "-D"+m)
	}
	flags := []string{"-DSAFETY", "-DMEMLIM=" + strconv.Itoa(runMemory)}
	switch {
	case r.broken != 0:
		flags = append(flags, "-O0", "-DBFS")
	case r.large:
		// keeps hashes of states: one may be missed, hardly ever
		flags = append(flags, "-O2", "-DHC4")
	default: // -O2 takes longer to compile than it saves
		flags = append(flags, "-O1")
	}
	command(t, dir, "spin", append(macros, "-a", model)...)
	command(t, dir, compiler(), append(flags, "-w", "-o", "pan", "pan.c")...)
	begun := time.Now()
	out := command(t, dir, "./pan", "-m1000000", "-w22")
	o.took = time.Since(begun)

	require.NotContains(t, out, "max search depth too small")
	require.NotContains(t, out, "reached -DMEMLIM bound")
	o.states = int(number(t, out, `([0-9.e+]+) states, stored`))
	o.memory = number(t, out, `([0-9.]+)\ttotal actual memory usage`)
	if number(t, out, `errors: ([0-9]+)`) == 0 {
		require.NotContains(t, out, "Search not completed")
		return o
	}
	if regexp.MustCompile(`assertion violated \(*deadlock`).MatchString(out) {
		o.broken = deadlock
	} else {
		o.broken = int(number(t, out, `assertion violated.*?guarantee([1-4])`))
	}
	replay := command(t, dir, "spin", append(macros, "-T", "-k", "plenary.pml.trail", model)...)
	steps, _, _ := strings.Cut(replay, "spin: trail ends")
	for line := range strings.Lines(steps) {
		if !strings.HasPrefix(line, "spin: ") {
			o.steps = append(o.steps, strings.TrimSpace(line))
		}
	}
	return o
}

func command(t *testing.T, dir, name string, args ...string) string {
	ctx, cancel := context.WithTimeout(t.Context(), runTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %s\n%s", name, strings.Join(args, " "), out)
	return string(out)
}

func number(t *testing.T, out, pattern string) float64 {
	m := regexp.MustCompile(pattern).FindStringSubmatch(out)
	require.NotNil(t, m, "%s is not in\n%s", pattern, out)
	n, err := strconv.ParseFloat(m[1], 64)
	require.NoError(t, err)
	return n
}

func guarantee(n int) string {
	switch n {
	case 0:
		return "none"
	case deadlock:
		return "deadlock"
	}
	return fmt.Sprintf("guarantee %d", n)
}

func indent(steps []string) string {
	if len(steps) == 0 {
		return ""
	}
	return "\n    " + strings.Join(steps, "\n    ")
}

// table renders the results; runs that are not among them have no numbers.
func table(results map[string]outcome) string {
	var b strings.Builder
	b.WriteString("| claim | macros | broken | states |\n|---|---|---|---|\n")
	for _, r := range runs {
		states := "–"
		if o, ok := results[r.claim]; ok {
			states = strconv.Itoa(o.states)
		}
		macros := ""
		if r.macros != "" {
			macros = "`" + r.macros + "`"
		}
		claim := r.claim
		if r.large {
			claim += " (large)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", claim, macros, guarantee(r.broken), states)
	}
	return b.String()
}

func readmeFile() string { return filepath.Join(folder, "README.md") }

// readme gives what is before the table, the table, and what is after it.
func readme(t *testing.T) (before, written, after string) {
	data, err := os.ReadFile(readmeFile())
	require.NoError(t, err)
	const begin, end = "<!-- table: go test ./test/model -update -->\n", "<!-- end of table -->"
	before, rest, found := strings.Cut(string(data), begin)
	require.True(t, found, "the README has no place for the table")
	written, after, found = strings.Cut(rest, end)
	require.True(t, found, "the README's table has no end")
	return before + begin, written, end + after
}
