package browser

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// writes lets a person each write a text, a few at once.
func (r *room) writes(i int, texts []string) {
	r.t.Helper()
	var people sync.WaitGroup
	for part := range slices.Chunk(texts, (len(texts)+7)/8) {
		people.Go(func() {
			for _, text := range part {
				r.vote(i, map[string]any{"text": text})
			}
		})
	}
	people.Wait()
}

// many gives n texts of many alphabets.
func many(n int) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprintf("%s%d",
			[]string{"zebra", "über", "жук", "عربي", "中文", "🗳"}[i%6], 1000+i))
	}
	return texts
}

const onPage = `[...document.querySelectorAll("#polls .poll:nth-child(%d) .answers > li ` +
	`.said")].map((e) => e.textContent)`

// TestEverythingThatWasSaidIsOnTheResultsPage reads 150 texts and 150 words with the keyboard, a
// hundred at a time.
func TestEverythingThatWasSaidIsOnTheResultsPage(t *testing.T) {
	texts := many(150)
	r := create(t, plain.title, newPoll{question: "if x:\n    vote()", kind: "open_text"},
		newPoll{question: "One word?", kind: "word_cloud"})
	for i := range 2 {
		r.show(i)
		r.writes(i, texts)
	}
	v := visit(t, "guest", desktop)
	v.open("/results/" + r.ID)
	v.until(`document.querySelectorAll("#polls .poll").length === 2`)
	require.Equal(t, "if x:\n    vote()",
		value[string](v, `document.querySelector("#polls h2").innerText`), "code keeps its lines")
	for i, button := range []string{"Show the answers with their times",
		"Show the words as a list"} {
		poll := fmt.Sprintf("#polls .poll:nth-child(%d) ", i+1)
		v.shows(poll+".shown", "100 of 150 different answers shown")
		v.shows(poll+".more", button)
		v.run(fmt.Sprintf(`document.querySelector(%s).focus()`, js(poll+".more")))
		v.press(kb.Enter)
		v.until(onPage+`.length === 100`, i+1)
		v.hears("Answers 1 to 100 have been added.")
		v.shows(poll+".rest-of", "+ 50 more")
		v.shows(poll+".more", "Show more")
		v.press(kb.Enter)
		v.until(onPage+`.length === 150`, i+1)
		v.hears("Answers 101 to 150 have been added.")
		v.focused(poll + ".more")
		v.shows(poll+".more", "All are shown")
		v.shows(poll+".shown", "150 of 150 different answers shown")
		require.False(t, value[bool](v,
			fmt.Sprintf(`document.querySelector(%s).checkVisibility()`, js(poll+".rest-of"))))
		require.ElementsMatch(t, texts, value[[]string](v, fmt.Sprintf(onPage, i+1)))
		require.Zero(t, value[int](v,
			fmt.Sprintf(`[...document.querySelectorAll(%s)].filter((e) => e.dir !== "auto").length`,
				js(poll+".said"))))
	}

	// A presenter hides one. The room's page has it no more, as soon as it reads again; the owner's
	// has it, marked.
	owner := visit(t, "owner", desktop).presents(r)
	for i := range 2 {
		r.ask(http.MethodPatch, r.path("/polls/"+r.polls[i].PollID+"/answers"),
			map[string]any{"text": texts[7], "hidden": true}, nil)
	}
	owner.open("/results/" + r.ID)
	for i := range 2 {
		v.until(onPage+`.length === 149`, i+1)
		require.NotContains(t, value[[]string](v, fmt.Sprintf(onPage, i+1)), texts[7])
		poll := fmt.Sprintf("#polls .poll:nth-child(%d) ", i+1)
		for range 2 {
			owner.sees(poll + ".more:not([aria-disabled=true])")
			owner.click(poll + ".more")
		}
		owner.until(onPage+`.length === 150`, i+1)
		require.Equal(t, []string{texts[7]}, value[[]string](owner, fmt.Sprintf(
			`[...document.querySelectorAll(%s)].filter((e) => `+
				`e.querySelector(".badge").checkVisibility()).map((e) => `+
				`e.querySelector(".said").textContent)`,
			js(poll+".answers > li"))))
	}
	owner.shoot("results-list")
}

// TestATableIsAsTheReadersSpreadsheetExpectsIt downloads a table as people of several languages.
func TestATableIsAsTheReadersSpreadsheetExpectsIt(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "How was it?", kind: "rating"})
	r.show(0)
	r.votes(0, 0, 0, 0, 1, 1)
	for lang, want := range map[string]struct {
		separator rune
		mean      string
	}{"en-US": {',', "4.5"}, "de": {';', "4,5"}, "fr": {';', "4,5"}, "ja": {',', "4.5"}} {
		v := visit(t, lang, desktop)
		agent := value[string](v, `navigator.userAgent`)
		v.ok(call(v, emulation.SetUserAgentOverride,
			emulation.SetUserAgentOverrideParams{UserAgent: agent, AcceptLanguage: lang}),
			"speak %s", lang)
		v.open("/results/" + r.ID)
		v.until(`document.querySelectorAll("#polls .poll").length === 1`)
		require.Equal(t, []string{"XLSX", "CSV", "JSON"},
			value[[]string](v, `[...document.querySelectorAll("#actions a")].map((e) => `+
				`e.textContent)`))
		_, raw := v.download(func() { v.click("#csv") })
		c := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(raw), "\uFEFF")))
		c.Comma = want.separator
		rows, err := c.ReadAll()
		require.NoError(t, err)
		require.Equal(t, want.mean, rows[1][5], lang)
	}
}
