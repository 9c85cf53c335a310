//go:build linux

package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plenary-live/plenary/test/load/internal/crowd"
	"github.com/plenary-live/plenary/test/load/internal/report"
)

const (
	// transitionEvery is the time between transitions. A viewer that needs more has missed one.
	transitionEvery = 3 * time.Second
	// calm lets pass what connecting has left behind.
	calm = time.Second
	// restPatience bounds the wait until all is counted and sealed, lastEvent the last events.
	restPatience = time.Minute
	lastEvent    = 10 * time.Second
)

// viewers has people vote while no one, few and many view. The presenter moves on at last.
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
	if err := errors.Join(p.unwatched(ctx), p.quiet(ctx)); err != nil {
		return err
	}
	t, err := newTalk(ctx, p.NGINX.URL, 1+b.Transitions)
	if err != nil {
		return err
	}
	a, err := t.view(n)
	defer func() { err = errors.Join(err, a.close()) }()
	if err != nil {
		return err
	}
	time.Sleep(calm)
	values, voted, err := b.steady(ctx, p, t, a)
	if err == nil && n == b.Viewers {
		err = b.moveOn(ctx, t, a, voted, values)
	}
	b.add(part, p.name, float64(n), round, values)
	return err
}

// unwatched waits until the APIs no longer read what was viewed before.
func (p *plenary) unwatched(ctx context.Context) error {
	before := -1.
	return wait(ctx, 1200*time.Millisecond, func() (bool, error) {
		now, err := p.reads(ctx)
		still := now == before
		before = now
		return still, err
	})
}

// steady casts votes for one poll, and tells how many were acknowledged.
func (b *Bench) steady(ctx context.Context, p *plenary, t talk, a *audience) (
	values map[string]float64, voted int64, err error) {
	look := func() (reads, events float64, cpu map[string]float64, err error) {
		if reads, err = p.reads(ctx); err == nil {
			cpu, err = p.groups(true).cpu()
		}
		return reads, float64(a.seen().Results), cpu, err
	}
	readsBefore, eventsBefore, before, err := look()
	if err != nil {
		return nil, 0, err
	}
	began := time.Now()
	o, err := t.offer(b.duration(), t.votes(b.nextSalt()))
	if err != nil {
		return nil, 0, err
	}
	seconds := time.Since(began).Seconds()
	reads, events, after, err := look()
	values = map[string]float64{"reads": (reads - readsBefore) / seconds,
		"not 204":         float64(len(o.Latencies) - o.Answers[http.StatusNoContent]),
		"events a second": (events - eventsBefore) / seconds}
	for _, p := range []float64{50, 90, 99, 99.9, 100} {
		values[fmt.Sprint(p, " %")] = ms(crowd.Percentile(o.Latencies, p))
	}
	for name, cores := range since(before, after, seconds) {
		values["cores "+name] = cores
	}
	values["cores behind"] = values["cores rabbitmq"] + values["cores worker"] +
		values["cores postgresql"]
	voted = acknowledged(o)
	wrong, lastErr := b.lastEvents(ctx, t, t.polls[:1], a, voted)
	values["wrong"] = float64(wrong)
	return values, voted, errors.Join(err, lastErr)
}

// moveOn displays the other polls one after the other while votes come in. Each vote is for the
// poll of which the presenter was told that it is displayed. The first poll has so many votes
// already.
func (b *Bench) moveOn(ctx context.Context, t talk, a *audience, voted int64,
	values map[string]float64) error {
	votes := make([]func([]byte, int) []byte, len(t.polls))
	for i, poll := range t.polls {
		votes[i] = room{URL: t.URL, Presentation: t.Presentation, Poll: poll}.votes(b.nextSalt())
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
		var times []int64
		a.until(until, func(v *crowd.Viewers) bool {
			times = slices.Clone(v.Shown(version))
			return len(times) == v.Count
		})
		missed := b.Viewers - len(times)
		for range missed { // their time is as long as they were waited for
			times = append(times, until)
		}
		values["wrong"] += float64(missed)
		slices.Sort(times)
		slowest = append(slowest, ms(crowd.Percentile(times, 99)-time.Duration(sent)))
	}
	voting.Wait()
	if votingErr != nil {
		return votingErr
	}
	wrong, err := b.lastEvents(ctx, t, t.polls, a, voted+acknowledged(o))
	values["wrong"] += float64(wrong + a.seen().Skipped)
	values["seen ms"], values["transitions"] = report.Median(slowest), float64(len(slowest))
	return err
}

