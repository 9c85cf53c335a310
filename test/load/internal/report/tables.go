package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Parts are what can be measured alone, in their order.
var Parts = []string{"throughput", "bulk", "stampede", "viewers", "feed"}

// The contestants.
const (
	NoOp        = "no-op"
	Plenary     = "Plenary"
	Before      = "before"          // the earlier Plenary
	Passes      = "Plenary, passes" // its voters have passes
	Several     = "Plenary, 8 presentations"
	Many        = "Plenary, 100 presentations"
	Transaction = "transaction per vote"
	Bulk        = "bulk insert" // of the part bulk

	// Two that go the same way: every request is Fiber's (PLENARY_FAST_VOTES=false).
	VotesByFiber = "votes by Fiber"
	Ratings      = "ratings"

	// Votes in the feed. All of them are on one poll at a time, or on a thousand.
	Feed    = "feed votes"
	FeedHot = "feed votes, one poll"
	Usual   = "feed votes, a transaction each" // by a server that is none of ours

	NGINX    = ", NGINX"    // what follows is behind the name of one of them
	Embedded = ", embedded" // one process, SQLite, no broker
)

// Contestants lists those of the closed loop, in the order of tables.
var Contestants = []string{
	NoOp, Plenary, Passes, Several, Many, Before, NoOp + NGINX, Plenary + NGINX, Passes + NGINX,
	Before + NGINX, VotesByFiber + NGINX, Ratings + NGINX, Feed + NGINX, Plenary + Embedded,
	Before + Embedded,
	Transaction, Feed, FeedHot, Usual,
}

// OnlyBefore are those that run only beside an earlier Plenary.
var OnlyBefore = []string{Before, Before + NGINX, Before + Embedded, Passes, Passes + NGINX}

// The loads of the part feed, on a small feed and on a full one.
const (
	FeedCounting = "counting"
	FeedReading  = "reading"
	FeedNewest   = "the feed"
	FeedByTag    = "by tag"
	FeedByWord   = "by part of a word"

	FeedSmall, FeedFull = 0, 1
)

// FeedLoads lists them.
var FeedLoads = []string{FeedCounting, FeedReading, FeedNewest, FeedByTag, FeedByWord}

// The values that several contestants have.
const (
	// Rate is answered votes a second, until all of them are counted: a queue is no gain.
	Rate = "votes a second"
	// CPU is processor time per counted vote; with a process's name behind it, its.
	CPU = "µs"
	// Readings is how often the feed is read in a second.
	Readings = "readings a second"
)

// The numbers of viewers that the page speaks of.
const (
	Few     = 100
	Viewers = 10_000
)

// table is a table of a part's values. Each cell is what its row and its column say together.
type table struct {
	part   string
	corner string // the heading of the rows; "|" within it: they have two headings
	rows   []row
	cols   []column
}

type row struct {
	name string
	key  key
}

type column struct {
	name   string
	key    key
	by     *key   // what it is divided by, together with the row; nil: nothing
	format string // empty: three digits, or a whole number
	spread bool   // half the distance from the lowest to the highest round stands beside the median
}

