package browser

import (
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// TestEveryKeyOfTheStageDoesWhatItsListSays holds a presentation with a clicker, which has few
// keys, and with a keyboard. The stage says how many phones there are meanwhile.
func TestEveryKeyOfTheStageDoesWhatItsListSays(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "choice", options: plain.options},
		newPoll{question: "Two", kind: "choice", options: plain.options},
		newPoll{question: "Three", kind: "rating"})
	stage, voter, guest := visit(t, "presenter", desktop).presents(r), visit(t, "voter", phone),
		visit(t, "guest", phone)
	voter.open("/p/" + r.ID)
	guest.open("/p/" + r.ID)
	stage.open("/stage/" + r.ID)
	stage.sees(".lobby .ticket")
	stage.until(`document.querySelector("#away").hidden`)

	// A clicker's.
	stage.moves(kb.PageDown, "One")
	stage.moves(kb.PageDown, "Two")
	stage.moves(kb.PageUp, "One")
	stage.moves(".", plain.title)
	voter.sees("#waiting-text")
	stage.moves(".", "One")
	voter.shows("#question", "One")
	stage.shows("#connected", "2")
	guest.open("/") // they have left

	// A keyboard's.
	for _, key := range []string{kb.ArrowRight, " ", kb.Enter} {
		stage.moves(key, "Two")
		stage.moves(kb.ArrowLeft, "One")
	}
	stage.moves(kb.ArrowRight, "Two")
	stage.moves(kb.Backspace, "One")
	stage.moves("B", plain.title) // with the shift key held, or caps lock
	stage.moves("b", "One")

	// Results are hidden from the room, and shown.
	r.votes(0, 1, 2)
	voter.bars(1, 2, 0, 0)
	stage.press("h")
	stage.shows("#covered", "The results are hidden.")
	voter.until(`!document.querySelector("#chart").checkVisibility()`)
	stage.settles()
	stage.press("h")
	for _, v := range []*visitor{stage, voter} {
		v.bars(1, 2, 0, 0)
	}
	stage.settles()

	// Full screen, and back.
	stage.press("f")
	stage.until(
		`document.fullscreenElement && document.querySelector("#full").ariaLabel === "Leave full ` +
			`screen"`)
	stage.press("f")
	stage.until(
		`!document.fullscreenElement && ` +
			`document.querySelector("#full").ariaLabel === "Full screen"`)

	// The list of keys, over which the slide stands still.
	stage.press("?")
	stage.shows("dialog[open] h2", "Keys")
	before := r.version()
	for _, key := range []string{kb.ArrowRight, kb.PageDown, "b", "c"} {
		stage.press(key)
	}
	require.False(t, value[bool](stage, `document.querySelector("#next").ariaDisabled === "true"`),
		"nothing is on its way")
	stage.press(kb.Escape)
	stage.until(`!document.querySelector("dialog")`)

	// A key that is held moves once, and one that is the browser's is left to it.
	stage.holds(kb.PageDown)
	stage.shows("#question", "Two")
	stage.settles()
	require.Equal(t, before+1, r.version())
	require.NotContains(t, stage.text("#notice"), "Pressed twice")
	require.True(t, value[bool](stage,
		`["F5", "Tab", "r"].every((key) => dispatchEvent(new KeyboardEvent("keydown", { key, `+
			`cancelable: true })))`))
	require.True(t, value[bool](stage,
		`dispatchEvent(new KeyboardEvent("keydown", `+
			`{ key: "b", ctrlKey: true, cancelable: true }))`))
	stage.shows("#connected", "1")
	guest.open("/p/" + r.ID)
	stage.shows("#connected", "2")
}

// TestAStageThatIsLoadedAnewGoesOn presses F5 in the middle of a talk: the slide is as it was, and
// the next key is the next move.
func TestAStageThatIsLoadedAnewGoesOn(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "choice", options: plain.options},
		newPoll{question: "Two", kind: "rating"})
	r.show(0)
	r.votes(0, 0, 1)
	stage := visit(t, "presenter", desktop).presents(r)
	stage.open("/stage/" + r.ID)
	stage.bars(0, 1, 0, 0)
	stage.press("h")
	stage.sees("#covered")
	stage.settles()

	stage.reload()
	stage.shows("#question", "One")
	stage.shows("#place", "Question 1 of 2")
	stage.shows("#voters", "1")
	stage.sees("#covered")
	stage.until(`document.querySelector("#code").textContent.replace(" ", "") === %s`,
		js(r.JoinCode))
	stage.press("h")
	stage.bars(0, 1, 0, 0)
	stage.settles()
	stage.press("c")
	stage.until(`!document.querySelector("#status").classList.contains("badge-open")`)
	stage.settles()

	stage.reload()
	stage.shows("#voting", "Reopen voting")
	stage.moves(kb.PageDown, "Two")
	stage.moves(".", plain.title)
	stage.reload()
	stage.shows("#question", plain.title)
	stage.moves(".", "Two")
}

// settles waits until no move of the presenter's is on its way.
func (v *visitor) settles() {
	v.t.Helper()
	v.until(`document.querySelector("#next").ariaDisabled !== "true"`)
}

