package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// picture is a plot of a value: the medians of contestants under all their loads.
type picture struct {
	part, title, x, y string
	of                []string // a line for each
	value             string
	scale             func(float64) float64 // of both axes
}

// plots answer a question each; the part's name is the file's.
var plots = []picture{
	{"throughput", "How many votes are counted?", "connections", Rate, Contestants, Rate, math.Log},
	{"stampede", "How long do clients wait that vote at once?", "% of the clients",
		"ms from the signal", []string{NoOp, Plenary, Ratings}, "ms",
		func(v float64) float64 { return v }},
}

// colours that people with any eyes can tell apart (Okabe and Ito).
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#787878"}

// svg draws the plot; nothing of what was not measured.
func (p picture) svg(r Results) string {
	part := r[p.part]
	if part == nil {
		return ""
	}
	lines, xs, ys := map[string][][2]float64{}, []float64{}, []float64{}
	for _, of := range p.of {
		for _, at := range part.ats(of) {
			if v, ok := part.median(key{of, at, p.value}); ok {
				lines[of] = append(lines[of], [2]float64{at, v})
				xs, ys = append(xs, at), append(ys, v)
			}
		}
	}
	if len(xs) == 0 {
		return ""
	}
	// place gives where a value is between the ends of its axis, in pixels.
	place := func(v float64, all []float64, from, to float64) float64 {
		low, high := p.scale(slices.Min(all)), p.scale(slices.Max(all))
		if low == high {
			return (from + to) / 2
		}
		return from + (to-from)*(p.scale(v)-low)/(high-low)
	}
	x := func(v float64) float64 { return place(v, xs, 70, 460) }
	y := func(v float64) float64 { return place(v, ys, 340, 40) }
	var b strings.Builder
	text := func(x, y float64, anchor, what string) {
		const text = `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>` + "\n"
		fmt.Fprintf(&b, text, x, y, anchor, what)
	}
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 400"
 font-family="sans-serif" font-size="12"><rect width="700" height="400" fill="#fff"/>
<path d="M70 40V340H460" fill="none" stroke="#000"/>
`)
	text(265, 22, "middle", p.title)
	text(265, 385, "middle", p.x)
	text(10, 34, "start", p.y)
	slices.Sort(xs)
	last := math.Inf(1)
	for _, v := range slices.Backward(xs) {
		if last-x(v) > 30 {
			last = x(v)
			text(last, 358, "middle", count(v))
		}
	}
	last = math.Inf(-1)
	for e := math.Ceil(math.Log10(slices.Max(ys))); e >= 0; e-- {
		for _, m := range []float64{5, 2, 1} {
			if at := y(m * math.Pow(10, e)); at >= 40 && at <= 340 && at-last > 14 {
				last = at
				fmt.Fprintf(&b, `<path d="M70 %.1fH460" stroke="#ddd"/>`+"\n", at)
				text(64, at+4, "end", count(m*math.Pow(10, e)))
			}
		}
	}
	drawn := 0
	for _, of := range p.of {
		if lines[of] == nil {
			continue
		}
		colour := colours[drawn%len(colours)]
		style := fmt.Sprintf(`fill="none" stroke="%s" stroke-width="2"`, colour)
		if drawn >= len(colours) {
			style += ` stroke-dasharray="6 3"`
		}
		points := ""
		for _, at := range lines[of] {
			points += fmt.Sprintf("%.1f,%.1f ", x(at[0]), y(at[1]))
		}
		fmt.Fprintf(&b, `<polyline points="%s" %s/>`+"\n", strings.TrimSpace(points), style)
		legend := 50 + 20*float64(drawn)
		fmt.Fprintf(&b, `<path d="M485 %.1fh24" %s/>`+"\n", legend-4, style)
		text(515, legend, "start", of)
		drawn++
	}
	return b.String() + "</svg>\n"
}
