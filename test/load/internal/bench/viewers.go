//go:build linux

package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plenary-live/plenary/test/load/internal/crowd"
	"github.com/plenary-live/plenary/test/load/internal/report"
)

const (
	// fewViewers are enough that each replica has some: what more of them cost the database is the question.
	fewViewers = 100
	// transitionEvery is the time from one transition to the next; who has not seen it by then has missed it.
	transitionEvery = 3 * time.Second
	// calm lets pass what connecting has left behind.
	calm = time.Second
	// restPatience bounds the wait until all is counted and sealed, lastEvent the one for the streams' last events.
	restPatience = time.Minute
	lastEvent    = 10 * time.Second
)

// viewers has people vote while nobody, few and many view the results, and the presenter move on before the many.
func (b *Bench) viewers(ctx context.Context, run report.Run) (_ *report.Viewers, err error) {
	v := &report.Viewers{Run: run, Viewers: b.Viewers, Few: min(fewViewers, b.Viewers/2), Processes: b.Processes, Rate: countedRate}
	counts, stop, err := b.countStatements(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for round := range b.Rounds {
		audiences := []int{0, v.Few, v.Viewers}
		if round%2 == 1 {
			slices.Reverse(audiences)
		}
		for _, n := range audiences {
			if err := b.view(ctx, v, n, round, counts); err != nil {
				return nil, fmt.Errorf("%d viewers: %w", n, err)
			}
		}
	}
	return v, nil
}

// view has n viewers, and adds to v what they and the voters have seen.
func (b *Bench) view(ctx context.Context, v *report.Viewers, n, round int, counts bool) (err error) {
	if err := b.unwatched(ctx); err != nil {
		return err
	}
	if err := b.quiet(ctx); err != nil {
		return err
	}
	t, err := newTalk(ctx, b.plenary.NGINX.URL, 1+b.Transitions)
	if err != nil {
		return err
	}
	began := time.Now()
	a, err := b.openStreams(ctx, t.room, n)
	defer func() { err = errors.Join(err, a.close()) }()
	if err != nil {
		return err
	}
	l := report.Viewed{Round: round, Viewers: n, Connect: ms(time.Since(began))}
	time.Sleep(calm)
	if err := b.steady(ctx, t, a, &l, counts); err != nil {
		return err
	}
	v.Loads = append(v.Loads, l)
	b.say("round %d  %6d viewers, connected %6.0f ms  votes %s", round+1, n, l.Connect, line(l.Vote))
	b.say("         apart from when others of the machine ran (%.0f %% of the votes): p50 %.2f  p99 %.2f ms", 100*l.ApartOf, l.Apart["50"], l.Apart["99"])
	b.say("         reads %.1f, statements %.1f a second, by the APIs: %s; processors in use: %s", l.Reads, l.Statements, listed(l.Calls), listed(l.CPU))
	b.say("         events %d, %d bytes, streams at the tally %d, lost %d, ids that fell %d %s", l.Events, l.Bytes, l.Exact, l.Lost, l.Fell, l.Why)
	if n < v.Viewers {
		return nil
	}
	m, err := b.moveOn(ctx, t, a, round, acknowledged(l.Vote))
	if err != nil {
		return err
	}
	v.Talks = append(v.Talks, m)
	for _, s := range m.Transitions {
		b.say("         version %d: answered after %4.0f ms; from then p50 %4.0f  p99 %4.0f  last %4.0f; from the request p50 %4.0f  p99 %4.0f  last %4.0f ms; missed %d",
			s.Version, s.Answered, s.FromAnswer["50"], s.FromAnswer["99"], s.FromAnswer["100"], s.FromRequest["50"], s.FromRequest["99"], s.FromRequest["100"], s.Missed)
	}
	b.say("         meanwhile votes %s", line(m.Vote))
	b.say("         streams at the tallies %d, lost %d, versions skipped %d, ids that fell %d %s", m.Exact, m.Lost, m.Skipped, m.Fell, m.Why)
	return nil
}

// unwatched waits until the APIs have forgotten what was viewed before: for a few seconds they keep reading what nobody views any more.
func (b *Bench) unwatched(ctx context.Context) error {
	before := [2]float64{-1}
	return wait(ctx, 1200*time.Millisecond, func() (bool, error) {
		a, err := b.asked(ctx, false)
		now := [2]float64{a.calls["display"], a.calls["results"]}
		still := now == before
		before = now
		return still, err
	})
}

// steady casts votes for the first poll while it stays displayed.
func (b *Bench) steady(ctx context.Context, t talk, a audience, l *report.Viewed, counts bool) error {
	used := groups{"postgresql": {b.plenary.Postgres}, "rabbitmq": b.plenary.Rabbits, "api": b.plenary.APIs, "worker": b.plenary.Workers, "nginx": {b.plenary.NGINX}}
	look := func() (h heard, d asked, cpu map[string]float64, err error) {
		h, err = a.ask(question{})
		if err == nil {
			d, err = b.asked(ctx, counts)
		}
		if err == nil {
			cpu, err = used.cpu()
		}
		return h, d, cpu, err
	}
	heardBefore, askedBefore, cpuBefore, err := look()
	if err != nil {
		return err
	}
	began := time.Now()
	machine := watchOthers()
	o, err := t.cast(countedRate, time.Duration(b.Seconds)*time.Second, t.votes(b.nextSalt()))
	machine.stop()
	if err != nil {
		return err
	}
	heardAfter, askedAfter, cpuAfter, err := look()
	if err != nil {
		return err
	}
	seconds := time.Since(began).Seconds()
	l.Vote = level("vote", countedRate, o, 204)
	apart := machine.apart(o.Spans)
	l.Apart, l.ApartOf = percentiles(crowd.Latencies(apart)), float64(len(apart))/float64(max(len(o.Spans), 1))
	d := askedAfter.since(askedBefore, seconds, counts)
	l.Reads, l.Statements, l.Calls = d.reads, d.statements, d.calls
	l.Events = heardAfter.Seen.Results - heardBefore.Seen.Results
	l.Bytes = heardAfter.Seen.Bytes - heardBefore.Seen.Bytes
	l.Seconds = seconds
	l.CPU = since(cpuBefore, cpuAfter, int64(seconds*1e6)) // microseconds in each microsecond
	l.CPU["viewers"] = (heardAfter.CPU - heardBefore.CPU) / seconds
	h, err := b.lastEvents(ctx, t.polls[:1], a, acknowledged(l.Vote))
	l.Exact, l.Lost, l.Fell, l.Why = h.Exact, h.Seen.Lost, h.Seen.Fell, h.why()
	return err
}

func acknowledged(l report.Level) int64 { return int64(l.Answers[204] + l.Answers[202]) }

// moveOn displays the other polls one after the other while votes come in, each for the poll of which the presenter was told that it
// is displayed. The first poll has so many acknowledged votes already.
func (b *Bench) moveOn(ctx context.Context, t talk, a audience, round int, already int64) (m report.Talk, err error) {
	m.Round = round
	votes := make([]func([]byte, int) []byte, len(t.polls))
	for i, poll := range t.polls {
		votes[i] = room{t.url, t.presentation, poll}.votes(b.nextSalt())
	}
	var displayed atomic.Int64
	var voting sync.WaitGroup
	var o crowd.Outcome
	var votingErr error
	defer voting.Wait()
	next := time.Now().Add(calm)
	voting.Go(func() {
		o, votingErr = t.cast(countedRate, calm+time.Duration(b.Transitions)*transitionEvery,
			func(buf []byte, n int) []byte { return votes[displayed.Load()](buf, n) })
	})
	for i, poll := range t.polls[1:] {
		time.Sleep(time.Until(next))
		next = time.Now().Add(transitionEvery)
		sent := crowd.Now()
		version, err := t.display(ctx, poll)
		if err != nil {
			return m, err
		}
		answered := crowd.Now()
		displayed.Store(int64(i + 1))
		until := max(sent+int64(transitionEvery), answered+int64(time.Second))
		h, err := a.ask(question{Version: version, Until: until})
		if err != nil {
			return m, err
		}
		s := report.Seen{Version: version, Answered: float64(answered-sent) / 1e6, Missed: b.Viewers - len(h.Times),
			FromRequest: map[string]float64{}, FromAnswer: map[string]float64{}}
		for range s.Missed { // their time is as long as they were waited for
			h.Times = append(h.Times, until)
		}
		for _, p := range []float64{0, 50, 90, 99, 99.9, 100} {
			at := int64(crowd.Percentile(h.Times, p))
			s.FromRequest[fmt.Sprint(p)], s.FromAnswer[fmt.Sprint(p)] = float64(at-sent)/1e6, float64(at-answered)/1e6
		}
		m.Transitions = append(m.Transitions, s)
	}
	voting.Wait()
	if votingErr != nil {
		return m, votingErr
	}
	m.Vote = level("vote", countedRate, o, 204)
	h, err := b.lastEvents(ctx, t.polls, a, already+acknowledged(m.Vote))
	m.Exact, m.Lost, m.Fell, m.Skipped, m.Why = h.Exact, h.Seen.Lost, h.Seen.Fell, h.Seen.Skipped, h.why()
	return m, err
}

// lastEvents waits until the polls will not change any more, and then until each viewer has read their tallies. It is an error when
// fewer votes are counted than were acknowledged.
func (b *Bench) lastEvents(ctx context.Context, polls []string, a audience, acknowledged int64) (h heard, err error) {
	waiting, cancel := context.WithTimeout(ctx, restPatience)
	defer cancel()
	for {
		tallies, err := b.atRest(waiting, polls, acknowledged)
		if err != nil {
			return h, err
		}
		if h, err = a.ask(question{Tallies: tallies, Until: crowd.Now() + int64(lastEvent)}); err != nil {
			return h, err
		}
		// A vote that had no answer may still be counted, and later than anybody thought.
		if now, err := b.tallies(ctx, polls); err != nil || maps.EqualFunc(now, tallies, tally.equal) {
			return h, err
		}
	}
}

// atRest waits until the acknowledged votes are counted, nothing more seems to come, and the polls that left are final.
func (b *Bench) atRest(ctx context.Context, polls []string, acknowledged int64) (tallies map[string]tally, err error) {
	var counted int64
	err = wait(ctx, 300*time.Millisecond, func() (bool, error) {
		now, err := b.tallies(ctx, polls)
		rest := maps.EqualFunc(now, tallies, tally.equal)
		tallies, counted = now, 0
		for _, t := range now {
			counted += t.Total
			rest = rest && t.Status != "closing"
		}
		return rest && counted >= acknowledged, err
	})
	if err != nil {
		return nil, fmt.Errorf("%d votes were acknowledged and %d are counted, the tallies are %v: %w", acknowledged, counted, tallies, err)
	}
	return tallies, nil
}

// tallies reads what the database has of polls.
func (b *Bench) tallies(ctx context.Context, polls []string) (map[string]tally, error) {
	all := map[string]tally{}
	for _, poll := range polls {
		var t tally
		var keys, counts string
		err := b.admin.QueryRowContext(ctx, `SELECT s.status, s.voters, to_json(q.option_keys), to_json(s.counts)
			FROM poll_states s JOIN polls q ON q.id = s.poll_id WHERE s.poll_id = $1`, poll).Scan(&t.Status, &t.Total, &keys, &counts)
		var byPosition []int64
		var names []string
		if err == nil {
			err = errors.Join(json.Unmarshal([]byte(keys), &names), json.Unmarshal([]byte(counts), &byPosition))
		}
		if err != nil || len(names) != len(byPosition) {
			return nil, fmt.Errorf("the tally of poll %s: %s, %s: %w", poll, keys, counts, err)
		}
		t.Counts = map[string]int64{}
		for i, name := range names {
			t.Counts[name] = byPosition[i]
		}
		all[poll] = t
	}
	return all, nil
}

func listed(values map[string]float64) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all = append(all, fmt.Sprintf("%s %.2f", name, values[name]))
	}
	return strings.Join(all, ", ")
}

// why says what was wrong with a stream, if something was.
func (h heard) why() string { return strings.TrimSpace(h.Lost + " " + h.Differ) }
