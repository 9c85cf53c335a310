package report

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Write reads what was measured before, has more measured, and writes results.json, the plots and the tables of
// benchmarks.md, whose prose it leaves alone.
func Write(docs string, measure func(*Results) error) error {
	page := filepath.Join(docs, "benchmarks.md")
	text, err := os.ReadFile(page)
	if err != nil {
		return fmt.Errorf("its tables belong into a page: %w", err)
	}
	folder := filepath.Join(docs, "benchmarks")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	path := filepath.Join(folder, "results.json")
	r, err := Load(path)
	if err != nil {
		return err
	}
	if err := measure(&r); err != nil {
		return err
	}
	if err := r.Save(path); err != nil {
		return err
	}
	if err := r.Plot(folder); err != nil {
		return err
	}
	filled, err := r.Fill(string(text))
	if err != nil {
		return err
	}
	return os.WriteFile(page, []byte(filled), 0o644)
}

// Fill puts the tables between their marks in a page.
func (r Results) Fill(page string) (string, error) {
	for name, table := range r.tables() {
		begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->"
		before, rest, found := strings.Cut(page, begin)
		_, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			return "", fmt.Errorf("the page has no marks %q and %q", strings.TrimSpace(begin), end)
		}
		page = before + begin + table + end + after
	}
	return page, nil
}

func (r Results) tables() map[string]string {
	const none = "Not measured yet.\n"
	t := map[string]string{"targets": r.targets(), "throughput": none, "ratios": none, "cpu": none, "bulk": none,
		"degradation": none, "counted": none, "stampede": none, "viewers": none, "growth": none, "alternatives": none}
	if r.Throughput != nil {
		t["throughput"], t["ratios"], t["cpu"] = r.Throughput.table(), r.Throughput.ratios(), r.Throughput.cpuTable(r.Bulk)
	}
	if r.Bulk != nil {
		t["bulk"] = r.Bulk.table()
	}
	if r.Degradation != nil {
		t["degradation"], t["counted"] = r.Degradation.table(), r.Degradation.counted()
	}
	if r.Stampede != nil {
		t["stampede"] = r.Stampede.table()
	}
	if r.Viewers != nil {
		t["viewers"] = r.Viewers.table()
	}
	if r.Growth != nil {
		t["growth"] = r.Growth.table()
	}
	if r.Alternatives != nil {
		t["alternatives"] = r.Alternatives.table()
	}
	return t
}

func (r Results) targets() string {
	var b strings.Builder
	b.WriteString("| figure | at least | ceiling of this machine | measured | |\n|---|---|---|---|---|\n")
	for _, f := range r.figures() {
		b.WriteString(f.String())
	}
	b.WriteString("\n" + r.ceilings())
	for _, part := range []struct {
		name string
		run  *Run
	}{{"throughput", runOf(r.Throughput)}, {"bulk", runOf(r.Bulk)}, {"degradation", runOf(r.Degradation)},
		{"stampede", runOf(r.Stampede)}, {"viewers", runOf(r.Viewers)}, {"growth", runOf(r.Growth)}, {"alternatives", runOf(r.Alternatives)}} {
		if part.run != nil {
			fmt.Fprintf(&b, "- %s: %s\n", part.name, part.run)
		}
	}
	b.WriteString("\nLoad is the machine's average of a minute, when the part began and when it ended: the first tells whether it was quiet. A + behind the commit is for what was not committed yet: the tables of the parts before, at least.\n")
	return b.String()
}

// runOf gives the run of a part that was measured.
func runOf[P interface {
	*Q
	run() *Run
}, Q any](p P) *Run {
	if p == nil {
		return nil
	}
	return p.run()
}

func (r *Run) run() *Run { return r }

func (r *Run) String() string {
	m := r.Machine
	load := "–"
	if len(r.LoadAverage) == 2 {
		load = fmt.Sprintf("%.1f–%.1f", r.LoadAverage[0], r.LoadAverage[1])
	}
	return fmt.Sprintf("%s, commit %s, %d rounds of %d s, load %s; %d cores (%s), %d GB, %s, Linux %s, Go %s, PostgreSQL %s, RabbitMQ %s, NGINX %s, wrk %s",
		r.At.Format("2006-01-02 15:04 MST"), r.Commit, r.Rounds, r.Seconds, load, m.Cores, m.CPU, m.MemoryGB, m.System, m.Kernel, m.Go, m.PostgreSQL,
		m.RabbitMQ, m.NGINX, m.Wrk)
}

