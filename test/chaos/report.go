package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/plenary-live/plenary/test/chaos/check"
)

// Line is what came of the votes of a run, of its ratings, or of what accounts did in the feed.
type Line struct {
	Report *check.Report
	Gap    time.Duration // longest time in which a room, a talk or an account had none accepted
	recovery
}

// Row is three lines of the table.
type Row struct {
	Fault        *Fault
	Seed         uint64
	Line         // of votes
	Ratings      Line
	Feed         Line
	Odd          []string       // answers that nobody should ever have got, and wrong tallies
	Statuses     map[uint16]int // of the answers to votes; 0: none came
	Moves, Views int
	Edits        int64
	Took         time.Duration
}

// Head is the head of the table.
const Head = "| fault | seed | sent | acknowledged | refused | unknown | counted | overtaken | " +
	"lost | double | late | changed | other | longest gap (s) | accepting again (s) | counting " +
	"again (s) |\n" +
	"|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"

// lines are of the votes, of the ratings and of the feed.
func (r *Row) lines() []*Line { return []*Line{&r.Line, &r.Ratings, &r.Feed} }

// String is the line of the votes, that of the ratings, and that of the feed. What is odd stands
// with the votes.
func (r *Row) String() string {
	return r.line(r.Fault.Name, len(r.Odd), r.Seed) +
		r.Ratings.line(r.Fault.Name+", ratings", 0, r.Seed) +
		r.Feed.line(r.Fault.Name+", feed", 0, r.Seed)
}

func (l *Line) line(name string, odd int, seed uint64) string {
	c := l.Report
	return fmt.Sprintf(
		"| %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %s | %s | %s |\n",
		name, seed, c.Sent, c.Acknowledged, c.Refused, c.Unknown, c.Counted, c.Overtaken,
		c.Of(check.Lost), c.Of(check.Double), c.Of(check.Late), c.Of(check.Changed),
		l.other()+odd, seconds(l.Gap), seconds(l.Accepting), seconds(l.Counting))
}

// other counts the violations that have no column of their own.
func (l *Line) other() int {
	return l.Report.Of(check.Ghost, check.Revived, check.Tally, check.Backward, check.Stale,
		check.Order, check.Odd, check.Quota, check.Shown)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()) }

// undecided is on how many registers of a run porcupine may give up before the run proves too
// little.
const undecided = 2

// Failures says what is wrong with a row; empty: nothing.
func (r *Row) Failures() []string {
	return slices.Concat(r.failures(), r.Ratings.failures(), r.Feed.failures(), r.Odd)
}

func (l *Line) failures() (all []string) {
	for i, v := range l.Report.Violations {
		if i == 20 {
			all = append(all, fmt.Sprintf("… and %d more", len(l.Report.Violations)-i))
			break
		}
		all = append(all, v.String())
	}
	if c := l.Report; c.Behind > 5+c.Unknown/500 {
		all = append(
			all, fmt.Sprintf(
				"%d overtook what came later: more than %d without an answer explain",
				c.Behind, c.Unknown))
	}
	if n := l.Report.Undecided; n > undecided {
		all = append(all, fmt.Sprintf("porcupine gave up on %d registers, more than %d",
			n, undecided))
	}
	return all
}

// Missed says which targets of recovery the median of a fault's runs misses; empty: none.
func Missed(rows []*Row) string {
	if len(rows) == 0 {
		return ""
	}
	f, missed := rows[0].Fault, []string{}
	counting, accepting := medians(rows)
	if f.Counts > 0 && counting > f.Counts {
		missed = append(missed, fmt.Sprintf("counting resumed after %v, not within %v",
			counting, f.Counts))
	}
	if f.Accepts > 0 && accepting > f.Accepts {
		missed = append(missed, fmt.Sprintf("accepting resumed after %v, not within %v",
			accepting, f.Accepts))
	}
	return strings.Join(missed, ", ")
}

// Recovery is a line of the table of recoveries: the medians of a fault's runs beside their
// targets; empty: it has none.
func Recovery(rows []*Row) string {
	if len(rows) == 0 {
		return ""
	}
	f, line := rows[0].Fault, ""
	counting, accepting := medians(rows)
	if f.Counts > 0 {
		line += fmt.Sprintf("| %s → counted again | %v | %s s |\n", f.Name, f.Counts,
			seconds(counting))
	}
	if f.Accepts > 0 {
		line += fmt.Sprintf("| %s → accepted again | %v | %s s |\n", f.Name, f.Accepts,
			seconds(accepting))
	}
	return line
}

// medians of how long it took until votes, ratings and answers in the feed were counted and
// accepted again.
func medians(rows []*Row) (counting, accepting time.Duration) {
	var c, a []time.Duration
	for _, r := range rows {
		c = append(c, max(r.Counting, r.Ratings.Counting, r.Feed.Counting))
		a = append(a, max(r.Accepting, r.Ratings.Accepting, r.Feed.Accepting))
	}
	slices.Sort(c)
	slices.Sort(a)
	return c[len(c)/2], a[len(a)/2]
}

// Sum is the last line of the table.
func Sum(rows []*Row) string {
	var sent, acknowledged, refused, unknown, counted, overtaken, lost, double, late,
		changed, other int
	var gap time.Duration
	var lines []*Line
	for _, r := range rows {
		lines, other = append(lines, r.lines()...), other+len(r.Odd)
	}
	for _, l := range lines {
		c := l.Report
		sent, acknowledged, refused, unknown, counted = sent+c.Sent, acknowledged+c.Acknowledged,
			refused+c.Refused, unknown+c.Unknown, counted+c.Counted
		overtaken += c.Overtaken
		lost, double, late, changed = lost+c.Of(check.Lost), double+c.Of(check.Double),
			late+c.Of(check.Late), changed+c.Of(check.Changed)
		other, gap = other+l.other(), max(gap, l.Gap)
	}
	return fmt.Sprintf(
		"| **%d runs** | | %d | %d | %d | %d | %d | %d | **%d** | **%d** | **%d** | **%d** | "+
			"**%d** | %s | | |\n",
		len(rows), sent, acknowledged, refused, unknown, counted, overtaken, lost, double, late,
		changed, other, seconds(gap))
}
