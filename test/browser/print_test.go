package browser

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/ledongthuc/pdf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// onPaper is a line of text on paper.
type onPaper struct {
	page int
	y    float64 // points from the lower edge
	text string
}

// prints prints what a visitor sees, and gives the lines in their order. Blanks are left out: a
// printer draws none.
func (v *visitor) prints() (lines []onPaper, pages int) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	answer, err := chromedp.Call(ctx, page.PrintToPDF, page.PrintToPDFParams{})
	v.ok(err, "print")
	r, err := pdf.NewReader(bytes.NewReader(answer.Data), int64(len(answer.Data)))
	v.ok(err, "read the file")
	for i := 1; i <= r.NumPage(); i++ {
		for _, sign := range r.Page(i).Content().Text {
			if n := len(lines) - 1; n >= 0 && lines[n].page == i && lines[n].y == sign.Y {
				lines[n].text += strings.TrimSpace(sign.S)
			} else {
				lines = append(lines, onPaper{i, sign.Y, strings.TrimSpace(sign.S)})
			}
		}
	}
	return lines, r.NumPage()
}

// pagesOf gives the pages on which lines match, by what the expression's groups match.
func pagesOf(lines []onPaper, expression string) map[string][]int {
	found, all := map[string][]int{}, regexp.MustCompile(expression)
	for _, l := range lines {
		for _, match := range all.FindAllStringSubmatch(l.text, -1) {
			key := strings.Join(match[1:], "-")
			if !slices.Contains(found[key], l.page) {
				found[key] = append(found[key], l.page)
			}
		}
	}
	return found
}

// TestNothingIsCutThroughOnPaper prints results: polls of which some fit a page, some do not fit
// below the title, and one is longer than a page.
func TestNothingIsCutThroughOnPaper(t *testing.T) {
	const edge = 28.8 // points: what a printer leaves white
	for name, c := range map[string]struct {
		options []int // of each poll
		long    int   // the poll that is longer than a page, from 1
	}{
		"a poll that does not fit below the title": {[]int{8, 3, 3}, 1},
		"forty polls":                  {slices.Repeat([]int{2, 5}, 20), 0},
		"a poll longer than a page":    {[]int{2, 24, 3}, 2},
		"long polls one after another": {[]int{6, 6, 6, 6}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var polls []newPoll
			for i, n := range c.options {
				p := newPoll{question: fmt.Sprintf("Question%dQ?", i+1), kind: "choice"}
				for j := range n {
					p.options = append(p.options, fmt.Sprintf("Row%d_%d %s end%d_%dE", i+1, j+1,
						strings.Repeat("is so long that it takes two lines of a page ",
							3), i+1, j+1))
				}
				polls = append(polls, p)
			}
			r := create(t, "TheTitle", polls...)
			for i := range polls {
				r.show(i)
				r.vote(i, map[string]any{"key": r.polls[i].Options[0].Key})
			}
			v := visit(t, "guest", desktop)
			v.open("/results/" + r.ID)
			v.until(`document.querySelectorAll("#polls .poll").length === %d`, len(polls))
			lines, pages := v.prints()
			t.Logf("%d polls on %d pages", len(polls), pages)

			title, questions := pagesOf(lines, `(TheTitle)`), pagesOf(lines, `Question(\d+)Q`)
			require.Equal(t, map[string][]int{"TheTitle": {1}}, title)
			require.Equal(t, []int{1}, questions["1"], "the title does not stand alone")
			require.Len(t, questions, len(polls))
			begins, ends := pagesOf(lines, `Row(\d+)_(\d+)`), pagesOf(lines, `end(\d+)_(\d+)E`)
			require.Equal(t, begins, ends, "no row is on two pages")
			for _, l := range lines {
				if strings.Contains(l.text, "end") {
					assert.Greater(t, l.y, edge+15, "the bar of %q is on the next page", l.text)
				}
			}
			rows := 0
			for i, n := range c.options {
				on := map[int]bool{questions[fmt.Sprint(i+1)][0]: true}
				for j := range n {
					rows++
					on[begins[fmt.Sprintf("%d-%d", i+1, j+1)][0]] = true
				}
				if i+1 != c.long {
					require.Len(t, slices.Collect(maps.Keys(on)), 1, "poll %d is on two pages", i+1)
				}
			}
			require.Len(t, begins, rows, "everything is on paper")
		})
	}
}

// TestNoTextIsCutThroughOnPaper prints what people wrote, on the wall that is there at first and in
// the list with times.
func TestNoTextIsCutThroughOnPaper(t *testing.T) {
	r := create(t, "TheTitle", newPoll{question: "QuestionQ1Q?", kind: "open_text"},
		newPoll{question: "QuestionQ2Q?", kind: "word_cloud"})
	var texts, words []string
	for i := range 120 {
		texts = append(texts, fmt.Sprintf("Row%d_ %s end%d_E", i,
			strings.Repeat("is so long that it takes two lines of a page ", 5), i))
		words = append(words, fmt.Sprintf("word%dw", i))
	}
	r.show(0)
	r.writes(0, texts)
	r.show(1)
	r.writes(1, words[:30])
	v := visit(t, "guest", desktop)
	v.open("/results/" + r.ID)
	v.until(`document.querySelectorAll("#polls .poll").length === 2`)
	check := func(want int) {
		lines, pages := v.prints()
		t.Logf("%d of %d texts on %d pages", want, len(texts), pages)
		begins, ends := pagesOf(lines, `Row(\d+)_`), pagesOf(lines, `end(\d+)_E`)
		require.Len(t, begins, want)
		require.Equal(t, begins, ends, "no text is on two pages")
		require.Equal(t, []int{1}, pagesOf(lines, `(QuestionQ1Q)`)["QuestionQ1Q"])
		require.Len(t, pagesOf(lines, `word(\d+)w`), 30, "every word is on paper")
		cloud := pagesOf(lines, `(QuestionQ2Q|word)\d*w?`)
		require.Equal(t, cloud["QuestionQ2Q"], cloud["word"], "the cloud is on its question's page")
		more := len(pagesOf(lines, `(\+\d+more)`))
		require.Equal(t, want == 120, more == 0, "what is not there is said")
	}
	v.click("#polls .poll:first-child .more")
	v.until(`document.querySelectorAll("#polls .answers > li").length === 100`)
	check(100)
	v.click("#polls .poll:first-child .more")
	v.until(`document.querySelectorAll("#polls .answers > li").length === 120`)
	check(120)

	v.reload()
	v.until(`document.querySelectorAll("#polls .wall .answer").length === 100`)
	lines, _ := v.prints()
	begins, ends := pagesOf(lines, `Row(\d+)_`), pagesOf(lines, `end(\d+)_E`)
	require.Len(t, begins, 100)
	require.Equal(t, begins, ends)
	require.NotEmpty(t, pagesOf(lines, `(100of120)`))
}
