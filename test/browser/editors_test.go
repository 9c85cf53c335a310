package browser

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// editors opens a presentation in two tabs of its presenter's browser.
func editors(t *testing.T, polls ...newPoll) (r *room, a, b *visitor) {
	t.Helper()
	r = create(t, plain.title, polls...)
	a = visit(t, "presenter", desktop).presents(r)
	a.open("/edit/" + r.ID)
	a.shows("#state", "Everything is saved")
	b = a.tab("presenter's other tab", desktop)
	b.open("/edit/" + r.ID)
	b.shows("#state", "Everything is saved")
	for _, v := range []*visitor{a, b} {
		v.expect("412", "404")
	}
	return r, a, b
}

// card gives the selector of what is in the nth card.
func card(n int, selector string) string {
	return fmt.Sprintf("#polls > :nth-child(%d) %s", n, selector)
}

func question(n int) string { return card(n, "[data-field=question]") }

// reads waits until a field holds a text.
func (v *visitor) reads(selector, text string) {
	v.t.Helper()
	v.until(`document.querySelector(%s)?.value === %s`, js(selector), js(text))
}

// looksAgain has a page take in what was done elsewhere, as when somebody comes back to it.
func (v *visitor) looksAgain() {
	v.t.Helper()
	v.run(`document.dispatchEvent(new Event("visibilitychange"))`)
}

// saved waits until all is saved, and the API has these questions.
func (r *room) saved(v *visitor, want ...string) {
	r.t.Helper()
	v.shows("#state", "Everything is saved")
	require.Equal(r.t, want, r.questions())
}

// TestTwoTabsWriteOnePresentation writes different things in two tabs: both stay, and each tab
// shows what the other did.
func TestTwoTabsWriteOnePresentation(t *testing.T) {
	r, a, b := editors(t, newPoll{question: "One", kind: "choice", options: []string{"Yes", "No"}},
		newPoll{question: "Two", kind: "rating"})
	a.fill(question(1), "One, by the first tab")
	r.saved(a, "One, by the first tab", "Two")
	b.fill(question(2), "Two, by the second tab")
	r.saved(b, "One, by the first tab", "Two, by the second tab")
	b.reads(question(1), "One, by the first tab")

	// Also of one question: a text and an option, two options, who sees the results.
	a.fill(card(1, `[aria-label="Option A"]`), "Yes!")
	a.shows("#state", "Everything is saved")
	b.fill(card(1, `[aria-label="Option B"]`), "No!")
	b.shows("#state", "Everything is saved")
	b.reads(card(1, `[aria-label="Option A"]`), "Yes!")
	b.fill("#title", "By both")
	b.shows("#state", "Everything is saved")
	a.run(`const s = document.querySelector("#polls select"); s.value = "after"; ` +
		`s.dispatchEvent(new Event("change", { bubbles: true }))`)
	a.until(`document.querySelector("#title").value === "By both"`)
	a.reads(card(1, `[aria-label="Option B"]`), "No!")
	a.reads(question(2), "Two, by the second tab")
	a.shows("#state", "Everything is saved")
	var export struct {
		Title string
		Polls []struct {
			Options    []struct{ Value string }
			Visibility string `json:"results_visibility"`
		}
	}
	r.ask(http.MethodGet, r.path("/export"), nil, &export)
	require.Equal(t, "By both", export.Title)
	require.Equal(t, "after", export.Polls[0].Visibility)
	require.Equal(t, []struct{ Value string }{{"Yes!"}, {"No!"}}, export.Polls[0].Options)

	// Questions that the other one adds, moves or deletes appear, move and go.
	a.click("#add")
	a.fill(question(3), "Three")
	a.shows("#state", "Everything is saved")
	a.click(card(2, "[data-do=up]"))
	a.shows("#state", "Everything is saved")
	b.fill("#title", "Once more")
	for i, want := range []string{"Two, by the second tab", "One, by the first tab", "Three"} {
		b.reads(question(i+1), want)
	}
	b.shows("#state", "Everything is saved")
	b.click(card(3, "[data-do=delete]"))
	b.click("dialog[open] [value=yes]")
	b.until(`document.querySelectorAll("#polls > *").length === 2`)
	b.shows("#state", "Everything is saved")
	a.looksAgain()
	a.until(`document.querySelectorAll("#polls > *").length === 2`)
	r.saved(a, "Two, by the second tab", "One, by the first tab")

	// A tab that is looked at again takes in what was done meanwhile, and not where the hand is.
	a.click(question(1))
	r.ask(http.MethodPatch, r.path(""), map[string]any{"title": "From elsewhere"}, nil)
	r.ask(http.MethodPatch, r.path("/polls/"+r.polls[1].PollID),
		map[string]any{"question": "Two, from elsewhere"}, nil)
	a.looksAgain()
	a.reads("#title", "From elsewhere")
	require.Equal(t, "Two, by the second tab", value[string](a, `document.activeElement.value`))
	a.click(question(2))
	a.reads(question(1), "Two, from elsewhere")
	r.saved(a, "Two, from elsewhere", "One, by the first tab")
}

