//go:build linux

package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/plenary-live/plenary/test/load/internal/crowd"
	"github.com/plenary-live/plenary/test/load/internal/report"
)

const (
	// transitionEvery is the time between transitions: a viewer that has not seen one by then has missed it.
	transitionEvery = 3 * time.Second
	// calm lets pass what connecting has left behind.
	calm = time.Second
	// restPatience bounds the wait until all is counted and sealed, lastEvent the one for the last events.
	restPatience = time.Minute
	lastEvent    = 10 * time.Second
)

// viewers has people vote while no one, few and many view the results. Then the presenter moves on before the many.
func (b *Bench) viewers(ctx context.Context, p *report.Part) error {
	audiences := []int{0, min(report.Few, b.Viewers/2), b.Viewers}
	all := b.plenaries()
	return b.turns(ctx, len(all)*len(audiences), func(round, i int) error {
		of, n := all[i%len(all)], audiences[i/len(all)]
		if err := b.view(ctx, p, of, n, round); err != nil {
			return fmt.Errorf("%s, %d viewers: %w", of.name, n, err)
		}
		return nil
	})
}

// view has n viewers, and keeps what they and the voters have seen.
func (b *Bench) view(ctx context.Context, part *report.Part, p *plenary, n, round int) (err error) {
	if err := p.unwatched(ctx); err != nil {
		return err
	}
	if err := p.quiet(ctx); err != nil {
		return err
	}
	t, err := newTalk(ctx, p.NGINX.URL, 1+b.Transitions)
	if err != nil {
		return err
	}
	began := time.Now()
	a, err := b.connect(ctx, ViewersCommand, n, func(r room) []byte { return []byte("GET " + r.path("/events") + " HTTP/1.0\r\nHost: plenary\r\n\r\n") }, t.room)
	defer func() { err = errors.Join(err, a.close()) }()
	if err != nil {
		return err
	}
	connected := ms(time.Since(began))
	time.Sleep(calm)
	values, voted, err := b.steady(ctx, p, t, a, n)
	if err != nil {
		return err
	}
	values["connect ms"] = connected
	defer func() { b.add(part, p.name, float64(n), round, values) }()
	if n < b.Viewers {
		return nil
	}
	return b.moveOn(ctx, t, a, voted, values)
}

// unwatched waits until the APIs have forgotten what was viewed before: for a few seconds they still read it.
func (p *plenary) unwatched(ctx context.Context) error {
	before := -1.
	return wait(ctx, 1200*time.Millisecond, func() (bool, error) {
		now, err := p.reads(ctx)
		still := now == before
		before = now
		return still, err
	})
}

// steady casts votes for the first poll while it stays displayed, and tells how many were acknowledged.
func (b *Bench) steady(ctx context.Context, p *plenary, t talk, a crowds, n int) (values map[string]float64, voted int64, err error) {
	used := p.groups(true)
	look := func() (h heard, reads float64, cpu map[string]float64, err error) {
		h, err = hear(a, question{})
		if err == nil {
			reads, err = p.reads(ctx)
		}
		if err == nil {
			cpu, err = used.cpu()
		}
		return h, reads, cpu, err
	}
	before, readsBefore, cpuBefore, err := look()
	if err != nil {
		return nil, 0, err
	}
	began := time.Now()
	o, err := t.offer(b.duration(), t.votes(b.nextSalt()))
	if err != nil {
		return nil, 0, err
	}
	after, readsAfter, cpuAfter, err := look()
	if err != nil {
		return nil, 0, err
	}
	seconds := time.Since(began).Seconds()
	values = map[string]float64{"reads": (readsAfter - readsBefore) / seconds, "not 204": float64(o.Due - o.Answers[http.StatusNoContent])}
	for _, p := range []float64{50, 90, 99, 99.9, 100} {
		values[fmt.Sprint(p, " %")] = ms(crowd.Percentile(o.Latencies, p))
	}
	values["events a second"] = float64(after.Seen.Results-before.Seen.Results) / seconds
	values["KB a second"] = float64(after.Seen.Bytes-before.Seen.Bytes) / seconds / 1e3
	for name, cores := range since(cpuBefore, cpuAfter, seconds) {
		values["cores "+name] = cores
	}
	values["cores behind"] = values["cores rabbitmq"] + values["cores worker"] + values["cores postgresql"]
	values["cores viewers"] = (after.CPU - before.CPU) / seconds
	voted = acknowledged(o)
	h, err := b.lastEvents(ctx, t, t.polls[:1], a, voted)
	values["wrong"] = b.wrong(h, n)
	return values, voted, err
}

