package browser

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// named makes n different words.
func named(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("%s %c",
			[]string{"trains", "bikes", "rain", "cheaper fares"}[i%4], 'a'+i))
	}
	return all
}

// spots gives where the words of a cloud are, by word, after the frame in which they are drawn.
const spots = `(async () => {
	await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));
	return Object.fromEntries([...document.querySelectorAll("#chart .word")].map((e) => {
		const { left, top, width, height } = e.getBoundingClientRect();
		return [e.firstChild.textContent, [left + width / 2, top + height / 2, width].map(Math.round)];
	}));
})()`

// TestACloudHasItsMostNamedWordInTheMiddle shows words with many votes and with few. On the stage
// and on a phone, the first is in the middle. There the words with more votes are nearer to it
// than those with fewer. Their list is in the order of their votes.
func TestACloudHasItsMostNamedWordInTheMiddle(t *testing.T) {
	all := named(25)
	r := create(t, plain.title, newPoll{question: "One word?", kind: "word_cloud", most: 3})
	tallied(t, database(t), r.polls[0].PollID, 400, []int64{}, all)
	r.show(0)
	stage, phone := visit(t, "presenter", desktop).presents(r), visit(t, "voter", phone)
	stage.open("/stage/" + r.ID)
	phone.open("/p/" + r.ID)
	for _, v := range []*visitor{stage, phone} {
		v.until(`document.querySelectorAll("#chart .word").length === 25 && ` +
			`document.querySelector("#chart .word").style.transform !== ""`)
		v.until(`document.getAnimations().length === 0`)
		at := value[map[string][]float64](v, spots)
		middle := value[[]float64](v,
			`(({ left, top, width, height }) =>
			[left + width / 2, top + height / 2, width, height])(
			document.querySelector(".cloud").getBoundingClientRect())`)
		far := func(word string) float64 { // in widths and heights of the cloud
			x, y := (at[word][0]-middle[0])/middle[2], (at[word][1]-middle[1])/middle[3]
			return x*x + y*y
		}
		assert.InDelta(t, 0, far(all[0]), 1e-4, "%s: the most named word", v.name)
		near, distant := 0.0, 0.0
		for i := range 8 {
			near += far(all[i])
			distant += far(all[len(all)-1-i])
		}
		assert.Less(t, near, distant, v.name)
		assert.Equal(t, all, value[[]string](v,
			`[...document.querySelectorAll("#chart .word")].map((e) => e.firstChild.textContent)`),
			v.name)
		assert.Contains(t, v.text("#chart .word"), all[0]+" (401 votes)",
			"a screen reader reads how many")
	}
}

// TestACloudIsCalmWhenCountsChange gives twelve of twenty-five words five votes more while things
// may move: in no frame is anything below the window's edge. A vote that changes no word's size
// moves none, and the same window shows the same sizes.
func TestACloudIsCalmWhenCountsChange(t *testing.T) {
	all := named(25)
	r := create(t, plain.title, newPoll{question: plain.question, kind: "word_cloud", most: 10})
	r.show(0)
	for i := 0; i < 25; i += 5 {
		r.vote(0, map[string]any{"texts": all[i : i+5]})
	}
	stage := visit(t, "presenter", desktop).presents(r)
	stage.medium("", "prefers-reduced-motion", "no-preference")
	stage.open("/stage/" + r.ID)
	stage.until(`document.querySelectorAll("#chart .word").length === 25`)
	stage.run(`window.below = []; (function look() {
		const low = [...document.querySelectorAll("#stage button, #voters, #question")].map((e) => e.getBoundingClientRect().bottom);
		const high = Math.max(document.documentElement.scrollHeight, ...low);
		if (high > innerHeight) window.below.push(high);
		requestAnimationFrame(look);
	})()`)
	for range 5 {
		r.vote(0, map[string]any{"texts": all[:6]})
		r.vote(0, map[string]any{"texts": all[6:12]})
	}
	stage.shows("#voters", "15")
	stage.until(`document.getAnimations().length === 0`)
	assert.Empty(t, value[[]float64](stage, `window.below`),
		"frames in which something is below the edge")
	before := value[map[string][]float64](stage, spots)
	for _, s := range []screen{{1366, 768, false}, {1024, 768, false}, desktop} {
		stage.resize(s)
		stage.run(spots)
		stage.until(`document.getAnimations().length === 0`)
	}
	for word, at := range value[map[string][]float64](stage, spots) {
		assert.InDelta(t, before[word][2], at[2], 1, "the width of %q in the same window", word)
	}

	before = value[map[string][]float64](stage, spots)
	r.vote(0, map[string]any{"texts": all[20:21]}) // two votes among words with six
	stage.shows("#voters", "16")
	stage.until(`document.getAnimations().length === 0`)
	after := value[map[string][]float64](stage, spots)
	moved := 0
	for word, at := range after {
		if was := before[word]; at[0] != was[0] || at[1] != was[1] {
			moved++
		}
	}
	assert.LessOrEqual(t, moved, 8, "most words stay where they are: %v, %v", before, after)
	stage.shoot("stage-cloud")
}

