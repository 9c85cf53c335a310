package browser

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// TestQuestionsAreMovedAndTakenAway puts the questions of a presentation into another order, with
// the mouse and with the buttons. It takes some away, and sends the link round. What the page
// shows is what the room gets.
func TestQuestionsAreMovedAndTakenAway(t *testing.T) {
	var polls []newPoll
	for _, question := range []string{"One", "Two", "Three", "Four"} {
		polls = append(polls, newPoll{question: question, kind: "rating"})
	}
	r := create(t, plain.title, polls...)
	// all questions are on it, to be dragged about
	v := visit(t, "presenter", screen{1280, 2400, false}).presents(r)
	v.open("/edit/" + r.ID)
	v.shows("#state", "Everything is saved")
	are := func(want ...string) {
		t.Helper()
		v.until(`JSON.stringify([...document.querySelectorAll("#polls `+
			`[data-field=question]")].map((e) => e.value)) === JSON.stringify(%s)`, list(want))
		require.Eventually(t, func() bool { return slices.Equal(want, r.questions()) },
			patience, 5*tick)
		v.shows("#state", "Everything is saved")
	}
	// Without a screen the browser thinks that there is no mouse, and hides what only a mouse can
	// take.
	v.run(`document.querySelectorAll(".handle").forEach((e) => { e.style.display = "grid"; })`)
	v.drag("#polls > :nth-child(3) .handle", "#polls > :nth-child(1)")
	are("Three", "One", "Two", "Four")
	v.click("#polls > :nth-child(4) [data-do=up]")
	v.until(`document.activeElement.matches("#polls > :nth-child(3) [data-do=up]")`)
	v.until(`document.querySelector("#announcer").textContent === "Now at place 3 of 4"`)
	are("Three", "One", "Four", "Two")

	// One that was written is not taken away by a slip of the finger.
	v.click("#polls > :nth-child(2) [data-do=delete]")
	v.shows("#ask-text", "One")
	v.click("dialog[open] [value=no]")
	are("Three", "One", "Four", "Two")
	v.click("#polls > :nth-child(2) [data-do=delete]")
	v.click("dialog[open] [value=yes]")
	are("Three", "Four", "Two")
	v.until(`document.activeElement.matches("#polls > :nth-child(2) [data-field=question]")`)

	// The room goes through them in this order.
	guest := visit(t, "guest", phone)
	guest.open(v.text("#join-link")[len(v.base):])
	guest.shows("#waiting-title", "You are in!")
	for _, question := range []string{"Three", "Four", "Two"} {
		r.ask(http.MethodPut, r.path("/polls/current"), nil, nil)
		guest.shows("#question", question)
	}

	// What the room has seen stays until it is reset.
	v.reload()
	v.until(`document.querySelectorAll("#polls [data-do=delete][aria-disabled=true]").length === 3`)
}

// TestTheListOfMyPresentationsIsKeptInOrder looks after the list on the landing page.
func TestTheListOfMyPresentationsIsKeptInOrder(t *testing.T) {
	first, second := create(t, "First", newPoll{question: "One", kind: "rating"}),
		create(t, "Second", newPoll{question: "One", kind: "rating"})
	v := visit(t, "presenter", desktop).presents(second, first)
	v.open("/")
	are := func(want ...*room) {
		t.Helper()
		var ids []string
		for _, r := range want {
			ids = append(ids, r.ID)
		}
		v.until(`JSON.stringify([...document.querySelectorAll("#list a.primary")].map((e) => `+
			`e.pathname.split("/")[2])) === JSON.stringify(%s)`, list(ids))
	}
	are(second, first)
	v.shows("#list li:nth-child(1) .code", second.JoinCode)
	for path, shows := range map[string]string{"/stage/": ".lobby .ticket",
		"/edit/": "#polls .poll", "/results/": "#summary"} {
		v.click(fmt.Sprintf(`#list a[href="%s%s"]`, path, first.ID))
		v.sees(shows)
		v.open("/")
	}

	// Whoever was presented last is the first.
	are(first, second)

	// It is asked first, as the key is gone then; the presentation is not.
	remove := func(sure bool) {
		v.run(fmt.Sprintf(`window.confirm = (text) => { window.asked = text; return %t; }`, sure))
		v.click("#list li:nth-child(2) button")
		v.until(`window.asked.startsWith("Remove “Plenary” from this list?")`)
	}
	remove(false)
	are(first, second)
	remove(true)
	v.shows(".toast", "Removed from the list.")
	are(first)
	v.reload()
	are(first)
	require.Equal(t, []string{"One"}, second.questions(),
		"it is there still, for whoever has its key")
	v.expect("401")
	v.open("/edit/" + second.ID)
	v.until(`document.querySelector("#trouble").innerText.includes("does not have the ` +
		`presenter’s key")`)
}

// questions gives the presentation's questions in their order.
func (r *room) questions() (all []string) {
	r.t.Helper()
	var p struct{ Polls []struct{ Question string } }
	r.ask(http.MethodGet, r.path(""), nil, &p)
	for _, q := range p.Polls {
		all = append(all, q.Question)
	}
	return all
}

// drag takes an element with the mouse and lets it go over the upper part of another one.
func (v *visitor) drag(selector, to string) {
	v.t.Helper()
	at := soon[[]float64](v, fmt.Sprintf(`(() => {
		const [from, to] = [%s, %s].map((s) => document.querySelector(s).getBoundingClientRect());
		return [from.x + from.width / 2, from.y + from.height / 2, to.x + to.width / 2, to.y + 8];
	})()`, js(selector), js(to)))
	v.do("drag "+selector, chromedp.DragAndDropXY(at[0], at[1], at[2], at[3]))
}

// list writes strings in JavaScript.
func list(all []string) string {
	text := "["
	for _, s := range all {
		text += js(s) + ","
	}
	return text + "]"
}
