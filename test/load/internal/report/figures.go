package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// The numbers of connections that the targets speak of.
var targetConnections = []int{64, 512, 2000}

// figure is a line of the table of targets.
type figure struct {
	what, least string
	values      []float64 // NaN-free; empty: not measured
	limits      []float64 // one per value
	ceilings    []float64 // what the machine allows at all; empty: not known
	most        bool      // the limits are upper ones
	format      string
	note        string
	failed      bool // what the note says is a miss, whatever the values
}

func (f figure) met() bool {
	for i, v := range f.values {
		if f.most && v > f.limits[i] || !f.most && v < f.limits[i] {
			return false
		}
	}
	return !f.failed
}

func (f figure) String() string {
	if len(f.values) == 0 {
		return fmt.Sprintf("| %s | %s | – | – | not measured |\n", f.what, f.least)
	}
	list := func(values []float64) string {
		var all []string
		for _, v := range values {
			all = append(all, fmt.Sprintf(f.format, v))
		}
		return cmp.Or(strings.Join(all, " / "), "–")
	}
	verdict := "met"
	if !f.met() {
		verdict = "**missed**"
	}
	return fmt.Sprintf("| %s | %s | %s | %s%s | %s |\n", f.what, f.least, list(f.ceilings), list(f.values), f.note, verdict)
}