// TestStackedMarksStayInTheirOwnCard replaces a text by signs with dozens of marks above and
// below: not a pixel of a neighbour's changes.
func TestStackedMarksStayInTheirOwnCard(t *testing.T) {
	r := create(t, plain.title,
		newPoll{question: plain.question, kind: "choice",
			options: []string{"Over it", "aaaaaaaa", "Below it"}},
		newPoll{question: plain.question, kind: "open_text"},
		newPoll{question: plain.question, kind: "word_cloud"})
	db := database(t)
	for i := 1; i < 3; i++ {
		tallied(t, db, r.polls[i].PollID, 9, []int64{},
			[]string{"aaaaaaaa", "neighbour", "other", "and other", "one more", "six", "seven"})
	}
	marks := strings.Repeat("a"+strings.Repeat("\u0303\u0323", 22)+"\u0303", 8)
	stage, voter := visit(t, "presenter", desktop).presents(r), visit(t, "voter", phone)
	stage.open("/stage/" + r.ID)
	voter.open("/p/" + r.ID)
	for i, text := range []string{".bar .label", ".answer .said", ".word .said"} {
		r.show(i)
		for _, v := range []*visitor{stage, voter} {
			find := fmt.Sprintf(
				`[...document.querySelectorAll(%s)].find((e) => e.textContent === "aaaaaaaa")`,
				js("#chart "+text))
			v.until("%s", find)
			v.run(fmt.Sprintf(`%s.scrollIntoView({ block: "center", behavior: "instant" })`, find))
			v.run(spots)
			v.until(`document.getAnimations().length === 0`)
			box := func(element string) image.Rectangle {
				at := value[[]int](v, fmt.Sprintf(`(({ left, top, right, bottom }) =>
					[Math.floor(left), Math.floor(top), Math.ceil(right), Math.ceil(bottom)])(%s.getBoundingClientRect())`, element))
				return image.Rect(at[0], at[1], at[2], at[3])
			}
			var own, chart image.Rectangle // around the chart other things may change
			var before, after image.Image
			// the page may draw its own text meanwhile: then once more
			for written := false; !written; {
				v.until("%s", find)
				own, chart = box(find+`.closest("li")`), box(`document.querySelector("#chart")`)
				before = picture(t, v, "marks-before")
				v.run(fmt.Sprintf(`window.marked = %s; window.marked.textContent = %s`, find,
					js(marks)))
				v.run(spots)
				after = picture(t, v, "marks-after")
				written = value[bool](v, fmt.Sprintf(
					`window.marked.isConnected && window.marked.textContent === %s`, js(marks)))
			}
			inside, outside := 0, 0
			for y := range before.Bounds().Dy() {
				for x := range before.Bounds().Dx() {
					switch at := (image.Point{X: x, Y: y}); {
					case before.At(x, y) == after.At(x, y):
					case at.In(own):
						inside++
					case at.In(chart.Inset(-8)):
						outside++
					}
				}
			}
			assert.Positive(t, inside, "%s, %s: the marks are not seen", v.name, text)
			assert.Zero(t, outside, "%s, %s: pixels of others", v.name, text)
		}
	}
}

func picture(t *testing.T, v *visitor, name string) image.Image {
	t.Helper()
	p, err := png.Decode(bytes.NewReader(v.shoot(name)))
	require.NoError(t, err)
	return p
}

