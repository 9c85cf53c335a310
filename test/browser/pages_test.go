package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWhatPeopleWriteIsShownAsSuchOnTheSmallestPhone opens every page with text that is meant to
// break it, 320 pixels wide.
func TestWhatPeopleWriteIsShownAsSuchOnTheSmallestPhone(t *testing.T) {
	all, presents := scenes(t, hostile)
	v := visit(t, "presenter", narrow)
	presents(v)
	withOptions := map[string]bool{}
	for _, name := range []string{"edit", "edit-shown", "stage-choice", "stage-multiple", "remote",
		"audience-choice", "audience-voted",
		"audience-multiple", "results"} {
		withOptions[name] = true
	}
	for _, s := range all {
		s.show(v)
		v.shoot("narrow-" + s.name)
		if s.long && s.name != "landing" { // its list has a title of the test's
			shown := value[string](v,
				`document.body.textContent + [...document.querySelectorAll("input, `+
					`textarea")].map((e) => e.value).join("\n")`)
			assert.True(t, contains(shown, hostile.question) || contains(shown, hostile.title),
				"%s shows something else: %s", s.name, shown)
			if withOptions[s.name] {
				for _, option := range hostile.options {
					option = strings.ReplaceAll(option, "\u202e", "") // the server takes it out
					assert.True(t, contains(strings.ReplaceAll(shown, "\u202e", ""), option),
						"%s does not show %q: %s", s.name, option, shown)
				}
			}
		}
		assert.False(t, value[bool](v, `"hacked" in window`), s.name)
		wide := value[[]string](v,
			`[...document.querySelectorAll("body *")].filter((e) =>
			e.getBoundingClientRect().right > 321 && e.checkVisibility() &&
			!e.closest(".unseen, .skip")).map((e) => e.tagName + "#" + e.id + "." + e.className + " " + e.getBoundingClientRect().right)`)
		assert.LessOrEqual(t, value[int](v, `document.documentElement.scrollWidth`), 320,
			"%s scrolls sideways: %q", s.name, wide)
	}
}

// TestTheREADMEShowsWhatThereIs takes the pictures of the README, and writes them with -write.
func TestTheREADMEShowsWhatThereIs(t *testing.T) {
	r := create(t, plain.title,
		newPoll{question: plain.question, kind: "choice", options: plain.options},
		newPoll{question: "What makes a city worth living in?", kind: "word_cloud", most: 3})
	tallied(t, database(t), r.polls[1].PollID, 60, []int64{}, []string{
		"parks", "trains", "bike lanes", "cafés", "friends", "quiet streets", "music", "short ways",
		"rivers", "libraries", "trees",
		"markets", "benches", "theatre", "schools", "shade", "street food", "clean air",
		"museums", "playgrounds",
	})
	r.show(0)
	r.votes(0, 21, 16, 9, 3)
	stage, voter := visit(t, "presenter", desktop).presents(r), visit(t, "voter", phone)
	stage.open("/stage/" + r.ID)
	voter.open("/p/" + r.ID)
	voter.choose(2)
	voter.counted()
	for _, v := range []*visitor{stage, voter} {
		v.bars(21, 17, 9, 3)
	}
	stage.until(`!document.querySelector("#qr").hidden && document.querySelector("#away").hidden`)
	// The stack's port is another one on each run, and no phone's.
	const elsewhere = `document.querySelector("#host").textContent = "plenary.example"; ` +
		`document.querySelector("#unreachable").hidden = true`
	shoot := func(name string) (picture []byte) {
		for range 10 { // it may draw both again
			stage.run(elsewhere)
			picture = stage.shootSmall(name)
			if stage.text("#host") == "plenary.example" {
				break
			}
		}
		return picture
	}
	pictures := map[string][]byte{"stage": shoot("readme-stage"),
		"phone": voter.shootSmall("readme-phone")}
	r.show(1)
	stage.until(`document.querySelectorAll("#chart .word").length === 20`)
	stage.run(spots)
	pictures["cloud"] = shoot("readme-cloud")
	for name, picture := range pictures {
		assert.Less(t, len(picture), 150_000, name)
		if *write {
			dir := filepath.Join(root(), "docs", "images")
			require.NoError(t, os.MkdirAll(dir, 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644))
		}
	}
}