// figures gives what the measurements say about the targets.
func (r Results) figures() []figure {
	all := []figure{
		{what: "counted ÷ no-op, direct, 64 / 512 / 2,000 connections", least: "0.55 / 0.65 / 0.75", format: "%.2f"},
		{what: "counted ÷ no-op, both through NGINX, 64 / 512 / 2,000", least: "0.65 / 0.75 / 0.80", format: "%.2f"},
		{what: "embedded ÷ no-op, 64 / 512 / 2,000", least: "0.5", format: "%.2f"},
		{what: "Plenary ÷ a transaction per vote, 256 connections", least: "25 ×", format: "%.1f"},
		{what: "CPU per counted vote ÷ (no-op + bulk insert), through NGINX, 64 / 512 / 2,000", least: "at most 1.4", format: "%.2f", most: true},
		{what: "stampede: last answer ÷ no-op's last answer", least: "at most 1.4", format: "%.2f", most: true},
		{what: "stampede: seconds from the last answer until all were counted; none lost", least: "at most 1", format: "%.2f", most: true},
		{what: "open loop, 2,000 votes a second: 99 % counted within, ms", least: "under 25", format: "%.1f", most: true},
		{what: "counting at the most votes in the table ÷ at none", least: "0.8", format: "%.2f"},
		{what: "reading results at the most votes ÷ at 10,000", least: "at most 1.2", format: "%.2f", most: true},
	}
	if t := r.Throughput; t != nil {
		bulk := r.Bulk.cpu(RawUnnest, 5000)
		ratio := func(f *figure, of, noOp string, insert float64, limits ...float64) {
			for i, n := range targetConnections {
				if a, b := t.rate(of, n), t.rate(noOp, n); a.median > 0 && b.median > 0 {
					f.values, f.limits = append(f.values, a.median/b.median), append(f.limits, limits[min(i, len(limits)-1)])
					if c := t.ceiling(noOp, n, insert); c > 0 {
						f.ceilings = append(f.ceilings, c)
					}
				}
			}
		}
		ratio(&all[0], Plenary, NoOp, bulk, .55, .65, .75)
		ratio(&all[1], PlenaryNGINX, NoOpNGINX, bulk, .65, .75, .80)
		ratio(&all[2], Embedded, NoOp, r.Bulk.cpu(RawSQLite, 5000), .5)
		if name, rival := t.fastestPerVote(256); rival > 0 {
			p := t.rate(Plenary, 256).median
			all[3].values, all[3].limits, all[3].note = []float64{p / rival}, []float64{25}, " ("+name+")"
			if insert := t.rate(Insert, 256).median; insert > 0 {
				all[3].note = fmt.Sprintf(" (%s; %.1f × one that only inserts)", name, p/insert)
			}
			if c := t.ceiling(NoOp, 256, bulk); c > 0 {
				all[3].ceilings = []float64{c * t.rate(NoOp, 256).median / rival}
			}
		}
		if bulk > 0 {
			for _, n := range targetConnections {
				if p, no := t.cpu(PlenaryNGINX, n), t.cpu(NoOpNGINX, n); total(p) > 0 && total(no) > 0 {
					all[4].values, all[4].limits = append(all[4].values, total(p)/(total(no)+bulk)), append(all[4].limits, 1.4)
				}
			}
			var direct []string
			for _, n := range targetConnections {
				if p, no := t.cpu(Plenary, n), t.cpu(NoOp, n); total(p) > 0 && total(no) > 0 {
					direct = append(direct, fmt.Sprintf("%.2f", total(p)/(total(no)+bulk)))
				}
			}
			if len(direct) > 0 {
				all[4].note = " (direct: " + strings.Join(direct, " / ") + ")"
			}
		}
	}
	if s := r.Stampede; s != nil {
		last := func(b Burst) float64 { return b.Last }
		p, no := Median(s.each(PlenaryNGINX, last)), Median(s.each(NoOpNGINX, last))
		after := s.each(PlenaryNGINX, func(b Burst) float64 { return max(b.CountedAt-b.Last, 0) / 1e3 })
		if p > 0 && no > 0 {
			all[5].values, all[5].limits = []float64{p / no}, []float64{1.4}
			if r, ok := s.ratio(last); ok { // what slows the machine down for a while then slows both
				all[5].values = []float64{r.median}
				all[5].note = fmt.Sprintf(" (median of the rounds, %.2f–%.2f; of the medians %.2f)", r.low, r.high, p/no)
			}
			all[6].values, all[6].limits = []float64{Median(after)}, []float64{1}
			for _, b := range s.Bursts {
				if b.Contestant == PlenaryNGINX && (b.Acknowledged != s.Clients || b.Counted != int64(s.Clients)) {
					all[6].failed, all[6].note = true, fmt.Sprintf(" (of %d, %d acknowledged, %d counted)", s.Clients, b.Acknowledged, b.Counted)
				}
			}
		}
	}
	if d := r.Degradation; d != nil && len(d.Counted) > 0 {
		var p99 []float64
		due, in := 0, 0
		for _, l := range d.Counted {
			p99, due, in = append(p99, l.Ms["99"]), due+l.Due, in+l.Answers[204]
		}
		all[7].values, all[7].limits = []float64{Median(p99)}, []float64{25}
		all[7].note = " (no-op: –)"
		var control []float64
		for _, l := range d.Control {
			control = append(control, l.Ms["99"])
		}
		if len(control) > 0 {
			all[7].note = fmt.Sprintf(" (no-op: %.1f)", Median(control))
		}
		if in != due { // an answer that does not mean "counted" leaves the time unknown
			all[7].note += fmt.Sprintf(" (%d of %d answered 204)", in, due)
			all[7].failed = float64(in) < .99*float64(due)
		}
	}
	if g := r.Growth; g != nil {
		first, ten, most := g.at(0), g.at(10_000), g.largest()
		if first != nil && most.Votes > 0 {
			all[8].values, all[8].limits = []float64{Median(most.CountNew) / Median(first.CountNew)}, []float64{.8}
			all[8].note = fmt.Sprintf(" (%s votes, a new poll; into the poll that has half of them: %.2f)", count(most.Votes), Median(most.CountLargest)/Median(first.CountLargest))
		}
		if ten != nil && most.Votes > ten.Votes {
			all[9].values, all[9].limits = []float64{Median(most.Results) / Median(ten.Results)}, []float64{1.2}
			all[9].note = fmt.Sprintf(" (%s votes; by HTTP: %.2f)", count(most.Votes), Median(most.ResultsHTTP)/Median(ten.ResultsHTTP))
		}
	}
	return append(all, r.Viewers.figures()...)
}