// countedRate is how many votes a second come in.
const countedRate = 2000

// offer offers votes as an open loop.
func (r room) offer(d time.Duration, votes func(buf []byte, n int) []byte) (crowd.Outcome, error) {
	l := crowd.Load{Addr: r.addr(), Conns: countedRate, Rate: countedRate,
		Due: int(countedRate * d.Seconds()), Patience: 3 * time.Second, Request: votes}
	if err := l.Connect(); err != nil {
		return crowd.Outcome{}, err
	}
	return l.Run(crowd.Now() + int64(10*time.Millisecond))
}

func acknowledged(o crowd.Outcome) int64 { return int64(o.Answers[204] + o.Answers[202]) }

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// lastEvents waits until the polls rest, and each viewer has read their tallies. It tells how many
// streams are wrong. Fewer counted votes than acknowledged are an error.
func (b *Bench) lastEvents(ctx context.Context, t talk, polls []string, a *audience,
	acknowledged int64) (wrong int, err error) {
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
			return 0, fmt.Errorf("%d of %d are counted, %v: %w", counted, acknowledged, tallies,
				err)
		}
		why := ""
		a.until(crowd.Now()+int64(lastEvent), func(v *crowd.Viewers) bool {
			wrong, why = differ(v, tallies)
			return wrong == 0
		})
		// A vote that had no answer may still be counted, and late.
		if now, err := t.tallies(ctx, polls); err != nil || reflect.DeepEqual(now, tallies) {
			if wrong += a.seen().Fell; wrong > 0 {
				b.say("%d streams are wrong, %d of them lost: %s", wrong, a.seen().Lost, why)
			}
			return wrong, err
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
		url := t.URL + t.path("/polls/"+poll+"/results")
		if _, err := call(ctx, t.token, http.MethodGet, url, nil, &one); err != nil {
			return nil, err
		}
		all[poll] = one
	}
	return all, nil
}

// differ counts the viewers whose newest results of some poll are not its tally.
func differ(v *crowd.Viewers, tallies map[string]tally) (count int, why string) {
	right := map[string]bool{} // most viewers have read the same bytes
	for i := range v.Count {
		for poll, want := range tallies {
			data := string(v.Results(i, poll))
			is, known := right[data]
			if !known {
				var read tally
				is = json.Unmarshal([]byte(data), &read) == nil && reflect.DeepEqual(read, want)
				right[data] = is
			}
			if !is {
				count, why = count+1, fmt.Sprintf("%d has read %q, not %v", i, data, want)
				break
			}
		}
	}
	return count, why
}

// audience is viewers that read, on a goroutine of their own, until they are closed.
type audience struct {
	mutex   sync.Mutex
	viewers *crowd.Viewers
	closed  bool
	failed  error
	reading sync.WaitGroup
}

// view has n viewers look at a talk. Close them in any case.
func (t talk) view(n int) (*audience, error) {
	a := &audience{viewers: &crowd.Viewers{Addr: t.addr(),
		Source: netip.MustParseAddr("127.0.1.1"), Count: n, Patience: connectPatience,
		Request: []byte("GET " + t.path("/events") + " HTTP/1.0\r\nHost: plenary\r\n\r\n")}}
	if err := a.viewers.Connect(); err != nil {
		return a, err
	}
	read := func(v *crowd.Viewers) { a.failed = v.Read(crowd.Now() + int64(20*time.Millisecond)) }
	a.reading.Go(func() {
		for a.do(read) {
		}
	})
	return a, nil
}

// do calls f while nothing is read, and tells whether the audience goes on.
func (a *audience) do(f func(*crowd.Viewers)) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	f(a.viewers)
	return !a.closed && a.failed == nil
}

func (a *audience) seen() (seen crowd.Seen) {
	a.do(func(v *crowd.Viewers) { seen, _ = v.Seen() })
	return seen
}

// until asks a question again and again until the answer is yes, or it is the time end.
func (a *audience) until(end int64, yes func(*crowd.Viewers) bool) {
	for done := false; !done && crowd.Now() < end; time.Sleep(20 * time.Millisecond) {
		a.do(func(v *crowd.Viewers) { done = yes(v) })
	}
}

func (a *audience) close() error {
	a.do(func(*crowd.Viewers) { a.closed = true })
	a.reading.Wait()
	return errors.Join(a.failed, a.viewers.Close())
}