// wrong tells how many of n streams did not show everything as it is, and says why.
func (b *Bench) wrong(h heard, n int) float64 {
	if h.Exact < n || h.Seen.Fell > 0 {
		b.say("of %d streams %d end at the tally, %d ids fell: %s %s", n, h.Exact, h.Seen.Fell, h.Lost, h.Differ)
	}
	return float64(n - h.Exact + h.Seen.Fell)
}

// moveOn displays the other polls one after the other while votes come in, each for the poll of which the
// presenter was told that it is displayed. The first poll has so many votes already.
func (b *Bench) moveOn(ctx context.Context, t talk, a crowds, voted int64, values map[string]float64) error {
	votes := make([]func([]byte, int) []byte, len(t.polls))
	for i, poll := range t.polls {
		votes[i] = room{t.URL, t.Presentation, poll}.votes(b.nextSalt())
	}
	var displayed atomic.Int64
	var voting sync.WaitGroup
	var o crowd.Outcome
	var votingErr error
	defer voting.Wait()
	next := time.Now().Add(calm)
	voting.Go(func() {
		o, votingErr = t.offer(calm+time.Duration(b.Transitions)*transitionEvery,
			func(buf []byte, n int) []byte { return votes[displayed.Load()](buf, n) })
	})
	var slowest []float64
	for i, poll := range t.polls[1:] {
		time.Sleep(time.Until(next))
		next = time.Now().Add(transitionEvery)
		sent := crowd.Now()
		version, err := t.display(ctx, poll)
		if err != nil {
			return err
		}
		displayed.Store(int64(i + 1))
		until := max(sent+int64(transitionEvery), crowd.Now()+int64(time.Second))
		h, err := hear(a, question{Version: version, Until: until})
		if err != nil {
			return err
		}
		missed := b.Viewers - len(h.Times)
		for range missed { // their time is as long as they were waited for
			h.Times = append(h.Times, until)
		}
		values["wrong"] += float64(missed)
		slowest = append(slowest, ms(crowd.Percentile(h.Times, 99)-time.Duration(sent)))
	}
	voting.Wait()
	if votingErr != nil {
		return votingErr
	}
	h, err := b.lastEvents(ctx, t, t.polls, a, voted+acknowledged(o))
	values["wrong"] += b.wrong(h, b.Viewers) + float64(h.Seen.Skipped)
	values["transition ms"], values["transitions"] = report.Median(slowest), float64(len(slowest))
	return err
}

// countedRate is how many votes a second come in.
const countedRate = 2000

// offer offers votes as an open loop.
func (r room) offer(d time.Duration, votes func(buf []byte, n int) []byte) (crowd.Outcome, error) {
	return crowd.Load{Addr: r.addr(), Conns: countedRate, Rate: countedRate, Duration: d, Grace: 3 * time.Second, Request: votes}.Run()
}

func acknowledged(o crowd.Outcome) int64 { return int64(o.Answers[204] + o.Answers[202]) }

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// lastEvents waits until the polls will not change any more, and then until each viewer has read their
// tallies. It is an error when fewer votes are counted than were acknowledged.
func (b *Bench) lastEvents(ctx context.Context, t talk, polls []string, a crowds, acknowledged int64) (h heard, err error) {
	ctx, cancel := context.WithTimeout(ctx, restPatience)
	defer cancel()
	var tallies map[string]tally
	for {
		counted := int64(0)
		err := wait(ctx, 300*time.Millisecond, func() (bool, error) {
			now, err := t.tallies(ctx, polls)
			rest := reflect.DeepEqual(now, tallies)
			tallies, counted = now, 0
			for _, t := range now {
				counted += t.Total
				rest = rest && t.Status != "closing"
			}
			return rest && counted >= acknowledged, err
		})
		if err != nil {
			return h, fmt.Errorf("%d votes were acknowledged and %d are counted, the tallies are %v: %w", acknowledged, counted, tallies, err)
		}
		if h, err = hear(a, question{Tallies: tallies, Until: crowd.Now() + int64(lastEvent)}); err != nil {
			return h, err
		}
		// A vote that had no answer may still be counted, and late.
		if now, err := t.tallies(ctx, polls); err != nil || reflect.DeepEqual(now, tallies) {
			return h, err
		}
	}
}