// TestTwoTabsWriteTheSame writes the same question in two tabs. The second one is shown what the
// first one wrote, says that not all is saved, and whoever writes there decides.
func TestTwoTabsWriteTheSame(t *testing.T) {
	r, a, b := editors(t, newPoll{question: "One", kind: "choice", options: []string{"Yes", "No"}},
		newPoll{question: "Two", kind: "rating"})
	undecided := "Not all saved: something was changed elsewhere, too"
	differ := func(first, second string) {
		t.Helper()
		a.fill(question(1), first)
		a.shows("#state", "Everything is saved")
		b.fill(question(1), second)
		b.shows("#polls .elsewhere .said", first)
		b.shows("#state", undecided)
		b.reads(question(1), second)
		b.until(`document.querySelector("#announcer").textContent.includes(%s)`, js(first))
		require.Equal(t, first, r.questions()[0], "nothing is taken back before that is decided")
		require.Empty(t, value[int](b, `document.querySelectorAll(".toast").length`))
	}
	differ("The first tab's", "The second tab's")
	b.fill(question(2), "Two, meanwhile") // the rest is saved
	b.until(`document.activeElement.value === "Two, meanwhile"`)
	require.Eventually(t, func() bool { return r.questions()[1] == "Two, meanwhile" },
		patience, 10*tick)
	b.shows("#state", undecided)
	b.click("#go") // it leads to what has to be decided first
	b.until(`document.activeElement.closest(".elsewhere")`)
	require.Equal(t, "/edit/"+r.ID, value[string](b, `location.pathname`))
	b.click(".elsewhere button:first-child")
	b.focused(question(1))
	r.saved(b, "The second tab's", "Two, meanwhile")
	require.Zero(t, value[int](b, `document.querySelectorAll(".elsewhere").length`))

	a.click("#title") // where the hand is nothing is changed
	a.looksAgain()
	a.reads(question(1), "The second tab's")
	differ("Once more the first's", "Once more the second's")
	b.click(".elsewhere button:last-child")
	b.reads(question(1), "Once more the first's")
	r.saved(b, "Once more the first's", "Two, meanwhile")

	// The title, too; and who writes the same as the other has nothing to decide.
	a.fill("#title", "A title")
	a.shows("#state", "Everything is saved")
	b.fill("#title", "B title")
	b.shows(".edit-title .elsewhere .said", "A title")
	b.shows("#state", undecided)
	b.fill("#title", "A title")
	b.shows("#state", "Everything is saved")
	require.Zero(t, value[int](b, `document.querySelectorAll(".elsewhere").length`))

	// Both put the questions into another order.
	a.click("#add")
	a.fill(question(3), "Three")
	a.shows("#state", "Everything is saved")
	b.fill("#title", "Another title")
	b.reads(question(3), "Three")
	b.shows("#state", "Everything is saved")
	a.click(card(1, "[data-do=down]"))
	a.shows("#state", "Everything is saved")
	b.click(card(3, "[data-do=up]"))
	b.shows(".elsewhere .said", "another order")
	b.shows("#state", undecided)
	b.click(".elsewhere button:last-child")
	r.saved(b, "Two, meanwhile", "Once more the first's", "Three")
	b.reads(question(1), "Two, meanwhile")
}

// TestAQuestionIsDeletedElsewhereWhileItIsWritten deletes in one tab what the other one writes. The
// text stays there, to be added again.
func TestAQuestionIsDeletedElsewhereWhileItIsWritten(t *testing.T) {
	r, a, b := editors(t, newPoll{question: "One", kind: "rating"},
		newPoll{question: "Two", kind: "rating"}, newPoll{question: "Three", kind: "rating"})
	remove := func(n, left int) {
		t.Helper()
		a.click(card(n, "[data-do=delete]"))
		a.click("dialog[open] [value=yes]")
		a.until(`document.querySelectorAll("#polls > *").length === %d`, left)
		a.shows("#state", "Everything is saved")
	}
	remove(2, 2)
	b.fill(question(2), "Two, with care")
	b.until(`document.querySelector("#polls .elsewhere").textContent.includes("deleted elsewhere")`)
	b.shows("#state", "Not all saved: something was changed elsewhere, too")
	b.reads(question(2), "Two, with care")
	require.Equal(t, []string{"One", "Three"}, r.questions())
	b.click(".elsewhere button:first-child")
	r.saved(b, "One", "Two, with care", "Three")

	a.looksAgain()
	a.until(`document.querySelectorAll("#polls > *").length === 3`)
	remove(2, 2)
	b.fill(question(2), "Two, in vain")
	b.until(`document.querySelector("#polls .elsewhere")?.textContent.includes("deleted elsewhere")`)
	b.click(".elsewhere button:last-child")
	b.until(`document.querySelectorAll("#polls > *").length === 2`)
	r.saved(b, "One", "Three")
}

