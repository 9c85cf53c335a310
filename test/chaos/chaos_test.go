package chaos

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/test/chaos/check"
	"github.com/plenary-live/plenary/test/stack"
)

var (
	seeds = flag.String("seed", "1",
		"numbers with commas between; each makes a run repeatable, as far as a machine's "+
			"timing allows")
	votes = flag.Int64("votes", 0,
		"requests per fault and seed, at least; 0: the short form, a few faults and few votes")
	rate  = flag.Float64("rate", 1500, "votes a second, about")
	table = flag.String("table", "",
		"a file to which each row of the table is added when it is known")
)

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(tests{stack.Main(m)},
		// fasthttp looks after a client's idle connections for a while after the last one was
		// closed.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*HostClient).connsCleaner"),
		// toxiproxy forgets some of what it held back when a toxic is taken away.
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).write"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"))
}

type tests struct{ stack.Tests }

func (t tests) Run() int {
	defer binaries.remove()
	return t.Tests.Run()
}

// options are those of a run: short within "go test ./...", long with -votes.
func options(seed uint64) Options {
	o := Options{Seed: seed, Votes: *votes, Afterwards: 15 * time.Second, Turn: &turn}
	o.Pace = pace{rooms: 8, voters: 4000, tellers: 128, rate: *rate, hot: 12,
		slide: 3 * time.Second, slips: 2, accounts: 16, polls: 60, act: 250 * time.Millisecond}
	if *votes == 0 {
		o.Turn, o.Votes = nil, 2000
		o.Pace = pace{rooms: 4, voters: 400, tellers: 48, rate: 500, hot: 6, slips: 2}
		o.Pace.slide = 1500 * time.Millisecond
		o.Pace.accounts, o.Pace.polls, o.Pace.act = 8, 40, 200*time.Millisecond
	}
	return o
}

// wanted says whether a fault is part of this run. The short form has a few faults, and a fault
// that is asked for by its name runs anyway.
func (f *Fault) wanted() bool {
	return f.Short || *votes > 0 || strings.Contains(flag.Lookup("test.run").Value.String(), "/")
}

// Every promise holds under every fault.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("starts whole stacks and breaks them")
	}
	if *votes == 0 {
		t.Parallel()
	}
	var mu sync.Mutex
	done := map[*Fault][]*Row{}
	faults := Faults()
	t.Cleanup(func() { printTable(faults, done) })
	for _, f := range faults {
		if !f.wanted() {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			if *votes > 0 || f.Short { // few votes, or one crowd at a time; and much waiting
				t.Parallel()
			}
			var rows []*Row
			for field := range strings.SplitSeq(*seeds, ",") {
				seed, err := strconv.ParseUint(field, 10, 64)
				require.NoError(t, err)
				if row := try(t, f, seed); row != nil {
					rows = append(rows, row)
				}
			}
			assert.Empty(t, Missed(rows))
			mu.Lock()
			defer mu.Unlock()
			done[f] = rows
		})
	}
}

// printTable prints what came of the faults, in their order.
func printTable(faults []*Fault, done map[*Fault][]*Row) {
	var all []*Row
	var recovery string
	for _, f := range faults {
		all, recovery = append(all, done[f]...), recovery+Recovery(done[f])
	}
	if *votes == 0 || len(all) == 0 {
		return
	}
	fmt.Print("\n", Head)
	for _, row := range all {
		fmt.Print(row)
	}
	fmt.Println(Sum(all))
	fmt.Print("| recovery, median | target | measured |\n|---|--:|--:|\n", recovery, "\n")
}

// turn is had by the long run whose crowd is there. The next stack starts meanwhile, and the one
// before is looked at again: both take as long as a crowd, and are mostly waiting.
var turn sync.Mutex

// try runs a fault once and blames what it finds.
func try(t *testing.T, f *Fault, seed uint64) *Row {
	o := options(seed)
	o.Logf = t.Logf
	row, err := Run(t.Context(), f, o)
	if errors.Is(err, ErrCannot) {
		t.Skip(err)
	}
	assert.NoError(t, err)
	if row == nil || row.Report == nil {
		return nil
	}
	t.Logf("%s\n%s%s%d moves, %d edits, %d views, %d overtaken (%d from behind), answers %v, "+
		"took %v\n"+
		"%s%s%s", f.What, Head, row,
		row.Moves, row.Edits, row.Views, row.Report.Overtaken, row.Report.Behind, row.Statuses,
		row.Took.Round(time.Second), registers("votes", row.Report),
		registers("ratings", row.Ratings.Report), registers("the feed", row.Feed.Report))
	for _, failure := range row.Failures() {
		t.Errorf("seed %d: %s", seed, failure)
	}
	require.NoError(t, addRow(row))
	return row
}

// registers says how much of the history was checked for its order.
func registers(of string, r *check.Report) string {
	return fmt.Sprintf("%d registers of %s checked, %d with two acknowledged or more, the biggest "+
		"with %d, undecided %d\n", r.Registers, of, r.Rewritten, r.Biggest, r.Undecided)
}

// addRow adds a row to the file of -table.
func addRow(row *Row) error {
	if *table == "" {
		return nil
	}
	f, err := os.OpenFile(*table, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(f, row)
	return errors.Join(err, f.Close())
}
