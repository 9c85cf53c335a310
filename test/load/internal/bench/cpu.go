//go:build linux

package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/plenary-live/plenary/test/stack"
)

// groups names the processes of a contestant for the split of processor time.
type groups map[string][]*stack.Process

// groups gives the processes that take part in a vote.
func (p *plenary) groups(nginx bool) groups {
	g := groups{"postgresql": {p.Postgres}, "rabbitmq": p.Rabbits, "api": p.APIs,
		"worker": p.Workers}
	if nginx {
		g["nginx"] = []*stack.Process{p.NGINX}
	}
	return g
}

// ticks a second of the times in /proc: USER_HZ, which Linux gives programs as 100.
const ticks = 100

// cpu gives the seconds that each group has used since its start, with all children.
func (g groups) cpu() (map[string]float64, error) {
	parents, seconds := map[int]int{}, map[int]float64{}
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	for _, p := range processes {
		pid, err := strconv.Atoi(filepath.Base(p))
		if err != nil {
			continue
		}
		raw, err := os.ReadFile(p + "/stat")
		if err != nil {
			continue // ended just now
		}
		// "pid (comm) state ppid …": comm may hold anything, so count from its last bracket.
		fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
		if len(fields) < 15 {
			return nil, fmt.Errorf("%s/stat has %d fields", p, len(fields))
		}
		parents[pid], _ = strconv.Atoi(fields[1])
		for _, f := range fields[11:15] { // user, system, and both of children that were waited for
			n, _ := strconv.ParseFloat(f, 64)
			seconds[pid] += n / ticks
		}
	}
	used := make(map[string]float64, len(g))
	for name, processes := range g {
		roots := map[int]bool{}
		for _, p := range processes {
			roots[p.Pid()] = true
		}
		for pid, s := range seconds {
			for ancestor := pid; ancestor > 1; ancestor = parents[ancestor] {
				if roots[ancestor] {
					used[name] += s
					break
				}
			}
		}
	}
	return used, nil
}

// since gives what was used after before, per unit: votes, or seconds.
func since(before, after map[string]float64, units float64) map[string]float64 {
	per := make(map[string]float64, len(after))
	for name := range after {
		per[name] = (after[name] - before[name]) / max(units, 1)
	}
	return per
}