func (t *Throughput) table() string {
	var b strings.Builder
	b.WriteString("| votes a second (lowest–highest round) |")
	for _, n := range t.connections() {
		fmt.Fprintf(&b, " %s |", count(n))
	}
	b.WriteString(" not 2xx | backlog, drain | lost | sessions that wait for a lock |\n|---|")
	b.WriteString(strings.Repeat("--:|", len(t.connections())+4) + "\n")
	for _, c := range Contestants {
		var refused, backlog int64
		var drain float64
		var looks, waiting int
		measured := false
		line := "| " + c + " |"
		for _, n := range t.connections() {
			r := t.rate(c, n)
			measured = measured || r.median > 0
			line += fmt.Sprintf(" %s (%s–%s) |", count(int64(r.median)), count(int64(r.low)), count(int64(r.high)))
		}
		for _, l := range t.Loads {
			if l.Contestant == c {
				refused, backlog, drain = refused+l.Refused+l.Broken, max(backlog, l.Backlog), max(drain, l.drained())
				looks, waiting = looks+l.Looks, waiting+l.Waiting
			}
		}
		if measured {
			locks := "–"
			if looks > 0 {
				locks = fmt.Sprintf("%.1f", float64(waiting)/float64(looks))
			}
			// A load whose acknowledged votes were not all counted in the end is an error: it never comes to a table.
			fmt.Fprintf(&b, "%s %s | %s, %.2f s | 0 | %s |\n", line, count(refused), count(backlog), drain, locks)
		}
	}
	b.WriteString("\nA rate is the votes whose answer wrk has seen, over wrk's time and, where some of these were not counted when it stopped, the time " +
		"until they were (*drain*). What was under way then is in no rate. It is the same for every contestant; the no-op counts nothing. *Sessions that wait for a lock* " +
		"is the mean of what PostgreSQL says twenty times a second.\n")
	return b.String()
}

