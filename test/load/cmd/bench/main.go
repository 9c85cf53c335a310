//go:build linux

// Command bench measures Plenary against what limits it and against what people use, and writes docs/benchmarks.md.
// See make bench.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	_ "github.com/lib/pq"

	"github.com/plenary-live/plenary/test/load/internal/bench"
	"github.com/plenary-live/plenary/test/load/internal/report"
	"github.com/plenary-live/plenary/test/load/internal/rivals"
)

func main() {
	var err error
	switch name := os.Getenv(rivals.Variable); {
	case name != "":
		err = rivals.Run(name)
	case len(os.Args) == 2 && os.Args[1] == bench.ClientsCommand:
		err = bench.Clients(os.Stdin, os.Stdout)
	case len(os.Args) == 2 && os.Args[1] == bench.ViewersCommand:
		err = bench.Viewers(os.Stdin, os.Stdout)
	default:
		err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	o := bench.Options{Output: os.Stdout}
	parts := flag.String("bench", "all", "what to measure: all, or some of "+strings.Join(bench.Parts, ", "))
	docs := flag.String("docs", "docs", "the folder of benchmarks.md and benchmarks/; empty: only print")
	render := flag.Bool("render", false, "measure nothing: write the tables and plots of results.json again")
	flag.IntVar(&o.Rounds, "rounds", 5, "how often to measure; the figures are medians")
	flag.IntVar(&o.Seconds, "seconds", 8, "how long a load lasts")
	connections := flag.String("connections", "64,256,512,2000", "of the closed loop")
	contestants := flag.String("contestants", "", "of the closed loop, with ; between: "+strings.Join(report.Contestants, "; ")+"; or all; empty: all but "+
		strings.Join(report.Named, "; "))
	rates := flag.String("rates", "100,500,1000,2000,4000,8000,12000,16000,20000,24000,28000,32000,40000,50000,60000", "of the open loop, a second, rising")
	flag.IntVar(&o.Clients, "clients", 30000, "of the stampede")
	flag.IntVar(&o.Processes, "processes", 3, "that they, and the viewers, are spread over; one holds 20,000 descriptors at most")
	flag.IntVar(&o.Viewers, "viewers", 10000, "of the event streams, at least 2")
	flag.IntVar(&o.Transitions, "transitions", 5, "that the viewers see in each round")
	sizes := flag.String("sizes", "0,10000,1000000,10000000", "votes in the table, rising")
	flag.BoolVar(&o.Passes, "passes", false, "let voters of the closed loop have passes, but in Plenary embedded, which is left out; only with -docs ''")
	before := flag.String("before", "", "a folder with the api and worker of an earlier commit: measure nothing but the closed loop on them and on the "+
		"present ones by turns, without passes and with, and print the ratios; -connections 64,512,2000")
	flag.BoolVar(&o.AccessLog, "access-log", false, "let the APIs log each request")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("what is %q? see -help", flag.Args())
	}
	if *render {
		return report.Write(*docs, func(*report.Results) error { return nil })
	}
	if o.Connections, err = numbers[int]("connections", *connections); err != nil {
		return err
	}
	if o.Rates, err = numbers[float64]("rates", *rates); err != nil {
		return err
	}
	if o.Sizes, err = numbers[int64]("sizes", *sizes); err != nil {
		return err
	}
	if o.Viewers < 2 || o.Processes < 1 || o.Transitions < 1 {
		return errors.New("-viewers takes at least 2, -processes and -transitions at least 1")
	}
	if o.Passes && *docs != "" {
		return errors.New("-passes is only with -docs '': the figures of docs/benchmarks.md are of votes without")
	}
	switch *contestants {
	case "":
		o.Contestants = slices.DeleteFunc(slices.Clone(report.Contestants), func(name string) bool { return slices.Contains(report.Named, name) })
	case "all":
		o.Contestants = report.Contestants
	default:
		for name := range strings.SplitSeq(*contestants, ";") {
			if name = strings.TrimSpace(name); !slices.Contains(report.Contestants, name) {
				return fmt.Errorf("-contestants: there is no %q", name)
			}
			o.Contestants = append(o.Contestants, name)
		}
	}
	wanted := bench.Parts
	if *parts != "all" {
		wanted = strings.Split(*parts, ",")
	}
	for _, part := range wanted {
		if !slices.Contains(bench.Parts, part) {
			return fmt.Errorf("-bench: there is no %q: all, or some of %s", part, strings.Join(bench.Parts, ","))
		}
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	b, err := bench.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if *before != "" {
		return b.Compare(ctx, *before)
	}
	for _, part := range wanted {
		_, _ = o.Output.Write([]byte("\n" + part + "\n"))
		measured := func(r *report.Results) error { return b.Measure(ctx, part, r) }
		if *docs == "" {
			err = measured(&report.Results{})
		} else {
			err = report.Write(*docs, measured) // part by part: what was measured is kept when a later one fails
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// numbers reads a list with commas.
func numbers[N int | int64 | float64](flag, list string) (all []N, err error) {
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.ParseFloat(strings.TrimSpace(field), 64)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("-%s: %q is no number", flag, field)
		}
		all = append(all, N(n))
	}
	return all, nil
}