// spread is a median with what it stands for.
type spread struct{ median, low, high float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	return spread{Median(values), slices.Min(values), slices.Max(values)}
}

func (t *Throughput) each(contestant string, connections int, of func(Closed) float64) (values []float64) {
	for _, l := range t.Loads {
		if l.Contestant == contestant && l.Connections == connections {
			values = append(values, of(l))
		}
	}
	return values
}

func (t *Throughput) rate(contestant string, connections int) spread {
	return spreadOf(t.each(contestant, connections, Closed.Rate))
}

// ratio is the ratio of the medians, and the range of the ratios of the rounds.
func (t *Throughput) ratio(of, to string, connections int) (s spread, ok bool) {
	a, b := t.each(of, connections, Closed.Rate), t.each(to, connections, Closed.Rate)
	if len(a) == 0 || len(a) != len(b) {
		return s, false
	}
	var rounds []float64
	for i := range a {
		rounds = append(rounds, a[i]/b[i])
	}
	s = spreadOf(rounds)
	s.median = Median(a) / Median(b)
	return s, true
}

// cpu gives the median microseconds per counted vote of each process.
func (t *Throughput) cpu(contestant string, connections int) map[string]float64 {
	names := map[string]bool{}
	for _, l := range t.Loads {
		if l.Contestant == contestant && l.Connections == connections {
			for name := range l.CPU {
				names[name] = true
			}
		}
	}
	medians := map[string]float64{}
	for name := range names {
		medians[name] = Median(t.each(contestant, connections, func(c Closed) float64 { return c.CPU[name] }))
	}
	return medians
}

// total leaves the load generator out.
func total(cpu map[string]float64) float64 { return Closed{CPU: cpu}.TotalCPU() }

func (t *Throughput) connections() (all []int) {
	for _, l := range t.Loads {
		if !slices.Contains(all, l.Connections) {
			all = append(all, l.Connections)
		}
	}
	slices.Sort(all)
	return all
}

// cpu gives the median microseconds per row, PostgreSQL and the writer together; 0: not measured.
func (b *Bulk) cpu(how string, batch int) float64 {
	if b == nil {
		return 0
	}
	return Median(b.each(how, batch, func(l BulkLoad) float64 { return l.CPU["postgresql"] + l.CPU["writer"] }))
}

func (b *Bulk) each(how string, batch int, of func(BulkLoad) float64) (values []float64) {
	for _, l := range b.Loads {
		if l.How == how && l.Batch == batch {
			values = append(values, of(l))
		}
	}
	return values
}

func (s *Stampede) each(contestant string, of func(Burst) float64) (values []float64) {
	for _, b := range s.Bursts {
		if b.Contestant == contestant {
			values = append(values, of(b))
		}
	}
	return values
}

// ratio is the range of the rounds' ratios of Plenary to the no-op; not ok with fewer than two rounds of both.
func (s *Stampede) ratio(of func(Burst) float64) (r spread, ok bool) {
	a, b := s.each(PlenaryNGINX, of), s.each(NoOpNGINX, of)
	if len(a) < 2 || len(a) != len(b) {
		return r, false
	}
	var rounds []float64
	for i := range a {
		rounds = append(rounds, a[i]/b[i])
	}
	return spreadOf(rounds), !slices.Contains(b, 0)
}

// middle gives the round of a contestant that its last answer makes the median one; of two, the earlier to end.
func (s *Stampede) middle(contestant string) (Burst, bool) {
	var all []Burst
	for _, b := range s.Bursts {
		if b.Contestant == contestant {
			all = append(all, b)
		}
	}
	if len(all) == 0 {
		return Burst{}, false
	}
	slices.SortStableFunc(all, func(a, b Burst) int { return cmp.Compare(a.Last, b.Last) })
	return all[(len(all)-1)/2], true
}

// count writes a number with commas.
func count[N int | int64](n N) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