// TestATypoIsMendedWhilePeopleVote mends the texts of a question that is on the slide. Phones show
// it at once, and keep what was chosen.
func TestATypoIsMendedWhilePeopleVote(t *testing.T) {
	r := create(t, plain.title,
		newPoll{question: "Whoch ones?", kind: "multiple",
			options: []string{"Red", "Bleu", "Green"}})
	r.show(0)
	author, voter, stage := visit(t, "author", desktop).presents(r), visit(t, "voter", phone),
		visit(t, "stage", desktop).presents(r)
	author.open("/edit/" + r.ID)
	author.shows("#state", "Everything is saved")
	author.until(
		`document.querySelector(".poll-shown").innerText.includes("You can still mend its texts")`)
	require.True(t, value[bool](author,
		`document.querySelector(".kinds").disabled && `+
			`!document.querySelector("[data-field=question]").closest(":disabled")`))
	require.Zero(t, value[int](author,
		`[...document.querySelectorAll(".choice button, [data-do=option]")].filter((e) => `+
			`e.checkVisibility({ visibilityProperty: true })).length`))
	voter.open("/p/" + r.ID)
	voter.shows("#question", "Whoch ones?")
	voter.click(`#ballot label:nth-child(2)`)
	stage.open("/stage/" + r.ID)
	stage.shows("#question", "Whoch ones?")
	version := r.version()

	author.fill(question(1), "Which ones?")
	author.shows("#state", "Saving…")
	voter.shows("#question", "Whoch ones?") // not before it is written
	author.click(card(1, `[aria-label="Option B"]`))
	voter.shows("#question", "Which ones?")
	author.run(`document.activeElement.select()`)
	author.types("Blue")
	author.click("#title")
	author.shows("#state", "Everything is saved")
	voter.until(
		`document.querySelector("#ballot").innerText.includes("Blue") && ` +
			`!document.querySelector("#ballot").innerText.includes("Bleu")`)
	require.Equal(t, []bool{false, true, false},
		value[[]bool](voter, `[...document.querySelectorAll("#ballot input")]`+
			`.map((e) => e.checked)`), "what was chosen stays")
	stage.shows("#question", "Which ones?")
	stage.until(`document.querySelector("#chart").innerText.includes("Blue")`)
	voter.click("#ballot [type=submit]")
	voter.counted()
	author.fill(question(1), "Which ones, then?")
	author.click("#title")
	voter.shows("#question", "Which ones, then?")
	voter.counted()
	require.Equal(t, []bool{false, true, false},
		value[[]bool](voter, `[...document.querySelectorAll("#ballot input")]`+
			`.map((e) => e.checked)`))
	require.Equal(t, 1, r.results(0).Total)
	require.Equal(t, version, r.version())
	var history struct {
		Items []struct{ Field, Before, After string }
	}
	r.ask(http.MethodGet, r.path("/history"), nil, &history)
	require.Equal(t, []struct{ Field, Before, After string }{
		{"question", "Whoch ones?", "Which ones?"}, {"options[B]", "Bleu", "Blue"},
		{"question", "Which ones?", "Which ones, then?"},
	}, history.Items)

	// Everybody can see afterwards that it was reworded, and how.
	guest := visit(t, "guest", desktop)
	guest.open("/results/" + r.ID)
	guest.shows(".mended summary", "The wording was changed while people voted")
	guest.until(
		`((e) => e.getBoundingClientRect().top - ` +
			`e.previousElementSibling.getBoundingClientRect().bottom >= ` +
			`8)(document.querySelector(".mended"))`)
	guest.click(".mended summary")
	guest.until(
		`JSON.stringify([...document.querySelectorAll(".mended ins")].map((e) => e.textContent)) ` +
			`=== '["Which ones?","Blue","Which ones, then?"]'`)
	guest.shows(".mended li:nth-child(2) del", "Bleu")

	// An option keeps a text, and is not taken out with the last letter.
	author.expect("400")
	author.fill(card(1, `[aria-label="Option B"]`), "")
	author.click("#title")
	author.until(
		`document.querySelector(".poll-state").textContent.includes("Give each option a text.")`)
	require.Equal(t, 3, value[int](author, `document.querySelectorAll(".choice").length`))
}

// TestOptionsThatLookAlikeAreNamed warns of two options with the same text, and takes them all the
// same.
func TestOptionsThatLookAlikeAreNamed(t *testing.T) {
	r := create(t, plain.title,
		newPoll{question: "One", kind: "choice", options: []string{"Yes", "No", "Maybe"}})
	v := visit(t, "author", desktop).presents(r)
	v.open("/edit/" + r.ID)
	v.shows("#state", "Everything is saved")
	require.Empty(t, v.text(".twins"))
	v.fill(card(1, `[aria-label="Option C"]`), "  yEs ")
	v.shows(".twins", "Options A, C have the same text.")
	v.shows("#state", "Everything is saved")
	v.fill(card(1, `[aria-label="Option C"]`), "yes, but")
	v.until(`document.querySelector(".twins").textContent === ""`)
	v.shows("#state", "Everything is saved")
}
