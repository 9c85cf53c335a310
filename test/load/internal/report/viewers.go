package report

import (
	"fmt"
	"slices"
	"strings"
)

// Viewers is what event streams cost, and how soon a transition is seen.
type Viewers struct {
	Run
	Viewers   int      `json:"viewers"` // many
	Few       int      `json:"few"`
	Processes int      `json:"processes"`
	Rate      float64  `json:"rate"` // votes offered a second
	Loads     []Viewed `json:"loads"`
	Talks     []Talk   `json:"talks"` // before the many
}

// Viewed is votes for one poll while so many viewers see its results.
type Viewed struct {
	Round      int                `json:"round"`
	Viewers    int                `json:"viewers"`
	Connect    float64            `json:"connect_ms"` // until each had read what is displayed
	Vote       Level              `json:"vote"`
	Apart      map[string]float64 `json:"apart_ms,omitempty"` // as Vote.Ms, of votes that were not under way while the machine's own processes ran
	ApartOf    float64            `json:"apart_of,omitempty"` // the part of the votes that these are
	Seconds    float64            `json:"seconds"`            // that what follows is of
	Reads      float64            `json:"reads"`              // SELECTs a second, by PostgreSQL, without counting's; where it cannot tell, Calls
	Statements float64            `json:"statements"`         // all of them a second; 0: PostgreSQL does not count them
	Calls      map[string]float64 `json:"calls"`              // calls of the APIs' stores a second
	Events     int64              `json:"events"`             // with results, on all streams
	Bytes      int64              `json:"bytes"`
	CPU        map[string]float64 `json:"cores"` // in use, by process
	Exact      int                `json:"exact"` // streams whose last results are the tally in the database
	Lost       int                `json:"lost"`  // streams that ended
	Fell       int                `json:"fell"`  // events whose id is before an earlier one of the same stream
	Why        string             `json:"why,omitempty"`
}

// Talk is the transitions of a round, while votes come in.
type Talk struct {
	Round       int    `json:"round"`
	Transitions []Seen `json:"transitions"`
	Vote        Level  `json:"vote"`
	Exact       int    `json:"exact"`   // streams whose last results of every poll are the tally and the status in the database
	Lost        int    `json:"lost"`    // streams that ended
	Skipped     int    `json:"skipped"` // versions that a stream did not show, although it showed a later one
	Fell        int    `json:"fell"`
	Why         string `json:"why,omitempty"`
}

// Seen is a transition: when its event was read on each stream. "0", "50", "90", "99", "99.9", "100" are percentiles; who had not read
// it when the next transition was due counts with that time.
type Seen struct {
	Version     int64              `json:"version"`
	Answered    float64            `json:"answered_ms"`     // the presenter, after the request was sent
	FromRequest map[string]float64 `json:"from_request_ms"` // milliseconds
	FromAnswer  map[string]float64 `json:"from_answer_ms"`  // milliseconds; below zero: before the presenter was told
	Missed      int                `json:"missed"`
}

func (v *Viewers) each(viewers int, of func(Viewed) float64) (values []float64) {
	for _, l := range v.Loads {
		if l.Viewers == viewers {
			values = append(values, of(l))
		}
	}
	return values
}

func (v *Viewers) transitions(of func(Seen) float64) (values []float64) {
	for _, t := range v.Talks {
		for _, s := range t.Transitions {
			values = append(values, of(s))
		}
	}
	return values
}

// figures gives what viewers say about the targets.
func (v *Viewers) figures() []figure {
	all := []figure{
		{what: "viewers: ms from a transition's request until 99 % have read it; each stream ends at the tally", least: "at most 1,000", format: "%.0f", most: true},
		{what: "votes with viewers ÷ without, 50 % / 99 % of the latencies", least: "at most 1.5", format: "%.2f", most: true},
		{what: "database reads a second with all viewers ÷ with few", least: "at most 1.1", format: "%.2f", most: true},
	}
	if v == nil || len(v.Loads) == 0 {
		return all
	}
	if p99 := spreadOf(v.transitions(func(s Seen) float64 { return s.FromRequest["99"] })); p99.median > 0 {
		last := spreadOf(v.transitions(func(s Seen) float64 { return s.FromRequest["100"] }))
		all[0].values, all[0].limits = []float64{p99.median}, []float64{1000}
		all[0].note = fmt.Sprintf(" (%s viewers; the worst transition %.0f, its last viewer %.0f)", count(v.Viewers), p99.high, last.high)
	}
	if off := v.off(); off > 0 {
		all[0].failed, all[0].note = true, all[0].note+fmt.Sprintf(" (%s streams lost, behind or wrong)", count(off))
	}
	var apart []string
	for _, p := range []string{"50", "99"} {
		ms := func(l Viewed) float64 { return l.Vote.Ms[p] }
		if without := Median(v.each(0, ms)); without > 0 {
			all[1].values, all[1].limits = append(all[1].values, Median(v.each(v.Viewers, ms))/without), append(all[1].limits, 1.5)
		}
		ms = func(l Viewed) float64 { return l.Apart[p] }
		if without := Median(v.each(0, ms)); without > 0 {
			apart = append(apart, fmt.Sprintf("%.2f", Median(v.each(v.Viewers, ms))/without))
		}
	}
	if len(apart) > 0 {
		all[1].note = fmt.Sprintf(" (%s without those under way while the machine's own processes ran)", strings.Join(apart, " / "))
	}
	reads := func(l Viewed) float64 { return l.Reads }
	if few := Median(v.each(v.Few, reads)); few > 0 {
		many := Median(v.each(v.Viewers, reads))
		all[2].values, all[2].limits = []float64{many / few}, []float64{1.1}
		all[2].note = fmt.Sprintf(" (%.1f with %s, %.1f with %s)", many, count(v.Viewers), few, count(v.Few))
	}
	return all
}

