package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// target is a line of the table of targets: a value, or its ratio to another one.
type target struct {
	what  string
	part  string
	of    key
	to    *key      // what it is divided by; nil: nothing
	ats   []float64 // the loads of both; nil: those that they name
	least []float64 // one for each load, or one for all
	most  bool      // the limits are upper ones
}

// targets lists them all.
func targets() []target {
	all, rival := []float64{64, 512, 2000}, []float64{256}
	none, few := &key{of: Plenary}, &key{of: Plenary, at: Few}
	before := &key{of: Before, at: Viewers}
	rate := func(what, of, to string, ats []float64, least ...float64) target {
		return target{what: what, part: "throughput", of: key{of, every, Rate},
			to: &key{to, every, Rate}, ats: ats, least: least}
	}
	list := []target{
		rate("Plenary ÷ before, 64 / 512 / 2,000 connections", Plenary, Before, all, .97),
		rate("the same, NGINX", Plenary+NGINX, Before+NGINX, all, .97),
		rate("the same, embedded", Plenary+Embedded, Before+Embedded, all, .97),
		rate("8 presentations ÷ one", Several, Plenary, all, .85),
		rate("100 presentations ÷ one", Many, Plenary, all, .85),
		rate("Plenary ÷ no-op, 64 connections: the next step", Plenary, NoOp, all[:1], .22),
		rate("Plenary ÷ no-op", Plenary, NoOp, all, .55, .65, .75),
		rate("the same, NGINX", Plenary+NGINX, NoOp+NGINX, all, .65, .75, .80),
		rate("embedded ÷ no-op", Plenary+Embedded, NoOp, all, .5),
		rate("ratings ÷ votes by Fiber, NGINX", Ratings+NGINX, VotesByFiber+NGINX, all, .9),
		rate("Plenary ÷ a transaction per vote, 256 connections", Plenary, Transaction, rival, 25),
		rate("feed votes ÷ votes by Fiber, NGINX, 64 / 512 connections", Feed+NGINX,
			VotesByFiber+NGINX, all[:2], .7, .8),
		rate("feed votes ÷ a transaction each, 256 connections", Feed, Usual, rival, 10),
		rate("feed votes on one poll ÷ on a thousand, 64 / 512", FeedHot, Feed, all[:2], .7),
	}
	for _, t := range []struct {
		what, of, value string
		ratio, most     bool
		limit           float64
	}{
		{"feed: counting, full ÷ small", FeedCounting, Rate, true, false, .8},
		{"feed: reading, full ÷ small", FeedReading, Readings, true, false, .8},
		{"the full feed at 200 a second: 99 % within, ms", FeedNewest, "99 %", false, true, 15},
		{"the same ÷ the small feed", FeedNewest, "99 %", true, true, 1.3},
		{"the same by tag, ms", FeedByTag, "99 %", false, true, 15},
		{"the same by part of a word, ms", FeedByWord, "99 %", false, true, 30},
	} {
		one := target{what: t.what, part: "feed", of: key{t.of, FeedFull, t.value},
			least: []float64{t.limit}, most: t.most}
		if t.ratio {
			one.to = &key{t.of, FeedSmall, t.value}
		}
		list = append(list, one)
	}
	for _, t := range []struct {
		what, part, value string
		at, most          float64
		to                *key
	}{
		{"stampede: last answer ÷ no-op's", "stampede", "ms", 100, 1.4, &key{of: NoOp, at: 100}},
		{"stampede: s from the last answer to the last count", "stampede", "after s", 100, 1, nil},
		{"stampede: clients without an answer", "stampede", "unanswered", 100, 0, nil},
		{"2,000 votes a second: 99 % counted within, ms", "viewers", "99 %", 0, 25, nil},
		{"votes' median with 10,000 viewers ÷ without", "viewers", "50 %", Viewers, 1.4, none},
		{"votes' 99 % with 10,000 viewers ÷ without", "viewers", "99 %", Viewers, 1.4, none},
		{"votes' median with 10,000 viewers ÷ before", "viewers", "50 %", Viewers, 1, before},
		{"votes' 99 % with 10,000 viewers ÷ before", "viewers", "99 %", Viewers, 1, before},
		{"viewers: ms until 99 % have read a transition", "viewers", "seen ms", Viewers, 1000, nil},
		{"viewers: streams lost, behind or wrong", "viewers", "wrong", Viewers, 0, nil},
		{"reads a second, 10,000 viewers ÷ 100", "viewers", "reads", Viewers, 1.1, few},
	} {
		one := target{what: t.what, part: t.part, of: key{Plenary, t.at, t.value}, most: true,
			least: []float64{t.most}}
		if t.to != nil {
			one.to = &key{t.to.of, t.to.at, t.value}
		}
		list = append(list, one)
		if t.part == "stampede" && t.to == nil { // of votes, and of ratings
			one.what, one.of.of = strings.Replace(t.what, ":", " of ratings:", 1), Ratings
			list = append(list, one)
		}
	}
	return list
}

