package report

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// colours that people with any eyes can tell apart (Okabe and Ito).
var colours = []color.RGBA{{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {230, 159, 0, 255},
	{86, 180, 233, 255}, {120, 120, 120, 255}, {0, 0, 0, 255}, {160, 110, 60, 255}, {90, 60, 160, 255}, {140, 140, 0, 255}, {190, 30, 60, 255},
	{0, 90, 70, 255}, {170, 170, 170, 255}}

// series is a line of a plot.
type series struct {
	name   string
	points plotter.XYs
}

// Plot draws what was measured, as SVG files in a folder.
func (r Results) Plot(folder string) error {
	if t := r.Throughput; t != nil {
		var lines []series
		for _, c := range Contestants {
			s := series{name: c}
			for _, n := range t.connections() {
				if rate := t.rate(c, n).median; rate > 0 {
					s.points = append(s.points, plotter.XY{X: float64(n), Y: rate})
				}
			}
			lines = append(lines, s)
		}
		if err := save(filepath.Join(folder, "throughput.svg"), "Votes a second", "connections", "answers a second", true, true, lines); err != nil {
			return err
		}
	}
	if d := r.Degradation; d != nil {
		for call, title := range map[string]string{"vote": "Voting, until counted", "current": "Reading what is displayed", "results": "Reading results while votes come in"} {
			var lines []series
			for _, p := range []string{"50", "90", "99", "99.9"} {
				s := series{name: p + " %"}
				for _, l := range d.Levels {
					if l.Call == call {
						s.points = append(s.points, plotter.XY{X: l.Offered, Y: l.Ms[p]})
					}
				}
				lines = append(lines, s)
			}
			if err := save(filepath.Join(folder, call+".svg"), title, "offered requests a second", "latency, ms", true, true, lines); err != nil {
				return err
			}
		}
	}
	if s := r.Stampede; s != nil {
		var lines []series
		for _, c := range []string{NoOpNGINX, PlenaryNGINX} {
			if b, ok := s.middle(c); ok {
				line := series{name: fmt.Sprintf("%s, round %d", c, b.Round+1)}
				for _, p := range b.Curve {
					line.points = append(line.points, plotter.XY{X: p[0], Y: 100 * p[1]})
				}
				lines = append(lines, line)
			}
		}
		title := fmt.Sprintf("%s clients vote at one signal: the median round", count(s.Clients))
		return save(filepath.Join(folder, "stampede.svg"), title, "ms from the signal", "answered, %", false, false, lines)
	}
	return nil
}

func save(path, title, x, y string, logX, logY bool, lines []series) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.Padding = vg.Points(8)
	p.BackgroundColor = color.White // it must be readable on a dark page, too
	if logX {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, decades{}
	}
	if logY {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, decades{}
	}
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{225}, color.Gray{225}
	p.Add(grid)
	drawn := 0
	for i, s := range lines {
		if len(s.points) == 0 {
			continue
		}
		if logY {
			for j := range s.points {
				s.points[j].Y = max(s.points[j].Y, 1e-3)
			}
		}
		line, dots, err := plotter.NewLinePoints(s.points)
		if err != nil {
			return err
		}
		line.Color, line.Width = colours[i%len(colours)], vg.Points(1.5)
		dots.Color, dots.Radius = line.Color, vg.Points(1.8)
		p.Add(line)
		p.Legend.Add(s.name, line)
		if len(s.points) < 50 {
			p.Add(dots)
		}
		drawn++
	}
	if drawn == 0 {
		return nil
	}
	if p.X.Min == p.X.Max { // one point: an axis needs a length
		p.X.Min, p.X.Max = p.X.Min/2, p.X.Max*2
	}
	if p.Y.Min == p.Y.Max {
		p.Y.Min, p.Y.Max = p.Y.Min/2, p.Y.Max*2
	}
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.Padding = vg.Points(2)
	// A browser's letters are wider than those that were measured: what is at the right edge needs more room.
	const width, height, right = 560, 360, 20
	beside := 0.
	if len(lines) > 5 { // among the lines there is no room for the legend
		beside = 240
	}
	canvas, err := draw.NewFormattedCanvas(vg.Points(width+beside), vg.Points(height), "svg")
	if err != nil {
		return err
	}
	area := draw.New(canvas)
	area.SetColor(color.White)
	area.Fill(area.Path())
	if beside > 0 {
		legend := p.Legend
		p.Legend = plot.NewLegend()
		legend.Draw(draw.Crop(area, vg.Points(width), 0, 0, -vg.Points(30)))
	}
	area = draw.Crop(area, 0, -vg.Points(beside+right), 0, 0)
	p.Draw(area)
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = canvas.WriteTo(file)
	return errors.Join(err, file.Close())
}

// decades labels 1, 2 and 5 of every power of ten.
type decades struct{}

func (decades) Ticks(low, high float64) (ticks []plot.Tick) {
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for m := range 9 {
			v := float64(m+1) * math.Pow(10, e)
			if v < low*0.999 || v > high*1.001 {
				continue
			}
			t := plot.Tick{Value: v}
			if m == 0 || m == 1 || m == 4 {
				t.Label = fmt.Sprintf("%g", v)
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}
