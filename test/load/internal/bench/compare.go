//go:build linux

package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/plenary-live/plenary/test/load/internal/report"
	"github.com/plenary-live/plenary/test/stack"
)

// side is one of those that are compared.
type side struct {
	name   string
	passes bool
	stack  *stack.Stack
	db     *sql.DB
}

// point is where they are: directly or through NGINX, over so many connections.
type point struct {
	way         string
	connections int
}

// Compare has wrk vote on Plenary as it is, with and without voters' passes, and on an earlier one, whose api and worker are in a
// folder, by turns: each load of one follows a load of another, so that what else the machine does meets all of them. Both run in the
// whole shape, each with servers of its own. It prints the medians, and those of the ratios within each round.
func (b *Bench) Compare(ctx context.Context, folder string) (err error) {
	before, db, err := b.startBefore(ctx, folder)
	defer func() {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
		if before != nil {
			err = errors.Join(err, before.Close())
		}
	}()
	if err != nil {
		return fmt.Errorf("-before: %w", err)
	}
	sides := []side{{"before", false, before, db}, {"now", false, b.plenary, b.admin}, {"now, passes", true, b.plenary, b.admin}}
	var points []point
	for _, way := range []string{"direct", "NGINX"} {
		for _, connections := range b.Connections {
			points = append(points, point{way, connections})
		}
	}
	loads := map[point]map[string][]report.Closed{}
	for round := range b.Rounds {
		for _, at := range points {
			for i := range sides {
				s := sides[(i+round)%len(sides)] // each round begins with another one
				load, err := b.closed(ctx, s.contestant(at.way), at.connections, round)
				if err != nil {
					return fmt.Errorf("%s, %s, %d connections: %w", s.name, at.way, at.connections, err)
				}
				if loads[at] == nil {
					loads[at] = map[string][]report.Closed{}
				}
				loads[at][s.name] = append(loads[at][s.name], load)
				b.say("round %d  %5d  %-6s  %-12s %8.0f votes/s  p99 %7.1f ms  %5.1f µs CPU  refused %d, broken %d", round+1, at.connections, at.way,
					s.name, load.Rate(), load.P99, load.TotalCPU(), load.Refused, load.Broken)
			}
		}
	}
	b.say("\n%s", comparison(points, loads))
	return nil
}

// startBefore starts the earlier Plenary in the shape that the present one has.
func (b *Bench) startBefore(ctx context.Context, folder string) (s *stack.Stack, db *sql.DB, err error) {
	for _, name := range []string{"api", "worker"} { // the servers' user may not be let into the folder
		binary, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return nil, nil, err
		}
		if err := os.WriteFile(b.binary("before-"+name), binary, 0o755); err != nil {
			return nil, nil, err
		}
	}
	s, err = stack.Start(ctx, stack.Config{
		APIBinary: b.binary("before-api"), WorkerBinary: b.binary("before-worker"), Output: b.Output,
		APIEnv: logging(b.AccessLog), WorkerEnv: logging(false), PostgresConf: postgresConf(),
	})
	if err != nil {
		return nil, nil, err
	}
	db, err = sql.Open("postgres", withDatabase(s.DatabaseAdminURL, "plenary"))
	if err == nil {
		err = db.PingContext(ctx)
	}
	return s, db, err
}

// contestant is a side, reached in one way. Of the processes no metric is asked: an earlier one may have others.
func (s side) contestant(way string) contestant {
	url := s.stack.APIs[0].URL
	cpu := groups{"postgresql": {s.stack.Postgres}, "rabbitmq": s.stack.Rabbits, "api": s.stack.APIs, "worker": s.stack.Workers}
	if way == "NGINX" {
		url, cpu["nginx"] = s.stack.NGINX.URL, []*stack.Process{s.stack.NGINX}
	}
	made := newRoom
	if s.passes {
		made = newPassRoom
	}
	return contestant{
		name: s.name, passes: s.passes, db: s.db, cpu: cpu,
		rooms: func(ctx context.Context) ([]room, error) {
			r, err := made(ctx, url)
			return []room{r}, err
		},
		counted: func(ctx context.Context, r room) (n int64, err error) {
			err = s.db.QueryRowContext(ctx, countedVotes, r.poll).Scan(&n)
			return n, err
		},
	}
}

// comparison is the table of what was measured.
func comparison(points []point, loads map[point]map[string][]report.Closed) string {
	var t strings.Builder
	t.WriteString("| | connections | before, votes/s | now ÷ before | passes ÷ before | before, µs CPU a vote | now ÷ before | passes ÷ before |\n" +
		"|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, at := range points {
		fmt.Fprintf(&t, "| %s | %d |", at.way, at.connections)
		for i, figure := range []func(report.Closed) float64{report.Closed.Rate, report.Closed.TotalCPU} {
			before, now, passes := each(loads[at]["before"], figure), each(loads[at]["now"], figure), each(loads[at]["now, passes"], figure)
			fmt.Fprintf(&t, " %.*f | %.2f | %.2f |", i, median(before), median(ratios(now, before)), median(ratios(passes, before)))
		}
		t.WriteString("\n")
	}
	return t.String()
}

func each(loads []report.Closed, figure func(report.Closed) float64) (all []float64) {
	for _, l := range loads {
		all = append(all, figure(l))
	}
	return all
}

// ratios divides what was measured in the same round.
func ratios(of, by []float64) (all []float64) {
	for i := range of {
		all = append(all, of[i]/by[i])
	}
	return all
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}
