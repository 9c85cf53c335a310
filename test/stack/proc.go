package stack

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// procID names one process for ever: the kernel hands a pid out again, but never with the same
// start time. Whoever signals a process it did not fork itself must check both.
type procID struct {
	pid   int
	start uint64
}

// identify reads who holds pid now. It fails when nobody does.
func identify(pid int) (procID, error) {
	stat, err := readStat(pid)
	return procID{pid, stat.start}, err
}

// alive tells whether this very process still runs; a zombie has ended.
func (id procID) alive() bool {
	stat, err := readStat(id.pid)
	return err == nil && stat.start == id.start && stat.state != 'Z' && stat.state != 'X'
}

// signal is a no-op when the process is gone, or its pid belongs to another.
func (id procID) signal(sig syscall.Signal) {
	if id.alive() {
		_ = syscall.Kill(id.pid, sig)
	}
}

// gone waits until none of ids runs any more and reports whether that came true within d.
func gone(ids []procID, d time.Duration) bool {
	deadline := time.Now().Add(d)
	for _, id := range ids {
		for id.alive() {
			if time.Now().After(deadline) {
				return false
			}
			// not our child: the kernel offers no signal to wait for
			time.Sleep(5 * time.Millisecond)
		}
	}
	return true
}

type procStat struct {
	ppid  int
	state byte
	start uint64
}

func readStat(pid int) (procStat, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return procStat{}, err
	}
	// "pid (comm) state ppid …": comm may hold spaces and brackets, so count from the last one.
	line := string(raw)
	fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
	if len(fields) < 20 {
		return procStat{}, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	ppid, err := strconv.Atoi(fields[1])
	if err != nil {
		return procStat{}, err
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	return procStat{ppid: ppid, state: fields[0][0], start: start}, err
}

// descendants lists the children of pid, their children, and so on. Groups and sessions would not
// do: PostgreSQL and Erlang put their children into groups of their own.
func descendants(pid int) []procID {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	children := map[int][]procID{}
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if stat, err := readStat(n); err == nil {
			children[stat.ppid] = append(children[stat.ppid], procID{n, stat.start})
		}
	}
	var all []procID
	for next := children[pid]; len(next) > 0; {
		id := next[0]
		next = append(next[1:], children[id.pid]...)
		all = append(all, id)
	}
	return all
}