// TestAVoteNeedsNoMouse joins, votes and votes anew with the keyboard only.
func TestAVoteNeedsNoMouse(t *testing.T) {
	r := create(t, plain.title,
		newPoll{question: plain.question, kind: "choice", options: plain.options},
		newPoll{question: "And which of these?", kind: "multiple", options: plain.options, most: 2})
	r.show(0)
	v := visit(t, "voter", desktop)
	v.open("/")
	v.tabTo("#code")
	v.types(r.JoinCode)
	v.press(kb.Enter)
	v.shows("#question", plain.question)
	v.tabTo("#ballot .option:nth-child(1)")
	v.press(kb.Enter)
	v.counted()
	v.bars(1, 0, 0, 0)
	v.tabTo("#ballot .option:nth-child(3)")
	v.press(" ")
	v.bars(0, 0, 1, 0)
	v.counted()

	// The focus is not lost when the next question comes, and the reader is told.
	r.show(1)
	v.shows("#question", "And which of these?")
	v.until(`document.querySelector("#announcer").textContent.includes("And which of these?")`)
	v.until(`document.activeElement.id === "question"`)
	v.tabTo("#ballot label:nth-of-type(2) input")
	v.press(" ")
	v.tabTo("#ballot [type=submit]")
	v.press(kb.Enter)
	v.counted()
	v.bars(0, 1, 0, 0)

	// What became of the vote is there after the page is loaded anew.
	v.reload()
	v.shows("#question", "And which of these?")
	v.counted()
	v.until(`document.querySelector("#ballot label:nth-of-type(2) input").checked`)
}

// TestAPresentationNeedsNoMouse writes a presentation and holds it with the keyboard only.
func TestAPresentationNeedsNoMouse(t *testing.T) {
	v := visit(t, "presenter", desktop)
	v.open("/")
	v.tabTo(`a[href="/edit/new"].button`)
	v.press(kb.Enter)
	v.sees("#edit")
	v.until(`document.activeElement.id === "title"`)
	v.types("Keys")
	v.press(kb.Enter)
	v.until(`document.activeElement.dataset.field === "question"`)
	v.types("First?")
	for _, o := range []string{"Yes", "No"} {
		v.press(kb.Enter)
		v.types(o)
	}
	v.press(kb.Enter)
	v.press(kb.Enter) // an empty option: on with the next question
	v.until(`document.querySelectorAll("#polls .poll").length === 2`)
	v.types("Second?")
	v.press(kb.Enter)
	v.types("Perhaps")
	v.tabTo("#go")
	v.press(kb.Enter)
	v.until(`location.pathname.startsWith("/stage/")`)
	v.shows("#question", "Keys")
	v.moves(kb.ArrowRight, "First?")
	v.moves(kb.ArrowRight, "Second?")
	v.moves(kb.ArrowLeft, "First?")
	v.press("c")
	v.until(`document.querySelector("#status").classList.contains("badge-final")`)
	v.moves("b", "Keys")
	v.moves("b", "First?")
	v.tabTo("#next")
	v.moves(kb.Enter, "Second?")
	v.press("o")
	v.sees("dialog[open]")
	v.tabTo(`dialog [aria-label="Show “First?”"]`)
	v.press(kb.Enter)
	v.shows("#question", "First?")
}

// moves presses a key on the stage and waits until the slide shows a text and the next key may be
// pressed. A key that comes while the presenter's move is on its way is taken for the same press.
func (v *visitor) moves(key, shows string) {
	v.t.Helper()
	v.press(key)
	v.shows("#question", shows)
	v.until(`document.querySelector("#next").ariaDisabled !== "true"`)
}

// TestPagesThatWereLeftAreInNobodysWay goes through more pages with an event stream than a browser
// has connections for a server, and back again. The last page is live, and so is the one that was
// left.
func TestPagesThatWereLeftAreInNobodysWay(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "rating"},
		newPoll{question: "Two", kind: "rating"}, newPoll{question: "Three", kind: "rating"})
	r.show(0)
	v := visit(t, "voter", phone).presents(r)
	for range 4 {
		for _, path := range []string{"/stage/" + r.ID, "/p/" + r.ID} {
			v.open(path)
			v.shows("#question", "One")
		}
	}
	r.show(1)
	v.shows("#question", "Two")
	v.open("/")
	r.show(2)
	v.leaves(`history.back()`)
	v.until(`location.pathname.startsWith("/p/")`)
	v.shows("#question", "Three")
}

// tabTo presses Tab until an element has the focus, which must be seen at each step.
func (v *visitor) tabTo(selector string) {
	v.t.Helper()
	v.sees(selector)
	for range 120 {
		v.press(kb.Tab)
		focus := value[struct {
			There, Seen bool
			What        string
		}](v, fmt.Sprintf(`(() => {
			const e = document.activeElement, style = getComputedStyle(e), next = getComputedStyle(e.nextElementSibling ?? e), label = getComputedStyle(e.closest("label") ?? e);
			return { there: e.matches(%s), what: e.outerHTML.slice(0, 200), seen: e === document.body || [style, next, label].some((s) =>
				s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== "none") };
		})()`, js(selector)))
		assert.True(v.t, focus.Seen, "one cannot see that the focus is on %s", focus.What)
		if focus.There {
			return
		}
	}
	v.ok(fmt.Errorf("the keyboard does not get there"), "tab to %s", selector)
}

// contains compares as pages show text: a run of white space is one space.
func contains(shown, text string) bool {
	fold := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	return strings.Contains(fold(shown), fold(text))
}
