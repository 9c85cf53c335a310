//go:build linux

package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/plenary-live/plenary/test/load/internal/crowd"
)

// seat is what a process of viewers is told, on a line of its standard input. Then it answers questions, a line each.
type seat struct {
	Addr    netip.AddrPort
	Source  netip.Addr
	Viewers int
	Request []byte
}

// question is answered when its answer is complete, at the latest at Until.
type question struct {
	Version int64            // when did each viewer read that it is displayed?
	Tallies map[string]tally // by poll: how many viewers have read just these, and nothing later?
	Until   int64
}

// tally is a poll's in the database, or of results.
type tally struct {
	Status string
	Total  int64
	Counts map[string]int64 // by option
}

func (t tally) equal(other tally) bool {
	return t.Status == other.Status && t.Total == other.Total && maps.Equal(t.Counts, other.Counts)
}

// heard is the answer.
type heard struct {
	Times  []int64
	Exact  int    // viewers that have read all Tallies, each as the poll's newest
	Differ string // what one of the others has read
	Seen   crowd.Seen
	Lost   string  // why the first stream that is lost has ended
	CPU    float64 // seconds that the process has used
}

// audience is viewers in several processes.
type audience []*clients

// openStreams connects n viewers with a presentation, and waits until each of them knows what is displayed. Close it in any case.
func (b *Bench) openStreams(ctx context.Context, r room, n int) (a audience, err error) {
	processes := min(b.Processes, n)
	for i := range processes {
		// A source address per process, as in a stampede.
		s := seat{Addr: r.addr(), Source: netip.AddrFrom4([4]byte{127, 0, 1, byte(i + 1)}), Viewers: (n + i) / processes, Request: r.get(r.path("/events"))}
		c, err := startClients(ctx, b.binary("bench"), ViewersCommand, s)
		if err != nil {
			return a, err
		}
		a = append(a, c)
	}
	for _, c := range a {
		if err := c.connected(); err != nil {
			return a, err
		}
	}
	return a, nil
}

// ask asks all, and adds up what they answer.
func (a audience) ask(q question) (sum heard, err error) {
	for _, c := range a {
		if err := json.NewEncoder(c.in).Encode(q); err != nil {
			return sum, err
		}
	}
	for _, c := range a {
		line, err := c.out.ReadBytes('\n')
		if err != nil {
			return sum, fmt.Errorf("viewers are gone: %w", err)
		}
		var h heard
		if err := json.Unmarshal(line, &h); err != nil {
			return sum, err
		}
		sum.Times = append(sum.Times, h.Times...)
		sum.Exact += h.Exact
		sum.CPU += h.CPU
		sum.Seen.Displayed += h.Seen.Displayed
		sum.Seen.Results += h.Seen.Results
		sum.Seen.Bytes += h.Seen.Bytes
		sum.Seen.Lost += h.Seen.Lost
		sum.Seen.Skipped += h.Seen.Skipped
		sum.Seen.Fell += h.Seen.Fell
		if sum.Differ == "" {
			sum.Differ = h.Differ
		}
		if sum.Lost == "" {
			sum.Lost = h.Lost
		}
	}
	slices.Sort(sum.Times)
	return sum, nil
}

func (a audience) close() error {
	var errs []error
	for _, c := range a {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}

// ViewersCommand is the argument with which the program is a process of viewers.
const ViewersCommand = "viewers"

// Viewers is its main. It ends when its standard input does.
func Viewers(stdin io.Reader, stdout io.Writer) (err error) {
	in := json.NewDecoder(bufio.NewReader(stdin))
	var s seat
	if err := in.Decode(&s); err != nil {
		return err
	}
	v := &crowd.Viewers{Addr: s.Addr, Sources: []netip.Addr{s.Source}, Count: s.Viewers, Request: s.Request, Patience: connectPatience}
	defer func() { err = errors.Join(err, v.Close()) }()
	if err := v.Connect(); err != nil {
		_, _ = fmt.Fprintln(stdout, err)
		return err
	}
	if _, err := fmt.Fprintln(stdout, "connected"); err != nil {
		return err
	}
	questions := make(chan question)
	go func() { // it ends with its input, or with the process
		defer close(questions)
		for {
			var q question
			if in.Decode(&q) != nil {
				return
			}
			questions <- q
		}
	}()
	const lookEvery = 20 * time.Millisecond
	var q *question
	for looked := int64(0); ; {
		now := crowd.Now()
		if now-looked >= int64(lookEvery) {
			looked = now
			select {
			case asked, more := <-questions:
				if !more {
					return nil
				}
				q = &asked
			default:
			}
			if q != nil {
				if h, complete := answer(v, s.Viewers, *q); complete || now >= q.Until {
					q = nil
					if err := json.NewEncoder(stdout).Encode(h); err != nil {
						return err
					}
				}
			}
		}
		if err := v.Read(looked + int64(lookEvery)); err != nil {
			return err
		}
	}
}

// answer answers as well as the n viewers can now.
func answer(v *crowd.Viewers, n int, q question) (h heard, complete bool) {
	seen, lost := v.Seen()
	h.Seen, complete = seen, true
	if lost != nil {
		h.Lost = lost.Error()
	}
	var used unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &used) == nil {
		h.CPU = float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
	}
	if q.Version > 0 {
		h.Times = v.Shown(q.Version)
		complete = len(h.Times)+seen.Lost >= n
	}
	if len(q.Tallies) > 0 {
		h.Exact, h.Differ = exact(v, n, q.Tallies)
		complete = complete && h.Exact+seen.Lost >= n
	}
	return h, complete
}

// exact counts the viewers whose newest results of every poll are these tallies.
func exact(v *crowd.Viewers, n int, tallies map[string]tally) (count int, differ string) {
	type reading struct{ poll, data string }
	right := map[reading]bool{} // most viewers have read the same bytes
	for i := range n {
		all := true
		for poll, want := range tallies {
			r := reading{poll, string(v.Results(i, poll))}
			is, known := right[r]
			if !known {
				is = results(r.data).equal(want)
				right[r] = is
			}
			if !is {
				all = false
				differ = fmt.Sprintf("viewer %d has read %q of poll %s, and the database has %v", i, r.data, poll, want)
			}
		}
		if all {
			count++
		}
	}
	return count, differ
}

// results reads the tally of a results event; what is none has no status.
func results(data string) (t tally) {
	var r struct {
		Status  string
		Total   int64
		Options []struct {
			Key   string
			Count int64
		}
	}
	if json.Unmarshal([]byte(data), &r) != nil {
		return t
	}
	t = tally{r.Status, r.Total, map[string]int64{}}
	for _, o := range r.Options {
		t.Counts[o.Key] = o.Count
	}
	return t
}
