package browser

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// TestTheRemoteAndTheStageMoveTheSameSlide holds a presentation from a phone while the stage is
// open. When both are used at the same moment nothing is skipped, and whoever was slower is told.
func TestTheRemoteAndTheStageMoveTheSameSlide(t *testing.T) {
	polls := []newPoll{}
	for _, question := range []string{"One", "Two", "Three", "Four"} {
		polls = append(polls, newPoll{question: question, kind: "choice", options: plain.options})
	}
	r := create(t, plain.title, polls...)
	stage := visit(t, "presenter", desktop).presents(r)
	stage.open("/stage/" + r.ID)
	stage.sees(".lobby .ticket")
	stage.click("#remote")
	stage.until(`document.querySelector("#remote-url") !== null`)
	link := value[string](stage, `document.querySelector("#remote-url").value`)
	require.NotContains(t, link, r.Token, "the link is good for a remote only")
	require.Equal(t, "password", value[string](stage, `document.querySelector("#remote-url").type`),
		"the room must not read it")
	stage.press(kb.Escape)

	remote := visit(t, "remote", phone)
	remote.open(link[len(remote.base):])
	remote.sees("#next")
	require.Equal(t, "", value[string](remote, `location.hash`),
		"it stands in the address no longer than it must")
	for _, name := range []string{"#results", "#reset"} {
		require.False(t, value[bool](remote,
			`document.querySelector("`+name+`").checkVisibility()`), "a remote may not")
	}
	remote.click("#next")
	for _, v := range []*visitor{stage, remote} {
		v.shows("#question", "One")
	}
	stage.click("#next")
	for _, v := range []*visitor{stage, remote} {
		v.shows("#question", "Two")
	}

	// The remote's press is on its way while the stage moves.
	remote.expect("412")
	before := r.version()
	remote.hold("*/polls/current")
	remote.click("#next")
	remote.release(func() {
		stage.click("#next")
		stage.shows("#question", "Three")
	})
	remote.until(
		`document.querySelector("#notice").textContent.startsWith("Another device was faster")`)
	remote.shows("#question", "Three")
	require.Equal(t, before+1, r.version(), "one of the two presses moved the slide")
	remote.click("#previous")
	for _, v := range []*visitor{stage, remote} {
		v.shows("#question", "Two")
	}

	// A tap in the list displays a question, and so does the keyboard; the one on the slide is
	// marked.
	here := func(n int) {
		remote.until(
			`JSON.stringify([...document.querySelectorAll("#questions button")].map((b) => `+
				`b.ariaCurrent)) === JSON.stringify(%s)`,
			four(n, "true"))
	}
	remote.listQuestions()
	here(2)
	remote.click("#questions li:nth-child(4) button")
	for _, v := range []*visitor{stage, remote} {
		v.shows("#question", "Four")
	}
	here(4)
	before = r.version()
	remote.click("#questions li:nth-child(4) button") // it is there: nothing moves
	remote.tabTo("#questions li:nth-child(2) button")
	remote.press(kb.Enter)
	stage.shows("#question", "Two")
	here(2)
	require.Equal(t, before+1, r.version())
	remote.until(`document.activeElement.matches("#questions li:nth-child(2) button")`)
	remote.expect("412")
	remote.hold("*/polls/current")
	remote.click("#questions li:nth-child(1) button")
	remote.release(func() {
		stage.click("#next")
		stage.shows("#question", "Three")
	})
	remote.until(
		`document.querySelector("#notice").textContent.startsWith("Another device was faster")`)
	here(3)
	remote.click("#questions li:nth-child(2) button")
	stage.shows("#question", "Two")

	// Closing from the phone shows on the stage, and hiding there shows on the phone.
	remote.click("#voting")
	stage.until(`document.querySelector("#status").classList.contains("badge-final")`)
	stage.click("#results")
	stage.sees("#covered")
	remote.sees("#covered")

	// It is the same link when it is asked for again, and it lasts over a load. A new one ends it.
	stage.click("#remote")
	stage.until(`document.querySelector("#remote-url")?.value === %s`, js(link))
	remote.reload()
	remote.sees("#next")
	remote.expect("403", "401")
	stage.click("#remote-anew")
	stage.click(".ask .danger")
	stage.until(`!["", undefined, %s].includes(document.querySelector("#remote-url")?.value)`,
		js(link))
	stage.press(kb.Escape)
	remote.click("#next")
	remote.until(
		`document.querySelector("#notice").textContent.includes("does not have the ` +
			`presenter’s key")`)
	require.Equal(t, "Two", stage.text("#question"))

	// Without the presenter's token nothing moves, and that is said.
	stranger := visit(t, "stranger", phone)
	stranger.expect("401", "403")
	stranger.open("/remote/" + r.ID)
	stranger.until(`document.body.innerText.includes("does not have the presenter’s key")`)
	require.Equal(t, "Two", stage.text("#question"))
}

