//go:build linux

// Command bench measures Plenary, and writes docs/benchmarks.md. See make bench.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	_ "github.com/lib/pq"

	"github.com/plenary-live/plenary/test/load/internal/bench"
	"github.com/plenary-live/plenary/test/load/internal/report"
)

func main() {
	main := run
	if len(os.Args) == 2 && os.Args[1] == bench.ClientsCommand {
		main = func() error { return bench.Clients(os.Stdin, os.Stdout) }
	}
	if err := main(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	o := bench.Options{Output: os.Stdout}
	parts := flag.String("bench", "all", "all parts, or some of "+strings.Join(report.Parts, ","))
	docs := flag.String("docs", "docs", "the folder of benchmarks.md; empty: only print")
	render := flag.Bool("render", false, "only write the tables and plots of results.json again")
	flag.IntVar(&o.Rounds, "rounds", 5, "how often to measure; the figures are medians")
	flag.IntVar(&o.Seconds, "seconds", 8, "how long a load lasts")
	connections := flag.String("connections", "64,256,512,2000", "of the closed loop")
	contestants := flag.String("contestants", "all",
		"of the closed loop: all, or some of "+strings.Join(report.Contestants, "; "))
	flag.IntVar(&o.Clients, "clients", 30000, "of the stampede")
	flag.IntVar(&o.Processes, "processes", 3, "of them; one has 20,000 descriptors at most")
	flag.IntVar(&o.Viewers, "viewers", report.Viewers, "of the event streams, at least 2")
	flag.IntVar(&o.Transitions, "transitions", 5, "that the viewers see in each round")
	flag.IntVar(&o.FeedPolls, "feed-polls", 1_000_000,
		"of the full feed, at least 200; the small one has a hundredth")
	flag.IntVar(&o.FeedAnswers, "feed-answers", 10_000_000, "of the full feed, about")
	flag.StringVar(&o.Before, "before", "",
		"a folder with an earlier commit's api and worker, measured by turns, with voters' passes")
	flag.IntVar(&o.Partitions, "partitions", 0, "of the log, of the present commit; 0: its default")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("what is %q? see -help", flag.Args())
	}
	possible := slices.DeleteFunc(slices.Clone(report.Contestants), func(name string) bool {
		return o.Before == "" && slices.Contains(report.OnlyBefore, name)
	})
	if o.Contestants, err = names("contestants", *contestants, ";", possible); err != nil {
		return err
	}
	wanted, err := names("bench", *parts, ",", report.Parts)
	if err != nil {
		return err
	}
	for field := range strings.SplitSeq(*connections, ",") {
		n, err := strconv.Atoi(field)
		if err != nil {
			return fmt.Errorf("-connections: %w", err)
		}
		o.Connections = append(o.Connections, n)
	}
	if o.FeedPolls < 200 {
		return errors.New("-feed-polls takes at least 200")
	}
	if o.Viewers < 2 || o.Processes < 1 || o.Transitions < 1 {
		return errors.New("-viewers takes at least 2, -processes and -transitions at least 1")
	}
	r := report.Results{}
	if *docs != "" {
		if r, err = report.Read(filepath.Join(*docs, "benchmarks", "results.json")); err != nil {
			return err
		}
	}
	if *render {
		return r.Write(*docs)
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	b, err := bench.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	for _, part := range wanted {
		fmt.Printf("\n%s\n", part)
		if err := b.Measure(ctx, part, r); err != nil {
			return err
		}
		if *docs != "" { // part by part: what was measured is kept when a later one fails
			if err := r.Write(*docs); err != nil {
				return err
			}
		}
	}
	if o.Before != "" {
		fmt.Printf("\n%s", r.Compared())
	}
	fmt.Printf("\n%s", r.Targets())
	return nil
}

// names reads a list of names that there are.
func names(flag, list, between string, possible []string) (some []string, err error) {
	if list == "all" {
		return possible, nil
	}
	for name := range strings.SplitSeq(list, between) {
		if name = strings.TrimSpace(name); !slices.Contains(possible, name) {
			return nil, fmt.Errorf("-%s: there is no %q: all, or some of %s", flag, name,
				strings.Join(possible, between+" "))
		}
		some = append(some, name)
	}
	return some, nil
}