// tally is what results say of a poll, those that are asked for and those of an event.
type tally struct {
	Status  string
	Total   int64
	Options []struct {
		Key   string
		Count int64
	}
}

// tallies reads the results of polls.
func (t talk) tallies(ctx context.Context, polls []string) (map[string]tally, error) {
	all := map[string]tally{}
	for _, poll := range polls {
		var one tally
		if _, err := call(ctx, t.token, http.MethodGet, t.URL+t.path("/polls/"+poll+"/results"), nil, &one); err != nil {
			return nil, err
		}
		all[poll] = one
	}
	return all, nil
}

// question is answered when its answer is complete, at the latest at Until.
type question struct {
	Version int64            // when did each viewer read that it is displayed?
	Tallies map[string]tally // by poll: how many viewers have read just these, and nothing later?
	Until   int64
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

// hear asks all, and adds up what they answer.
func hear(a crowds, q question) (sum heard, err error) {
	err = ask(a, q, func(h heard) {
		sum.Times = append(sum.Times, h.Times...)
		sum.Exact += h.Exact
		sum.CPU += h.CPU
		sum.Seen.Results += h.Seen.Results
		sum.Seen.Bytes += h.Seen.Bytes
		sum.Seen.Lost += h.Seen.Lost
		sum.Seen.Skipped += h.Seen.Skipped
		sum.Seen.Fell += h.Seen.Fell
		sum.Differ, sum.Lost = sum.Differ+h.Differ, sum.Lost+h.Lost
	})
	slices.Sort(sum.Times)
	return sum, err
}

// Viewers is the main of a process of viewers. It ends when its standard input does.
func Viewers(stdin io.Reader, stdout io.Writer) (err error) {
	in, out := json.NewDecoder(stdin), json.NewEncoder(stdout)
	var at place
	if err := in.Decode(&at); err != nil {
		return err
	}
	v := &crowd.Viewers{Addr: at.Addr, Source: at.Source, Count: at.Clients, Request: at.Request, Patience: connectPatience}
	defer func() { err = errors.Join(err, v.Close()) }()
	if err := v.Connect(); err != nil {
		return err
	}
	if err := out.Encode(true); err != nil {
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
	for {
		looked := crowd.Now()
		select {
		case asked, more := <-questions:
			if !more {
				return nil
			}
			q = &asked
		default:
		}
		if q != nil {
			if h, complete := answer(v, *q); complete || looked >= q.Until {
				q = nil
				if err := out.Encode(h); err != nil {
					return err
				}
			}
		}
		for until := looked + int64(lookEvery); crowd.Now() < until; {
			if err := v.Read(until); err != nil {
				return err
			}
		}
	}
}

// answer answers as well as the viewers can now.
func answer(v *crowd.Viewers, q question) (h heard, complete bool) {
	seen, lost := v.Seen()
	h.Seen, complete = seen, true
	if lost != nil {
		h.Lost = lost.Error() + " "
	}
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail
	h.CPU = time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
	if q.Version > 0 {
		h.Times = v.Shown(q.Version)
		complete = len(h.Times)+seen.Lost >= v.Count
	}
	if len(q.Tallies) > 0 {
		h.Exact, h.Differ = exact(v, q.Tallies)
		complete = complete && h.Exact+seen.Lost >= v.Count
	}
	return h, complete
}

// exact counts the viewers whose newest results of every poll are these tallies.
func exact(v *crowd.Viewers, tallies map[string]tally) (count int, differ string) {
	right := map[string]bool{} // most viewers have read the same bytes
	for i := range v.Count {
		all := true
		for poll, want := range tallies {
			data := string(v.Results(i, poll))
			is, known := right[data]
			if !known {
				var read tally
				is = json.Unmarshal([]byte(data), &read) == nil && reflect.DeepEqual(read, want)
				right[data] = is
			}
			if !is {
				all, differ = false, fmt.Sprintf("viewer %d has read %q of poll %s, whose results are %v ", i, data, poll, want)
			}
		}
		if all {
			count++
		}
	}
	return count, differ
}
