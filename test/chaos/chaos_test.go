package chaos

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/test/stack"
)

var (
	seed  = flag.Uint64("seed", 1, "makes a run repeatable, as far as a machine's timing allows")
	votes = flag.Int64("votes", 0, "requests per fault, at least; 0: a short form, a few faults with few votes")
	rate  = flag.Float64("rate", 1200, "votes a second, about")
	table = flag.String("table", "", "a file to which the rows of the table are added")
)

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(tests{stack.Main(m)},
		// fasthttp looks after a client's idle connections for a while after the last one was closed.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*HostClient).connsCleaner"))
}

type tests struct{ stack.Tests }

func (t tests) Run() int {
	defer binaries.remove()
	return t.Tests.Run()
}

// options are those of this run: short within "go test ./...", long with -votes.
func options(t *testing.T) Options {
	o := Options{Seed: *seed, Votes: *votes, Logf: t.Logf, Pace: pace{
		rooms: 8, voters: 4000, tellers: 128, rate: *rate, slide: 3 * time.Second,
	}}
	if *votes == 0 {
		o.Votes, o.Pace.rate = 2000, 500
		o.Pace.rooms, o.Pace.voters, o.Pace.tellers, o.Pace.slide = 4, 400, 48, 1500*time.Millisecond
	}
	return o
}

func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("starts whole stacks and breaks them")
	}
	picked := false // a fault that is asked for by its name runs, whether it is part of the short form or not
	if run := flag.Lookup("test.run"); run != nil {
		picked = strings.Contains(run.Value.String(), "/")
	}
	for _, f := range Faults {
		if !f.Short && *votes == 0 && !picked {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			row, err := Run(t.Context(), f, options(t))
			if errors.Is(err, ErrCannot) {
				t.Skip(err)
			}
			if row != nil && row.Report != nil {
				t.Logf("%s\n%s%s%d moves, %d views, %d registers, %d overtaken, took %v", f.What, Head, row,
					row.Moves, row.Views, row.Report.Registers, row.Report.Overtaken, row.Took.Round(time.Second))
				require.NoError(t, addRow(row))
				for _, failure := range row.Failures() {
					t.Errorf("seed %d: %s", *seed, failure)
				}
			}
			require.NoError(t, err)
		})
	}
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