func (t *Throughput) ratios() string {
	var b strings.Builder
	b.WriteString("| ratio of the medians (lowest–highest ratio of a round) |")
	for _, n := range t.connections() {
		fmt.Fprintf(&b, " %s |", count(n))
	}
	b.WriteString("\n|---|" + strings.Repeat("--:|", len(t.connections())) + "\n")
	for _, pair := range [][2]string{{Plenary, NoOp}, {PlenaryRooms, Plenary}, {PlenaryLog, Plenary}, {PlenaryAsync, NoOp}, {PlenaryNGINX, NoOpNGINX},
		{PlenaryNAsync, NoOpNGINX}, {Embedded, NoOp}, {Plenary, Message}, {PlenaryAsync, Message}, {Plenary, Insert}, {Plenary, Transaction},
		{Plenary, Statement}, {Plenary, StatementFew}} {
		line, measured := fmt.Sprintf("| %s ÷ %s |", pair[0], pair[1]), false
		for _, n := range t.connections() {
			if s, ok := t.ratio(pair[0], pair[1], n); ok {
				measured = true
				line += fmt.Sprintf(" %.2f (%.2f–%.2f) |", s.median, s.low, s.high)
			} else {
				line += " – |"
			}
		}
		if measured {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

var processes = []string{"nginx", "api", "rabbitmq", "worker", "postgresql", "wrk"}

func (t *Throughput) cpuTable(bulk *Bulk) string {
	var b strings.Builder
	b.WriteString("| µs per counted vote | connections | NGINX | API | RabbitMQ | worker | PostgreSQL | sum | (wrk) |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, c := range Contestants {
		for _, n := range t.connections() {
			cpu := t.cpu(c, n)
			if len(cpu) == 0 {
				continue
			}
			fmt.Fprintf(&b, "| %s | %s |", c, count(n))
			for _, p := range processes {
				if p == "wrk" {
					fmt.Fprintf(&b, " **%.1f** |", total(cpu))
				}
				if us, has := cpu[p]; has {
					fmt.Fprintf(&b, " %.1f |", us)
				} else {
					b.WriteString(" – |")
				}
			}
			b.WriteByte('\n')
		}
	}
	if us := bulk.cpu(RawUnnest, 5000); us > 0 {
		of := func(name string) float64 {
			return Median(bulk.each(RawUnnest, 5000, func(l BulkLoad) float64 { return l.CPU[name] }))
		}
		fmt.Fprintf(&b, "| bulk insert alone, %s of 5,000 | | – | – | – | %.1f | %.1f | **%.1f** | – |\n", RawUnnest, of("writer"), of("postgresql"), us)
	}
	until := "its last vote was seen counted, at most some 20 ms too late"
	if !t.CPUUntilLast {
		until = "nothing had been counted for 0.3 s, in which the processes idle"
	}
	b.WriteString("\nCPU is from before the load until " + until + "; the no-op's is until wrk stopped.\n")
	return b.String()
}

func (bulk *Bulk) table() string {
	var b strings.Builder
	b.WriteString("| one writer | rows per transaction | rows a second (lowest–highest) | PostgreSQL, µs a row | writer, µs a row |\n|---|--:|--:|--:|--:|\n")
	type way struct {
		how   string
		batch int
	}
	seen := map[way]bool{}
	for _, l := range bulk.Loads {
		w := way{l.How, l.Batch}
		if seen[w] {
			continue
		}
		seen[w] = true
		rate := spreadOf(bulk.each(w.how, w.batch, func(l BulkLoad) float64 { return float64(l.Rows) / l.Took }))
		of := func(name string) float64 {
			return Median(bulk.each(w.how, w.batch, func(l BulkLoad) float64 { return l.CPU[name] }))
		}
		fmt.Fprintf(&b, "| %s | %s | %s (%s–%s) | %.1f | %.1f |\n", w.how, count(w.batch), count(int64(rate.median)), count(int64(rate.low)),
			count(int64(rate.high)), max(of("postgresql"), 0), of("writer")) // less than a clock tick may be below zero
	}
	return b.String()
}

func (d *Degradation) table() string {
	var b strings.Builder
	b.WriteString("| call | offered a second | answered | 50 % | 90 % | 99 % | 99.9 % | slowest, ms | no answer in time | answers | database: reads a second |\n" +
		"|---|--:|--:|--:|--:|--:|--:|--:|--:|---|--:|\n")
	for _, l := range d.Levels {
		reads := "–"
		if l.Reads > 0 {
			reads = fmt.Sprintf("%.1f", l.Reads)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", l.Call, count(int64(l.Offered)), count(int64(l.Achieved)), l.latencies(), l.answers(), reads)
	}
	return b.String()
}

func (d *Degradation) counted() string {
	var b strings.Builder
	b.WriteString("| round | | offered a second | answered 204 | 50 % | 90 % | 99 % | 99.9 % | slowest, ms | no answer in time | answers |\n|---|---|--:|--:|--:|--:|--:|--:|--:|--:|---|\n")
	row := func(round int, name string, l Level) {
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %s |\n", round+1, name, count(int64(l.Offered)), count(int64(l.Achieved)), l.latencies(), l.answers())
	}
	for i, l := range d.Counted {
		row(i, PlenaryNGINX, l)
		if i < len(d.Control) {
			row(i, NoOpNGINX, d.Control[i])
		}
	}
	return b.String()
}

func (l Level) latencies() string {
	return fmt.Sprintf("%.1f | %.1f | %.1f | %.1f | %.1f | %s", l.Ms["50"], l.Ms["90"], l.Ms["99"], l.Ms["99.9"], l.Ms["100"], count(l.Missed))
}

func (l Level) answers() string {
	var all []string
	for status := range 600 {
		if n := l.Answers[status]; n > 0 {
			all = append(all, fmt.Sprintf("%s × %d", count(n), status))
		}
	}
	return strings.Join(all, ", ")
}

func (s *Stampede) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s clients of %d processes; ms, median of the rounds | no-op | Plenary | ratio (lowest–highest of a round) |\n|---|--:|--:|--:|\n", count(s.Clients), s.Processes)
	row := func(name string, of func(Burst) float64) {
		no, p := Median(s.each(NoOpNGINX, of)), Median(s.each(PlenaryNGINX, of))
		ratio := "–"
		if no > 0 {
			ratio = fmt.Sprintf("%.2f", p/no)
			if r, ok := s.ratio(of); ok {
				ratio += fmt.Sprintf(" (%.2f–%.2f)", r.low, r.high)
			}
		}
		fmt.Fprintf(&b, "| %s | %.0f | %.0f | %s |\n", name, no, p, ratio)
	}
	row("to connect and be greeted", func(b Burst) float64 { return b.Connect })
	row("from the signal: last request sent", func(b Burst) float64 { return b.Sent })
	row("first answer", func(b Burst) float64 { return b.First })
	for _, p := range []string{"50", "90", "99", "99.9"} {
		row(p+" % answered", func(b Burst) float64 { return b.Ms[p] })
	}
	row("last answer", func(b Burst) float64 { return b.Last })
	row("last vote counted", func(b Burst) float64 { return b.CountedAt })
	b.WriteString("\nThe plot shows the round of each whose last answer is the median one; of an even number, the lower of the middle two.\n")
	b.WriteString("\n| round | | acknowledged | counted | lost connections | answers | errors that NGINX logged |\n|--:|---|--:|--:|--:|---|---|\n")
	for _, burst := range s.Bursts {
		var all []string
		for status := range 600 {
			if n := burst.Answers[fmt.Sprint(status)]; n > 0 {
				all = append(all, fmt.Sprintf("%s × %d", count(n), status))
			}
		}
		var said []string
		for _, what := range slices.Sorted(maps.Keys(burst.NGINX)) {
			said = append(said, fmt.Sprintf("%s × %s", count(burst.NGINX[what]), what))
		}
		counted := count(burst.Counted)
		if burst.Contestant == NoOpNGINX {
			counted = "–"
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %d | %s | %s |\n", burst.Round+1, burst.Contestant, count(burst.Acknowledged), counted, burst.Broken,
			strings.Join(all, ", "), strings.Join(said, ", "))
	}
	return b.String()
}
