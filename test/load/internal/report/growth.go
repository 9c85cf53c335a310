package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Growth is what the number of votes in the table costs.
type Growth struct {
	Run
	HTTPRate float64 `json:"results_http_rate,omitempty"` // a second; results without it are of 200
	Sizes    []Size  `json:"sizes"`
}

// Size is one number of votes.
type Size struct {
	Votes        int64     `json:"votes"`
	Bytes        int64     `json:"bytes"`                     // of the table and its index
	CountNew     []float64 `json:"count_new"`                 // votes a second into a new poll, by round
	CountLargest []float64 `json:"count_largest"`             // new voters of the poll that has half of all votes
	CountAgain   []float64 `json:"count_again,omitempty"`     // the same once more, with no checkpoint between
	Results      []float64 `json:"results_us,omitempty"`      // median of reading the results of that poll from the store, by round
	ResultsHTTP  []float64 `json:"results_http_us,omitempty"` // the same through an API
	ResultsP99   []float64 `json:"results_p99_us,omitempty"`
	// Costs tells what each counting took, by what it was into and by round. Empty where PostgreSQL could not tell.
	Costs map[string][]Cost `json:"costs,omitempty"`
}

// Cost is what counting a vote has the database do.
type Cost struct {
	CPU     float64 `json:"cpu_us"`           // microseconds of PostgreSQL's processes
	WAL     float64 `json:"wal_bytes"`        // written to the log, images included
	Images  float64 `json:"full_page_images"` // pages that the log had to hold whole: the first change after a checkpoint
	Reads   float64 `json:"pages_read"`       // not found in PostgreSQL's own memory
	Written float64 `json:"pages_written"`    // by the session itself, to make room there
}

// Since gives what each of n votes has cost since before, where both are of all votes.
func (c Cost) Since(before Cost, n int) Cost {
	per := func(a, b float64) float64 { return (a - b) / float64(n) }
	return Cost{per(c.CPU, before.CPU), per(c.WAL, before.WAL), per(c.Images, before.Images), per(c.Reads, before.Reads), per(c.Written, before.Written)}
}

// What is counted into, as keys of Costs.
const (
	IntoNew     = "new"
	IntoLargest = "largest"
	IntoAgain   = "again"
)

// Alternatives is counting with as many votes as Growth's most, in other tables or with other settings than the product's.
type Alternatives struct {
	Run
	Ways []Alternative `json:"ways"`
}

// Alternative is one of them. Results are not measured.
type Alternative struct {
	How string `json:"how"`
	Size
}

func (g *Growth) at(votes int64) *Size {
	for i := range g.Sizes {
		if g.Sizes[i].Votes == votes {
			return &g.Sizes[i]
		}
	}
	return nil
}

func (g *Growth) largest() (most Size) {
	for _, s := range g.Sizes {
		if s.Votes >= most.Votes {
			most = s
		}
	}
	return most
}

func (g *Growth) table() string {
	var b strings.Builder
	rate := g.HTTPRate
	if rate == 0 {
		rate = 200
	}
	fmt.Fprintf(&b, "| median (lowest–highest round); votes in the table | MB with index | counted a second, a new poll | counted a second, the largest poll | results from the store, µs | its 99 %% | results by HTTP at %.0f a second, µs |\n"+
		"|--:|--:|--:|--:|--:|--:|--:|\n", rate)
	for _, s := range g.Sizes {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", count(s.Votes), count(s.Bytes>>20), ranged(s.CountNew), ranged(s.CountLargest),
			ranged(s.Results), ranged(s.ResultsP99), ranged(s.ResultsHTTP))
	}
	if slices.ContainsFunc(g.Sizes, func(s Size) bool { return len(s.Costs) > 0 }) {
		b.WriteString("\n| votes in the table | counted into | " + costColumns + "\n|--:|---|" + costAlign + "\n")
		for _, s := range g.Sizes {
			for _, into := range intos {
				fmt.Fprintf(&b, "| %s | %s | %s\n", count(s.Votes), into.name, s.cost(into))
			}
		}
	}
	return b.String()
}

func (a *Alternatives) table() string {
	var b strings.Builder
	b.WriteString("| the table of votes | votes | MB with index | counted into | " + costColumns + "\n|---|--:|--:|---|" + costAlign + "\n")
	for _, w := range a.Ways {
		for _, into := range intos {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s\n", w.How, count(w.Votes), count(w.Bytes>>20), into.name, w.cost(into))
		}
	}
	return b.String()
}

// into is a poll that is counted into.
type into struct {
	key, name string
	rates     func(Size) []float64
}

var intos = []into{
	{IntoNew, "a new poll", func(s Size) []float64 { return s.CountNew }},
	{IntoLargest, "the largest poll", func(s Size) []float64 { return s.CountLargest }},
	{IntoAgain, "the largest poll, again", func(s Size) []float64 { return s.CountAgain }},
}

const (
	costColumns = "votes a second | PostgreSQL, µs a vote | log, bytes a vote | whole pages in the log, a vote | pages read, a vote | pages written to make room, a vote |"
	costAlign   = "--:|--:|--:|--:|--:|--:|"
)

// cost writes costColumns.
func (s Size) cost(into into) string {
	median := func(format string, of func(Cost) float64) string {
		var rounds []float64
		for _, c := range s.Costs[into.key] {
			rounds = append(rounds, of(c))
		}
		if len(rounds) == 0 {
			return "–"
		}
		return fmt.Sprintf(format, Median(rounds))
	}
	return fmt.Sprintf("%s | %s | %s | %s | %s | %s |", ranged(into.rates(s)), median("%.1f", func(c Cost) float64 { return c.CPU }),
		median("%.0f", func(c Cost) float64 { return c.WAL }), median("%.2f", func(c Cost) float64 { return c.Images }),
		median("%.2f", func(c Cost) float64 { return c.Reads }), median("%.2f", func(c Cost) float64 { return c.Written }))
}

// ranged writes the median of rounds and, of more than one, the lowest and the highest.
func ranged(rounds []float64) string {
	whole := func(v float64) string { return count(int64(math.Round(v))) }
	if len(rounds) == 0 {
		return "–"
	}
	s := spreadOf(rounds)
	if len(rounds) == 1 {
		return whole(s.median)
	}
	return fmt.Sprintf("%s (%s–%s)", whole(s.median), whole(s.low), whole(s.high))
}