// four writes a list of four in JavaScript, in which the n-th is a text and the others are null.
func four(n int, text string) string {
	all := []string{"null", "null", "null", "null"}
	all[n-1] = js(text)
	return "[" + strings.Join(all, ",") + "]"
}

// TestWhereEverybodyMayPresentTheRemoteNeedsNoKey holds a presentation on a server that asks for no
// token, from a browser that has none.
func TestWhereEverybodyMayPresentTheRemoteNeedsNoKey(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs a browser")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	open, err := stack.Start(ctx,
		stack.Config{Parts: stack.API, APIs: 1, APIEnv: []string{"PLENARY_OPEN=true"}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, open.Close()) })
	r := createAt(t, open.URL, plain.title, newPoll{question: "One", kind: "rating"},
		newPoll{question: "Two", kind: "rating"})
	r.Token = ""
	stage := newVisitor(chrome(t), t, "presenter", open.URL, desktop,
		chromedp.WithNewBrowserContext())
	stage.open("/stage/" + r.ID)
	stage.sees(".lobby .ticket")
	stage.click("#remote")
	stage.until(`document.querySelector("#remote-url") !== null`)
	link := value[string](stage, `document.querySelector("#remote-url").value`)
	require.Equal(t, open.URL+"/remote/"+r.ID, link)
	stage.press(kb.Escape)
	remote := newVisitor(chrome(t), t, "remote", open.URL, phone, chromedp.WithNewBrowserContext())
	remote.open(link[len(remote.base):])
	remote.click("#next")
	stage.shows("#question", "One")
	remote.listQuestions()
	remote.click("#questions li:nth-child(2) button")
	stage.shows("#question", "Two")
}

// listQuestions opens the list of questions on the remote. What is above it may still move when a
// page is new, so nothing is aimed at.
func (v *visitor) listQuestions() {
	v.t.Helper()
	v.sees(".remote-list summary")
	v.run(`document.querySelector(".remote-list summary").click()`)
}

// TestTheRemoteShowsTextAsItsWritersReadIt has questions and options in Arabic, and in lines, on a
// remote in English.
func TestTheRemoteShowsTextAsItsWritersReadIt(t *testing.T) {
	const arabic, code, hebrew = "أي مدينة؟", "What does it print?\n  for {\n    x++\n  }", "שלום!"
	r := create(t, hebrew, newPoll{question: arabic, kind: "choice",
		options: []string{"القاهرة", "Berlin"}},
		newPoll{question: code, kind: "rating"}, newPoll{question: hebrew, kind: "rating"})
	r.show(0)
	remote := visit(t, "remote", phone).presents(r)
	remote.open("/remote/" + r.ID)
	remote.shows("#question", arabic)
	runs := func(selector, direction string) {
		t.Helper()
		remote.until(
			`document.querySelector(%s).dir === "auto" && `+
				`getComputedStyle(document.querySelector(%[1]s)).direction === %s`,
			js(selector), js(direction))
	}
	runs("#question", "rtl")
	runs("#title", "rtl")
	runs("#following .said", "ltr")
	r.show(1)
	remote.until(`document.querySelector("#following").textContent === %s`, js("Next: "+hebrew))
	runs("#following .said", "rtl")
	runs("#question", "ltr")
	for i, direction := range []string{"rtl", "ltr", "rtl"} {
		runs("#questions li:nth-child("+strconv.Itoa(i+1)+") .said", direction)
	}
	r.show(2)
	remote.shows("#following", "This is the last question.")
}
