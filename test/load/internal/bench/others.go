//go:build linux

package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/plenary-live/plenary/test/load/internal/crowd"
)

const (
	// othersEvery is how often it is asked whether others have run, and othersShare of that time of a processor is what they must have had.
	othersEvery = 5 * time.Millisecond
	othersShare = othersEvery / 5
	// aftermath is how long what they held up takes until it has caught up.
	aftermath = 30 * time.Millisecond
)

// others are the machine's own processes that the kernel prefers to ours (a lower nice value): what a cloud's agent does is no
// concern of the product's, but its votes wait for it.
type others struct {
	threads []*os.File // what the kernel tells of each (proc_pid_schedstat)
	ended   chan struct{}
	asking  sync.WaitGroup
	spans   []crowd.Span // in which they ran, with the aftermath
}

// watchOthers notes from now on when they run. Stop it in any case, once.
func watchOthers() *others {
	o := &others{ended: make(chan struct{})}
	ours, _ := niceOf("/proc/self")
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range processes {
		if nice, ok := niceOf(p); !ok || nice >= ours {
			continue
		}
		if command, err := os.ReadFile(p + "/cmdline"); err != nil || len(command) == 0 {
			continue // it has ended, or is the kernel's, which works for us, too
		}
		threads, _ := filepath.Glob(p + "/task/*/schedstat")
		for _, t := range threads {
			if f, err := os.Open(t); err == nil {
				o.threads = append(o.threads, f)
			}
		}
	}
	if len(o.threads) > 0 {
		o.asking.Go(o.ask)
	}
	return o
}

// niceOf reads a process's nice value, and tells whether there is one.
func niceOf(process string) (nice int, ok bool) {
	raw, err := os.ReadFile(process + "/stat")
	fields := statFields(raw)
	if err != nil || len(fields) < 17 {
		return 0, false
	}
	nice, err = strconv.Atoi(fields[16])
	return nice, err == nil
}

func (o *others) ask() {
	last, before := crowd.Now(), o.ran()
	for tick := time.NewTicker(othersEvery); ; {
		select {
		case <-o.ended:
			tick.Stop()
			return
		case <-tick.C:
			now, ran := crowd.Now(), o.ran()
			if ran-before > othersShare.Nanoseconds() {
				o.spans = append(o.spans, crowd.Span{last, now + int64(aftermath)})
			}
			last, before = now, ran
		}
	}
}

// ran gives the nanoseconds that they have had of processors.
func (o *others) ran() (sum int64) {
	var line [100]byte
	for _, t := range o.threads {
		n, _ := t.ReadAt(line[:], 0) // none: it has ended
		first, _, _ := bytes.Cut(line[:n], []byte(" "))
		one, _ := strconv.ParseInt(string(first), 10, 64)
		sum += one
	}
	return sum
}

func (o *others) stop() {
	close(o.ended)
	o.asking.Wait()
	for _, t := range o.threads {
		_ = t.Close()
	}
}

// apart gives the spans that none of theirs touches, after stop.
func (o *others) apart(all []crowd.Span) (apart []crowd.Span) {
	for _, s := range all {
		// Theirs begin and end in the same order: the first that ends after s begins decides.
		i, _ := slices.BinarySearchFunc(o.spans, s[0], func(t crowd.Span, at int64) int {
			if t[1] < at {
				return -1
			}
			return 1
		})
		if i == len(o.spans) || o.spans[i][0] > s[1] {
			apart = append(apart, s)
		}
	}
	return apart
}