// measure gives the values, and what the machine allows at all where that is known.
func (t target) measure(r Results) (values, ceilings []float64) {
	p := r[t.part]
	ats := t.ats
	if ats == nil {
		ats = []float64{every}
	}
	for _, at := range ats {
		of, to := t.of, key{}
		if at != every {
			of.at = at
		}
		v, ok := p.median(of)
		if t.most && t.least[0] == 0 { // what must not happen must not in any round
			v = slices.Max(append(p.each(of), 0))
		}
		if t.to != nil {
			if to = *t.to; at != every {
				to.at = at
			}
			v, ok = p.ratio(of, to)
		}
		if !ok {
			continue
		}
		values = append(values, v)
		if c, ok := r.ceiling(of, to); ok {
			ceilings = append(ceilings, c)
		}
	}
	return values, ceilings
}

// ceiling is the largest ratio that Plenary's rate can have to another one, if a vote costs a
// no-op's request and its row's bulk insert. Embedded, its insert is another one.
func (r Results) ceiling(of, to key) (ceiling float64, ok bool) {
	noOp := NoOp
	if of.of == Plenary+NGINX {
		noOp += NGINX
	}
	if to.value != Rate || to.of != noOp && to.of != Transaction || of.of == Plenary+Embedded {
		return 0, false
	}
	p := r["throughput"]
	us, _ := p.median(key{noOp, of.at, CPU})
	wrk, _ := p.median(key{noOp, of.at, CPU + " wrk"})
	row, inserted := r["bulk"].median(key{Bulk, 5000, CPU})
	against, measured := p.ratio(key{noOp, of.at, Rate}, to)
	return against * (us + wrk) / (us + wrk + row), inserted && measured
}

// met tells whether all values keep their limits.
func (t target) met(values []float64) bool {
	for i, v := range values {
		limit := t.least[min(i, len(t.least)-1)]
		if t.most && v > limit || !t.most && v < limit {
			return false
		}
	}
	return true
}

// Targets writes what the measurements say about the targets.
func (r Results) Targets() string {
	var b strings.Builder
	b.WriteString("| figure | aim | ceiling | measured | |\n|---|--:|--:|--:|---|\n")
	for _, t := range targets() {
		values, ceilings := t.measure(r)
		verdict, bound := "met", "≥"
		if len(values) == 0 {
			verdict = "not measured"
		} else if !t.met(values) {
			verdict = "**missed**"
		}
		if t.most {
			bound = "≤"
		}
		fmt.Fprintf(&b, "| %s | %s %s | %s | %s | %s |\n", t.what, bound, numbers(t.least),
			numbers(ceilings), numbers(values), verdict)
	}
	return b.String()
}

func numbers(values []float64) string {
	var all []string
	for _, v := range values {
		text := fmt.Sprintf("%.2f", v)
		if v >= 10 {
			text = fmt.Sprintf("%.1f", v)
		}
		if v >= 100 || v == math.Trunc(v) {
			text = count(v)
		}
		all = append(all, text)
	}
	return cmp.Or(strings.Join(all, " / "), "–")
}
