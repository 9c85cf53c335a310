package report

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// viewed is a round in which everything is as it should be.
func viewed() *Viewers {
	load := func(viewers int, ms, reads float64) Viewed {
		return Viewed{Viewers: viewers, Vote: Level{Ms: map[string]float64{"50": ms, "99": 2 * ms}}, Reads: reads, Seconds: 1, Exact: viewers}
	}
	seen := func(p99 float64) Seen {
		return Seen{FromRequest: map[string]float64{"99": p99, "100": p99 + 50}}
	}
	return &Viewers{Viewers: 1000, Few: 100, Rate: 2000, Loads: []Viewed{load(0, 10, 5), load(100, 11, 30), load(1000, 14, 24)},
		Talks: []Talk{{Exact: 1000, Transitions: []Seen{seen(300), seen(900), seen(400)}}}}
}

func TestViewersMeetTheirTargetsOnlyIfEveryStreamWasRight(t *testing.T) {
	for _, f := range viewed().figures() {
		require.True(t, f.met(), f.what)
	}
	require.Contains(t, viewed().figures()[0].String(), "| 400 (1,000 viewers; the worst transition 900, its last viewer 950) | met |")
	require.Contains(t, viewed().figures()[1].String(), "| 1.40 / 1.40 | met |")
	require.Contains(t, viewed().figures()[2].String(), "| 0.80 (24.0 with 1,000, 30.0 with 100) | met |")

	watched := viewed()
	for i, ms := range []float64{10, 10, 12} {
		watched.Loads[i].Apart = map[string]float64{"50": ms, "99": 3 * ms}
	}
	require.Contains(t, watched.figures()[1].String(), "| 1.40 / 1.40 (1.20 / 1.20 without those under way while the machine's own processes ran) | met |")
	require.Contains(t, watched.table(), "apart from the machine's own moments: 99 % |")
	require.NotContains(t, viewed().table(), "apart")

	for what, spoil := range map[string]func(*Viewers){
		"a stream ends at other numbers": func(v *Viewers) { v.Loads[2].Exact-- },
		"an id falls":                    func(v *Viewers) { v.Loads[1].Fell++ },
		"a stream is lost":               func(v *Viewers) { v.Talks[0].Exact-- },
		"a version is skipped":           func(v *Viewers) { v.Talks[0].Skipped++ },
		"a transition is not seen":       func(v *Viewers) { v.Talks[0].Transitions[1].Missed++ },
		"most transitions take more than a second": func(v *Viewers) {
			for _, s := range v.Talks[0].Transitions[1:] {
				s.FromRequest["99"] = 1001
			}
		},
	} {
		v := viewed()
		spoil(v)
		require.False(t, v.figures()[0].met(), what)
	}
}

func TestViewersThatWereNotMeasuredSayNothing(t *testing.T) {
	for _, v := range []*Viewers{nil, {}} {
		for _, f := range v.figures() {
			require.Contains(t, f.String(), "not measured")
		}
	}
}
