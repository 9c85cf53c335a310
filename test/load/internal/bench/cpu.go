//go:build linux

package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/plenary-live/plenary/test/stack"
)

// groups names the processes of a contestant for the split of CPU time.
type groups map[string][]*stack.Process

// ticks a second of the times in /proc: USER_HZ, which Linux gives programs as 100 on every machine.
const ticks = 100

// cpu gives the seconds that each group has used since its start, with all children, ended ones too.
func (g groups) cpu() (map[string]float64, error) {
	type stat struct {
		ppid int
		used float64
	}
	all := map[int]stat{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // ended just now
		}
		fields := statFields(raw)
		if len(fields) < 15 {
			return nil, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
		}
		s := stat{}
		s.ppid, _ = strconv.Atoi(fields[1])
		for _, f := range fields[11:15] { // user, system, and both of children that were waited for
			n, err := strconv.ParseFloat(f, 64)
			if err != nil {
				return nil, err
			}
			s.used += n / ticks
		}
		all[pid] = s
	}
	used := make(map[string]float64, len(g))
	for name, processes := range g {
		roots := map[int]bool{}
		for _, p := range processes {
			roots[p.Pid()] = true
		}
		for pid, s := range all {
			for ancestor, known := pid, true; known && ancestor > 1; ancestor, known = all[ancestor].ppid, all[ancestor].ppid != 0 {
				if roots[ancestor] {
					used[name] += s.used
					break
				}
			}
		}
	}
	return used, nil
}

// statFields gives what the kernel tells of a process (proc_pid_stat) from its third field on, the state.
func statFields(raw []byte) []string {
	// "pid (comm) state ppid …": comm may hold anything, so count from its last bracket.
	return strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
}

// since gives the microseconds per vote that were used after before.
func since(before, after map[string]float64, votes int64) map[string]float64 {
	per := make(map[string]float64, len(after))
	for name := range after {
		per[name] = (after[name] - before[name]) * 1e6 / float64(max(votes, 1))
	}
	return per
}