// apart says whether the machine's own processes were watched.
func (v *Viewers) apart() bool {
	return slices.ContainsFunc(v.Loads, func(l Viewed) bool { return len(l.Apart) > 0 })
}

// off counts the streams that did not show everything as it is.
func (v *Viewers) off() (n int) {
	for _, l := range v.Loads {
		n += l.Viewers - l.Exact + l.Fell
	}
	for _, t := range v.Talks {
		n += v.Viewers - t.Exact + t.Fell + t.Skipped
		for _, s := range t.Transitions {
			n += s.Missed
		}
	}
	return n
}

func (v *Viewers) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s votes offered a second; median of the rounds | no viewers | %s | %s | all ÷ none | all ÷ few |\n|---|--:|--:|--:|--:|--:|\n",
		count(int64(v.Rate)), count(v.Few), count(v.Viewers))
	row := func(name, format string, of func(Viewed) float64) {
		none, few, many := Median(v.each(0, of)), Median(v.each(v.Few, of)), Median(v.each(v.Viewers, of))
		ratio := func(to float64) string {
			if to <= 0 {
				return "–"
			}
			return fmt.Sprintf("%.2f", many/to)
		}
		fmt.Fprintf(&b, "| %s | "+format+" | "+format+" | "+format+" | %s | %s |\n", name, none, few, many, ratio(none), ratio(few))
	}
	row("votes answered 204 a second", "%.0f", func(l Viewed) float64 { return l.Vote.Achieved })
	for _, p := range []string{"50", "90", "99", "99.9"} {
		row(p+" % of votes answered within, ms", "%.1f", func(l Viewed) float64 { return l.Vote.Ms[p] })
	}
	if v.apart() {
		for _, p := range []string{"50", "90", "99", "99.9"} {
			row("apart from the machine's own moments: "+p+" %", "%.1f", func(l Viewed) float64 { return l.Apart[p] })
		}
		row("votes that these are, % of all", "%.0f", func(l Viewed) float64 { return 100 * l.ApartOf })
	}
	row("database: reads a second", "%.1f", func(l Viewed) float64 { return l.Reads })
	row("reads of the slide, by the APIs", "%.1f", func(l Viewed) float64 { return l.Calls["display"] })
	row("reads of results, by the APIs", "%.1f", func(l Viewed) float64 { return l.Calls["results"] })
	row("database: all statements a second, counting too", "%.0f", func(l Viewed) float64 { return l.Statements })
	row("results events a second, all streams", "%.0f", func(l Viewed) float64 { return float64(l.Events) / l.Seconds })
	row("results events a second, a stream", "%.2f", func(l Viewed) float64 { return float64(l.Events) / l.Seconds / float64(max(l.Viewers, 1)) })
	row("KB a second, all streams", "%.0f", func(l Viewed) float64 { return float64(l.Bytes) / l.Seconds / 1e3 })
	for _, p := range []string{"nginx", "api", "rabbitmq", "worker", "postgresql", "viewers"} {
		row("processors in use: "+p, "%.2f", func(l Viewed) float64 { return l.CPU[p] })
	}
	row("ms to connect all", "%.0f", func(l Viewed) float64 { return l.Connect * float64(min(l.Viewers, 1)) })

	fmt.Fprintf(&b, "\n| ms until a transition is read by %s viewers; median (worst) transition | the presenter's answer | 50 %% | 90 %% | 99 %% | 99.9 %% | last |\n|---|--:|--:|--:|--:|--:|--:|\n",
		count(v.Viewers))
	for _, from := range []struct {
		name     string
		answered string
		of       func(Seen) map[string]float64
	}{
		{"from the request", v.worst(func(s Seen) float64 { return s.Answered }), func(s Seen) map[string]float64 { return s.FromRequest }},
		{"from the answer", "–", func(s Seen) map[string]float64 { return s.FromAnswer }},
	} {
		fmt.Fprintf(&b, "| %s | %s |", from.name, from.answered)
		for _, p := range []string{"50", "90", "99", "99.9", "100"} {
			fmt.Fprintf(&b, " %s |", v.worst(func(s Seen) float64 { return from.of(s)[p] }))
		}
		b.WriteByte('\n')
	}

	b.WriteString("\n| round | viewers | polls | streams that end at the tally | lost | versions missed or skipped | ids that fell | answers to votes |\n|--:|--:|--:|--:|--:|--:|--:|---|\n")
	for _, l := range v.Loads {
		if l.Viewers > 0 {
			fmt.Fprintf(&b, "| %d | %s | 1 | %s | %d | – | %d | %s |\n", l.Round+1, count(l.Viewers), count(l.Exact), l.Lost, l.Fell, l.Vote.answers())
		}
	}
	for _, t := range v.Talks {
		missed := t.Skipped
		for _, s := range t.Transitions {
			missed += s.Missed
		}
		fmt.Fprintf(&b, "| %d | %s | %d | %s | %d | %d | %d | %s |\n", t.Round+1, count(v.Viewers), 1+len(t.Transitions), count(t.Exact), t.Lost, missed,
			t.Fell, t.Vote.answers())
	}
	return b.String()
}

// worst writes a median over all transitions, and the worst of them.
func (v *Viewers) worst(of func(Seen) float64) string {
	s := spreadOf(v.transitions(of))
	return fmt.Sprintf("%.0f (%.0f)", s.median, s.high)
}