// String writes the table. Rows that were not measured are left out.
func (t table) String(r Results) string {
	p := r[t.part]
	if p == nil {
		return "Not measured yet.\n"
	}
	var b strings.Builder
	b.WriteString("| " + t.corner + " |")
	for _, c := range t.cols {
		b.WriteString(" " + c.name + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("--:|", strings.Count(t.corner, "|")+len(t.cols)) +
		"\n")
	for _, row := range t.rows {
		line, measured := "| "+row.name+" |", false
		for _, c := range t.cols {
			cell := c.cell(p, row.key)
			measured = measured || cell != "–"
			line += " " + cell + " |"
		}
		if measured {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

func (c column) cell(p *Part, row key) string {
	k := c.key.and(row)
	v, ok := p.median(k)
	if c.by != nil {
		v, ok = p.ratio(k, c.by.and(row))
	}
	switch all := p.each(k); {
	case !ok:
		return "–"
	case c.spread && len(all) > 1 && v > 0:
		return fmt.Sprintf("%s ±%.0f%%", count(v), 50*(slices.Max(all)-slices.Min(all))/v)
	case c.format == "" && v >= 100:
		return count(v)
	default:
		return fmt.Sprintf(cmp.Or(c.format, "%.3g"), v)
	}
}

// count writes a whole number with commas.
func count(v float64) string {
	s := fmt.Sprint(int64(math.Round(v)))
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// tables gives all tables of the page, by their marks.
func (r Results) tables() map[string]string {
	throughput := table{part: "throughput", corner: Rate}
	for _, name := range Contestants {
		throughput.rows = append(throughput.rows, row{name, key{of: name, at: every}})
	}
	for _, n := range []float64{64, 256, 512, 2000} {
		throughput.cols = append(throughput.cols,
			column{name: count(n), key: key{at: n, value: Rate}, spread: true})
	}
	cpu := table{part: "throughput", corner: "µs per counted vote | connections"}
	for _, name := range []string{
		NoOp, Plenary, Several, Many, NoOp + NGINX, Plenary + NGINX, VotesByFiber + NGINX,
		Ratings + NGINX,
	} {
		for _, n := range []float64{64, 2000} {
			cpu.rows = append(cpu.rows, row{name + " | " + count(n), key{of: name, at: n}})
		}
	}
	for of := range strings.SplitSeq(" nginx, api, rabbitmq, worker, postgresql,, wrk", ",") {
		name, k := cmp.Or(strings.TrimSpace(of), "sum"), key{at: every, value: CPU + of}
		cpu.cols = append(cpu.cols, column{name: name, key: k, format: "%.1f"})
	}
	viewers := table{part: "viewers", corner: "2,000 votes a second"}
	for _, v := range []struct{ name, value string }{
		{"50 % of votes answered within, ms", "50 %"}, {"99 %, ms", "99 %"},
		{"the APIs' reads of the store a second", "reads"},
		{"events a second, all streams", "events a second"},
		{"processors in use: NGINX", "cores nginx"}, {"API", "cores api"},
		{"RabbitMQ, worker, PostgreSQL", "cores behind"},
	} {
		viewers.rows = append(viewers.rows, row{v.name, key{at: every, value: v.value}})
	}
	none, few, many := key{of: Plenary}, key{of: Plenary, at: Few}, key{of: Plenary, at: Viewers}
	viewers.cols = []column{
		{name: "none", key: none}, {name: "100", key: few}, {name: "10,000 viewers", key: many},
		{name: "÷ none", key: many, by: &none, format: "%.2f"},
		{name: "÷ 100", key: many, by: &few, format: "%.2f"}}
	return map[string]string{"targets": r.Targets(), "runs": r.runs(),
		"throughput": throughput.String(r), "cpu": cpu.String(r),
		"viewers": viewers.String(r), "feed": feedTable().String(r)}
}

// feedTable is of the part feed.
func feedTable() table {
	t := table{part: "feed", corner: "200 readings a second"}
	for _, l := range []struct{ name, of, value string }{
		{"votes counted a second, 64 connections", FeedCounting, Rate},
		{"readings a second, 64 connections", FeedReading, Readings},
		{"the feed of 20: 50 %, ms", FeedNewest, "50 %"}, {"99 %, ms", FeedNewest, "99 %"},
		{"by tag: 50 %, ms", FeedByTag, "50 %"}, {"99 %, ms", FeedByTag, "99 %"},
		{"by part of a word: 50 %, ms", FeedByWord, "50 %"}, {"99 %, ms", FeedByWord, "99 %"},
	} {
		t.rows = append(t.rows, row{l.name, key{l.of, every, l.value}})
	}
	small, full := key{at: FeedSmall}, key{at: FeedFull}
	t.cols = []column{
		{name: "small", key: small}, {name: "full", key: full},
		{name: "full ÷ small", key: full, by: &small, format: "%.2f"},
	}
	return t
}

// Compared writes the closed loop beside an earlier Plenary.
func (r Results) Compared() string {
	t := table{part: "throughput", corner: "| connections"}
	for _, of := range []string{"", NGINX, Embedded} {
		name := cmp.Or(strings.TrimPrefix(of, ", "), "direct")
		for _, at := range r[t.part].ats(Before + of) {
			t.rows = append(t.rows, row{fmt.Sprintf("%s | %.0f", name, at), key{of: of, at: at}})
		}
	}
	for _, v := range [][3]string{{Rate, "votes/s", "%.0f"}, {CPU, "µs CPU a vote", "%.1f"}} {
		of := func(name string) key { return key{name, every, v[0]} }
		before := of(Before)
		t.cols = append(t.cols, column{name: "before, " + v[1], key: before, format: v[2]},
			column{name: "now ÷ before", key: of(Plenary), by: &before, format: "%.2f"},
			column{name: "passes ÷ before", key: of(Passes), by: &before, format: "%.2f"})
	}
	return t.String(r)
}

// runs says when and where every part was measured.
func (r Results) runs() string {
	var b strings.Builder
	var machines []string
	for _, name := range Parts {
		if p := r[name]; p != nil {
			began := p.Began.Format("2006-01-02 15:04 MST")
			fmt.Fprintf(&b, "- %s: %s, commit %s, %d rounds of %d s, load %s–%s\n", name, began,
				p.Commit, p.Rounds, p.Seconds, p.Load[0], p.Load[1])
			machines = append(machines, "- "+strings.ReplaceAll(p.Machine, "; ", "\n  ")+"\n")
		}
	}
	return b.String() + strings.Join(slices.Compact(machines), "")
}