// TestRoundingHidesNobody shows one vote beside 999: on every page it is "<1%" and not nothing,
// and the others are not all. Equal counts have equal bars.
func TestRoundingHidesNobody(t *testing.T) {
	r := create(t, plain.title,
		newPoll{question: plain.question, kind: "choice", options: plain.options},
		newPoll{question: "How was it?", kind: "rating"},
		newPoll{question: "All?", kind: "choice", options: plain.options},
		newPoll{question: "Equal?", kind: "choice", options: plain.options})
	db := database(t)
	tallied(t, db, r.polls[0].PollID, 1000, []int64{999, 1, 0, 0}, nil)
	tallied(t, db, r.polls[1].PollID, 1000, []int64{1, 0, 0, 0, 999}, nil)
	tallied(t, db, r.polls[2].PollID, 7, []int64{7, 0, 0, 0}, nil)
	tallied(t, db, r.polls[3].PollID, 3000, []int64{1, 1, 2996, 2}, nil)
	all := []struct {
		poll int
		want []string
	}{
		{0, []string{">99%", "<1%", "0%", "0%"}},
		{1, []string{"<1%", "0%", "0%", "0%", ">99%"}},
		{2, []string{"100%", "0%", "0%", "0%"}},
		{3, []string{"<1%", "<1%", ">99%", "<1%"}},
	}
	v := visit(t, "presenter", desktop).presents(r)
	says := func(list string) string {
		return fmt.Sprintf(`[...document.querySelectorAll(%s)].map((e) => e.textContent)`,
			js(list+" .percent"))
	}
	for _, c := range all {
		r.show(c.poll)
		for _, path := range []string{"/stage/", "/remote/", "/p/"} {
			v.open(path + r.ID)
			v.until(`JSON.stringify(%s) === JSON.stringify(%s)`, says("#chart"), js2(c.want))
		}
		widths := value[[]float64](v,
			`[...document.querySelectorAll("#chart .fill")].map((e) => `+
				`e.getBoundingClientRect().width)`)
		if c.poll == 3 {
			assert.Equal(t, widths[0], widths[1])
			assert.GreaterOrEqual(t, widths[0], 3.0, "one vote is seen")
		} else {
			assert.Zero(t, widths[2], "no votes have no bar")
		}
	}
	v.open("/results/" + r.ID)
	for _, c := range all {
		v.until(`JSON.stringify(%s) === JSON.stringify(%s)`,
			says(fmt.Sprintf("#polls > :nth-child(%d)", c.poll+1)), js2(c.want))
	}
	v.speaks("de")
	v.open("/p/" + r.ID)
	v.until(`JSON.stringify(%s) === JSON.stringify(%s)`, says("#chart"),
		js2([]string{"<1\u00a0%", "<1\u00a0%", ">99\u00a0%", "<1\u00a0%"}))
}

// js2 writes strings as JavaScript does.
func js2(texts []string) string {
	var all []string
	for _, text := range texts {
		all = append(all, js(text))
	}
	return "[" + strings.Join(all, ",") + "]"
}

// TestTheStageShowsTextAsItWasWritten shows code with its lines and indentation, and Arabic with
// its full stop on its own side.
func TestTheStageShowsTextAsItWasWritten(t *testing.T) {
	const code = "What does it print?\nfor i := range 3 {\n    fmt.Println(i)\n}"
	r := create(t, "مرحبا!",
		newPoll{question: code, kind: "choice", options: []string{"أين القطار؟ نعم!", "0 1 2"}})
	stage := visit(t, "presenter", desktop).presents(r)
	stage.open("/stage/" + r.ID)
	stage.shows("#question", "مرحبا!")
	const style = `(({ direction, unicodeBidi, whiteSpace }) => [direction, unicodeBidi, ` +
		`whiteSpace].join(" "))(getComputedStyle(document.querySelector(%s)))`
	require.Equal(t, "rtl isolate pre-wrap",
		value[string](stage, fmt.Sprintf(style, js("#question"))))
	r.show(0)
	stage.until(`document.querySelector("#question").innerText === %s`, js(code))
	require.Equal(t, "ltr isolate pre-wrap",
		value[string](stage, fmt.Sprintf(style, js("#question"))))
	require.Equal(t, "rtl isolate pre-wrap",
		value[string](stage, fmt.Sprintf(style, js(".bar .label"))))
	lines := value[int](stage, `(() => {
		const range = document.createRange();
		range.selectNodeContents(document.querySelector("#question"));
		return new Set([...range.getClientRects()].map((r) => Math.round(r.top))).size;
	})()`)
	require.Equal(t, 4, lines)
	stage.press("o")
	stage.until(`document.querySelector(".overview-list .said").innerText === %s`, js(code))
}

// TestWhatIsNotShownIsCounted draws a hundred of a hundred and fifty words, as results have them.
func TestWhatIsNotShownIsCounted(t *testing.T) {
	r := create(t, plain.title, newPoll{question: plain.question, kind: "open_text"})
	v := visit(t, "guest", desktop)
	v.open("/results/" + r.ID)
	v.sees("#title")
	for _, kind := range []string{"word_cloud", "open_text"} {
		for total, says := range map[int]string{150: "+ 50 more", 101: "+ 1 more", 100: "", 0: ""} {
			got := value[string](v, fmt.Sprintf(`(async () => {
				const { chart } = await import(document.querySelector("script[type=module]").src.replace("results.js", "chart.js"));
				const drawn = chart({ kind: %s, options: [] });
				document.body.append(drawn.element);
				const words = Array.from({ length: 100 }, (_, i) => ({ text: "word " + i, count: 200 - i }));
				drawn.update({ total: 150, options: [], words, ...%d ? { words_total: %d } : {} });
				await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));
				const rest = drawn.element.querySelector(".rest");
				const says = rest.checkVisibility() ? rest.innerText : "";
				drawn.element.remove();
				return says;
			})()`, js(kind), total, total))
			assert.Equal(t, says, got, "%s of %d", kind, total)
		}
	}
}
