// Package report keeps what the benchmark measured, and makes tables, plots and verdicts of it.
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Results is everything that was measured, by the part of the benchmark that did.
type Results map[string]*Part

// Part is one run of a part.
type Part struct {
	Run
	Loads []Load `json:"loads"`
}

// Load is one load on one contestant, and what was measured of it.
type Load struct {
	Of     string             `json:"of"`
	At     float64            `json:"at"` // connections, viewers, percent of the clients
	Round  int                `json:"round"`
	Values map[string]float64 `json:"values"`
}

// Run says when, where and of what a part was measured.
type Run struct {
	Began   time.Time `json:"began"`
	Commit  string    `json:"commit"` // of the repository; "+" behind it: with changes
	Machine string    `json:"machine"`
	Rounds  int       `json:"rounds"`
	Seconds int       `json:"seconds"` // of each load
	Load    [2]string `json:"load"`    // the machine's average of a minute, at first and at last
}

// key names a value: of a contestant, under a load.
type key struct {
	of    string
	at    float64 // every: not said
	value string
}

// every is no load's At.
const every = -1

// and joins what a table's column and its row say.
func (k key) and(row key) key {
	k.of, k.value = k.of+row.of, k.value+row.value
	if k.at == every {
		k.at = row.at
	}
	return k
}

// each gives a value in every round, in order.
func (p *Part) each(k key) (values []float64) {
	if p == nil {
		return nil
	}
	for _, l := range p.Loads {
		if v, has := l.Values[k.value]; has && l.Of == k.of && l.At == k.at {
			values = append(values, v)
		}
	}
	return values
}

// median gives a value's; not ok: it was not measured.
func (p *Part) median(k key) (m float64, ok bool) {
	values := p.each(k)
	return Median(values), len(values) > 0
}

// ratio gives the median of the rounds' ratios: a slow moment of the machine slows both.
func (p *Part) ratio(of, to key) (m float64, ok bool) {
	a, b := p.each(of), p.each(to)
	if len(a) == 0 || len(a) != len(b) || slices.Contains(b, 0) {
		return 0, false
	}
	for i := range a {
		a[i] /= b[i]
	}
	return Median(a), true
}

// ats gives every At of a contestant's loads, rising.
func (p *Part) ats(of string) (all []float64) {
	for _, l := range p.Loads {
		if l.Of == of && !slices.Contains(all, l.At) {
			all = append(all, l.At)
		}
	}
	slices.Sort(all)
	return all
}

// Median gives the median of values; 0 of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// Read reads results; a file that is not there holds none.
func Read(path string) (Results, error) {
	r := Results{}
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	return r, json.Unmarshal(raw, &r)
}

// Write writes results.json and the plots into a folder's benchmarks, and the tables into its
// benchmarks.md, whose prose it leaves alone.
func (r Results) Write(docs string) error {
	page, folder := filepath.Join(docs, "benchmarks.md"), filepath.Join(docs, "benchmarks")
	text, err := os.ReadFile(page)
	if err != nil {
		return fmt.Errorf("its tables belong into a page: %w", err)
	}
	filled, err := r.Fill(string(text))
	if err != nil {
		return err
	}
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	files := map[string]string{page: filled, filepath.Join(folder, "results.json"): string(raw) +
		"\n"}
	for _, p := range plots {
		if svg := p.svg(r); svg != "" {
			files[filepath.Join(folder, p.part+".svg")] = svg
		}
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for path, text := range files {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
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