// holds keeps a key pressed until it has been repeated some times.
func (v *visitor) holds(key string) {
	v.t.Helper()
	events := kb.Encode([]rune(key)[0])
	down, up := *events[0], *events[len(events)-1]
	down.Type = input.DispatchKeyEventTypeKeyDown
	for repeated := range 5 {
		again := repeated > 0
		down.AutoRepeat = &again
		v.ok(call(v, input.DispatchKeyEvent, down), "hold %q", key)
	}
	v.ok(call(v, input.DispatchKeyEvent, up), "let %q go", key)
}

// TestTheSpaceBarIsNoSecondPressOfWhatWasClicked clicks buttons of the stage and then presses keys,
// which mean what they mean on the stage. A button to which somebody went with the Tab key is
// pressed by them.
func TestTheSpaceBarIsNoSecondPressOfWhatWasClicked(t *testing.T) {
	questions := []string{"One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight"}
	var polls []newPoll
	for _, question := range questions {
		polls = append(polls, newPoll{question: question, kind: "choice", options: plain.options})
	}
	r := create(t, plain.title, polls...)
	r.show(0)
	stage := visit(t, "presenter", desktop).presents(r)
	stage.open("/stage/" + r.ID)
	stage.shows("#question", "One")
	visibility := func() (all []string) {
		var p struct {
			Polls []struct {
				Visibility string `json:"results_visibility"`
			}
		}
		r.ask(http.MethodGet, r.path(""), nil, &p)
		for _, poll := range p.Polls {
			all = append(all, poll.Visibility)
		}
		return all
	}

	stage.click("#results")
	stage.sees("#covered")
	stage.settles()
	stage.moves(" ", "Two")
	require.Equal(t, "presenter", visibility()[0], "the room was shown what was hidden")
	stage.click("#voting")
	stage.shows("#voting", "Reopen voting")
	stage.settles()
	stage.moves(kb.Enter, "Three")
	require.NotEqual(t, "open", r.results(1).Status, "voting was opened again")
	before := r.version()
	stage.pulls("#voting", "#question") // who thinks better of it presses nothing
	stage.moves(" ", "Four")
	require.Equal(t, before+1, r.version(), "voting was closed, too")

	// Dialogs that are left with the mouse, or were opened with it.
	for _, leaves := range []func(){
		func() { stage.press(kb.Escape) },
		func() { stage.click("dialog[open] .primary") },
	} {
		stage.click("#overview")
		stage.sees("dialog[open]")
		leaves()
		stage.until(`!document.querySelector("dialog")`)
		stage.focused("body")
	}
	stage.moves(" ", "Five")
	stage.tabTo("#overview")
	stage.press(kb.Enter)
	stage.click("dialog[open] .primary")
	stage.until(`!document.querySelector("dialog")`)
	stage.moves(kb.PageDown, "Six")
	stage.moves(" ", "Seven")

	// The keyboard keeps its place.
	stage.tabTo("#voting")
	stage.press(" ")
	stage.shows("#voting", "Reopen voting")
	stage.settles()
	stage.focused("#voting")
	stage.press(" ")
	stage.shows("#voting", "Close voting")
	stage.settles()
	stage.tabTo("#overview")
	stage.press(" ")
	stage.sees("dialog[open]")
	stage.press(kb.Escape)
	stage.focused("#overview")
	// a screen reader's
	stage.run(`document.querySelector("#results").focus(); ` +
		`document.querySelector("#results").click()`)
	stage.sees("#covered")
	stage.settles()
	stage.focused("#results")
	require.Equal(t, "Seven", stage.text("#question"))

	// The click takes the place of what the keyboard went to.
	stage.tabTo("#previous")
	stage.click("#results")
	stage.until(`document.querySelector("#covered").hidden`)
	stage.settles()
	stage.moves(" ", "Eight")
}

// TestTheSpaceBarIsNoSecondPressOnTheRemote clicks on a remote that has a keyboard.
func TestTheSpaceBarIsNoSecondPressOnTheRemote(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "choice", options: plain.options},
		newPoll{question: "Two", kind: "rating"})
	r.show(0)
	for _, s := range []screen{desktop, phone} {
		remote := visit(t, "remote", s).presents(r)
		remote.open("/remote/" + r.ID)
		remote.shows("#question", "One")
		remote.click("#voting")
		remote.shows("#voting", "Reopen voting")
		remote.settles()
		before := r.version()
		remote.focused("body")
		remote.press(" " + kb.Enter)
		remote.tabTo("#voting")
		remote.press(" ")
		remote.shows("#voting", "Close voting")
		require.Equal(t, before+1, r.version())
	}
}

// pulls presses the mouse on one thing and lets it go over another.
func (v *visitor) pulls(from, to string) {
	v.t.Helper()
	for _, at := range []struct {
		selector string
		does     input.DispatchMouseEventType
	}{
		{from, input.DispatchMouseEventTypeMousePressed},
		{to, input.DispatchMouseEventTypeMouseMoved},
		{to, input.DispatchMouseEventTypeMouseReleased},
	} {
		xy := value[[]float64](v,
			`(() => { const r = document.querySelector(`+js(at.selector)+`).getBoundingClientRect();
			return [r.x + r.width / 2, r.y + r.height / 2]; })()`)
		v.ok(call(v, input.DispatchMouseEvent, input.DispatchMouseEventParams{
			Type: at.does, X: xy[0], Y: xy[1], Button: input.MouseButtonLeft,
			Buttons: 1, ClickCount: 1,
		}), "pull %s", from)
	}
}
