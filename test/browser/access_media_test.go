package browser

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// medium shows the page on another medium, or as others prefer it. Features come in pairs.
func (v *visitor) medium(name string, features ...string) {
	v.t.Helper()
	params := emulation.SetEmulatedMediaParams{Media: name}
	for i := 0; i < len(features); i += 2 {
		params.Features = append(params.Features,
			&emulation.MediaFeature{Name: features[i], Value: features[i+1]})
	}
	v.ok(call(v, emulation.SetEmulatedMedia, params), "see %s %q", name, features)
}

// movable counts the elements that would move, or fade, if something about them changed.
const movable = `[...document.querySelectorAll("*")].flatMap((e) => [null, "::before", "::after"].map((part) => getComputedStyle(e, part))).filter((s) =>
	s.animationName !== "none" || s.transitionProperty !== "none" && s.transitionDuration.split(",").some((d) => parseFloat(d) > 0)).length`

// TestNothingMovesForThoseWhoAskForThat looks at every page for what could move, and votes while it
// watches for what does. That it would see it shows on the same pages of those who do not ask.
func TestNothingMovesForThoseWhoAskForThat(t *testing.T) {
	r := create(t, plain.title,
		newPoll{question: plain.question, kind: "choice", options: plain.options})
	l := lectureOf(t, plain.title, nil)
	v := visit(t, "presenter", desktop).presents(r)
	still := func() { v.medium("", "prefers-reduced-motion", "reduce") }
	lively := func() { v.medium("", "prefers-reduced-motion", "no-preference") }
	for path, seen := range map[string]string{
		"/": "#mine", "/edit/" + r.ID: "#polls .poll", "/stage/" + r.ID: "#next",
		"/remote/" + r.ID: "#next",
		"/p/" + r.ID:      "#waiting-text", "/results/" + r.ID: "#actions",
		"/nothing/is/here": "h1", "/t/" + l.Code: "#rating", "/login": "#login",
		"/feed": "#enter",
	} {
		v.expect("/nothing/is/here")
		v.open(path)
		v.sees(seen)
		lively()
		require.Positive(t, value[int](v, movable), path)
		still()
		require.Zero(t, value[int](v, movable), path)
	}

	v.open("/p/" + r.ID)
	v.sees("#waiting-text")
	lively()
	v.until(`document.getAnimations().length > 0`) // the dots of who waits
	still()
	v.until(`document.getAnimations().length === 0`)
	v.run(`for (const name of ["transitionrun", "animationstart"]) addEventListener(name, () => ` +
		`{ window.moved = true; }, true)`)
	r.show(0)
	v.choose(1)
	v.bars(1, 0, 0, 0)
	v.counted()
	require.False(t, value[bool](v, `document.getAnimations().length > 0 || "moved" in window`))
	lively()
	v.choose(2)
	v.bars(0, 1, 0, 0)
	v.until(`window.moved`)
}

// TestResultsArePrinted looks at the page of results as a printer does, from a browser that prefers
// a dark one.
func TestResultsArePrinted(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "choice", options: plain.options},
		newPoll{question: "Two", kind: "rating"}, newPoll{question: "Three", kind: "word_cloud"},
		newPoll{question: "Four", kind: "open_text"})
	for i, answer := range []map[string]any{{"key": "A"}, {"key": "4"},
		{"texts": []string{"trains"}}, {"text": "Because."}} {
		r.show(i)
		r.vote(i, answer)
	}
	v := visit(t, "guest", desktop)
	v.medium("", "prefers-color-scheme", "dark")
	v.open("/results/" + r.ID)
	v.until(`document.querySelectorAll("#polls .poll").length === 4`)
	const buttons = `[...document.querySelectorAll("header.top, nav, .skip, .toasts, button, ` +
		`.button")].filter((e) => e.checkVisibility()).length`
	const white = `[document.body, ...document.querySelectorAll(".card")].every((e) => ` +
		`getComputedStyle(e).backgroundColor === "rgb(255, 255, 255)")`
	require.Positive(t, value[int](v, buttons))
	require.False(t, value[bool](v, white), "the page is dark")

	v.medium("print", "prefers-color-scheme", "dark")
	require.Zero(t, value[int](v, buttons), "nobody presses paper")
	require.True(t, value[bool](v, white))
	for i, says := range []string{plain.options[0], "4", "trains", "Because."} {
		poll := `document.querySelectorAll("#polls .poll")[` + string(rune('0'+i)) + `]`
		assert.True(t, value[bool](v,
			poll+`.checkVisibility() && `+poll+`.innerText.includes(`+js(says)+`)`),
			"question %d", i+1)
	}
	faint := value[[]string](v,
		`[...document.querySelectorAll("main *")].filter((e) => e.checkVisibility() &&
			[...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
		.map((e) => {
			const { color } = getComputedStyle(e);
			const unit = color.startsWith("rgb") ? 255 : 1; // a mixture is color(srgb 0.1 0.2 0.3)
			const [r, g, b] = color.match(/[\d.]+/g).map((n) => n / unit).map((n) => n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
			return { text: e.textContent.trim() + " in " + color, contrast: 1.05 / (0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05) };
		}).filter(({ contrast }) => !(contrast >= 4.5)).map(({ text, contrast }) => text + ": " + contrast)`)
	require.Empty(t, faint, "what is too faint on white paper")
}
