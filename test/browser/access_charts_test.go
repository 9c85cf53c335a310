package browser

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestFiftyBarsAreToldApart shows more options than there are colours. Each bar has its option's
// text above it, on every page, so that nobody needs colours. And no two of the bars have the same
// colour and pattern.
func TestFiftyBarsAreToldApart(t *testing.T) {
	var options []string
	for i := range 50 {
		options = append(options, fmt.Sprintf("Option %d", i+1))
	}
	r := create(t, plain.title, newPoll{question: plain.question, kind: "choice", options: options})
	r.show(0)
	r.vote(0, map[string]any{"key": "A"})
	v := visit(t, "presenter", desktop).presents(r)
	for _, path := range []string{"/stage/", "/remote/", "/p/", "/results/"} {
		v.open(path + r.ID)
		v.until(`document.querySelectorAll(".bar").length === 50`)
		v.sees(".bar .track")
		for _, colours := range []string{"light", "dark"} {
			v.scheme(colours)
			bars := value[[]struct {
				Label string
				Above bool
				Look  string
			}](v, `[...document.querySelectorAll(".bar")].map((bar) => {
				const label = bar.querySelector(".label"), box = label.getBoundingClientRect(), look = getComputedStyle(bar.querySelector(".fill"));
				return { label: label.innerText, above: label.checkVisibility() && box.height > 0 && box.bottom <= bar.querySelector(".track").getBoundingClientRect().top,
					look: look.backgroundColor + " " + look.backgroundImage + " " + look.backgroundSize };
			})`)
			seen := map[string]string{}
			for i, b := range bars {
				assert.Equal(t, options[i], b.Label, path)
				assert.True(t, b.Above, "%s: the text of %s is not above its bar", path, b.Label)
				assert.Empty(t, seen[b.Look], "%s: %s looks the same in %s", path, b.Label, colours)
				seen[b.Look] = b.Label
			}
		}
	}
}
