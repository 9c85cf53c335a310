package browser

import (
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// TestAVoterKeepsTheirPlace votes with the keyboard, for a question of each kind. The focus stays
// on what was pressed, whether the vote was counted or refused, and when voting is closed. And
// what cannot be used does nothing.
func TestAVoterKeepsTheirPlace(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "choice", options: plain.options},
		newPoll{question: "Two", kind: "multiple", options: plain.options, most: 2},
		newPoll{question: "Three", kind: "word_cloud", most: 2})
	v := visit(t, "voter", desktop)
	v.expect("422")
	move := func(to string) {
		r.ask(http.MethodPut, r.path("/polls/current"),
			map[string]string{"move": to}, nil)
	}
	disabled := func(selector, yes string) {
		v.until(`document.querySelector(%s).ariaDisabled === %s`, js(selector), js(yes))
	}
	refused := func(act func()) {
		t.Helper()
		v.refuse(422, map[string]any{"code": "of_tomorrow", "detail": "not today"}, act)
		v.until(`document.querySelector("#vote").dataset.state === "refused"`)
	}
	r.show(0)
	v.open("/p/" + r.ID)
	v.shows("#question", "One")

	const second, third = "#ballot .option:nth-child(2)", "#ballot .option:nth-child(3)"
	v.tabTo(second)
	v.press(kb.Enter)
	v.counted()
	v.focused(second)
	v.tabTo(third)
	refused(func() { v.press(" ") })
	v.focused(third)
	r.close()
	disabled(third, "true")
	v.focused(third)
	v.castsNothing(func() { v.press(kb.Enter) })
	v.tabTo(second) // one may read what is closed
	move("open")
	disabled(second, "false")
	v.focused(second)

	const send = "#ballot [type=submit]"
	r.ask(http.MethodDelete, r.path("/polls/current"), nil, nil)
	v.focused("#waiting-title")
	r.show(1)
	v.shows("#question", "Two")
	v.focused("#question")
	for _, n := range []string{"1", "2"} {
		v.tabTo("#ballot label:nth-of-type(" + n + ") input")
		v.press(" ")
	}
	v.tabTo("#ballot label:nth-of-type(3) input") // which is one too many
	v.press(" ")
	require.Equal(t, 2, value[int](v, `document.querySelectorAll("#ballot :checked").length`))
	v.tabTo(send)
	refused(func() { v.press(kb.Enter) })
	v.focused(send)
	v.press(kb.Enter)
	v.counted()
	disabled(send, "true")
	v.focused(send)
	v.castsNothing(func() { v.press(kb.Enter) })

	const word = "#ballot input:nth-of-type(1)"
	r.show(2)
	v.shows("#question", "Three")
	v.tabTo(word)
	v.types("Trains")
	v.press(kb.Enter)
	v.counted()
	v.focused(word)
	v.types("!")
	v.tabTo(send)
	v.press(kb.Enter)
	v.counted()
	v.focused(send)
	r.close()
	v.until(`document.querySelector(%s).readOnly`, js(word))
	v.focused(send)
	v.tabTo(word)
	v.castsNothing(func() { v.press("x" + kb.Enter) })
	require.Equal(t, "Trains!", value[string](v, `document.querySelector("#ballot input").value`))
}

// TestAnAuthorKeepsTheirPlace writes with the keyboard. The focus stays where it was when saving
// fails and when it succeeds. When what has the focus goes, the focus is next to that, or on what
// says why.
func TestAnAuthorKeepsTheirPlace(t *testing.T) {
	v := visit(t, "author", desktop)
	v.expect("503", "409")
	v.open("/edit/new")
	v.until(`document.activeElement.id === "title"`)
	v.types("Places")
	v.press(kb.Enter)
	v.types("One?")
	v.press(kb.Enter)
	v.types("Yes")
	v.tabTo("#save")
	v.hold("*/api/v1/presentations")
	v.press(kb.Enter)
	id := v.caught()
	v.until(`document.querySelector("#save").ariaDisabled === "true" && ` +
		`document.querySelector("#go").ariaDisabled === "true"`)
	v.press(kb.Enter) // while it is on its way
	v.ok(call(v, fetch.FulfillRequest,
		fetch.FulfillRequestParams{RequestID: id, ResponseCode: 503}), "save nothing")
	v.ok(call(v, fetch.Disable, cdp.Empty{}), "hold nothing any more")
	v.sees(".toast-error")
	require.Empty(t, v.held, "it was sent once")
	v.focused("#save")
	v.press(kb.Enter)
	v.until(`/^\/edit\/[0-9a-f-]{36}$/.test(location.pathname)`)
	v.shows("#state", "Everything is saved")
	v.focused("#more") // the heading of where it was saved
	v.reload()
	v.shows("#state", "Everything is saved")
	v.focused("body")

	// A question is displayed while somebody writes it.
	r := create(t, plain.title, newPoll{question: "Two", kind: "choice", options: plain.options},
		newPoll{question: "Three", kind: "rating"})
	v.presents(r)
	v.open("/edit/" + r.ID)
	v.shows("#state", "Everything is saved")
	v.tabTo("#polls > :nth-child(1) [data-field=question]")
	r.show(0)
	v.types("?")
	v.until(`document.querySelector("#polls > :nth-child(1)").classList.contains("runs")`)
	v.focused("#polls > :nth-child(1) [data-field=question]") // a text can be mended
	r.show(1)
	r.final(0)
	v.looksAgain()
	v.until(`document.querySelector("#polls > :nth-child(1) ` +
		`[data-field=question]").closest("fieldset:disabled")`)
	v.focused("#polls > :nth-child(1) .poll-shown span")
	r.ask(http.MethodPost, r.path("/polls/"+r.polls[0].PollID+"/reset"), nil, nil)
	r.show(0)
	v.looksAgain()
	v.until(`document.querySelector("#polls > :nth-child(1)").classList.contains("runs")`)
	v.tabTo("#polls > :nth-child(1) [data-do=reset]")
	v.press(kb.Enter) // not before its results are final
	require.False(t, value[bool](v, `Boolean(document.querySelector("dialog"))`))

	// A list grows shorter under the hand.
	other := create(t, "Other", newPoll{question: "Four", kind: "rating"})
	v.presents(r, other)
	v.open("/")
	v.run(`window.confirm = () => true`)
	v.tabTo("#list li:nth-child(2) button")
	for _, then := range []string{"#list li:nth-child(1) button", "#code"} {
		v.press(kb.Enter)
		v.focused(then)
	}
}

// TestAPresenterKeepsTheirPlace takes away, from another device, what has the focus on the stage.
func TestAPresenterKeepsTheirPlace(t *testing.T) {
	r := create(t, "Places", newPoll{question: "One", kind: "rating"},
		newPoll{question: "Two", kind: "rating"})
	r.show(0)
	v := visit(t, "presenter", desktop).presents(r)
	v.open("/stage/" + r.ID)
	v.shows("#question", "One")
	v.tabTo("#voting")
	r.ask(http.MethodDelete, r.path("/polls/current"), nil, nil)
	v.shows("#question", "Places")
	v.focused("#next")
	v.press("o")
	const two = `dialog [aria-label="Show “Two”"]`
	v.tabTo(two)
	r.show(1)
	v.until(`document.querySelector(%s).ariaDisabled === "true"`, js(two))
	v.focused(two)
	v.press(kb.Enter) // it is on the slide
	v.focused(two)
}

// focused waits until an element has the focus.
func (v *visitor) focused(selector string) {
	v.t.Helper()
	v.until(`document.activeElement.matches(%s)`, js(selector))
}

// castsNothing does something that would cast a vote, if voting were open: each vote takes a number
// before it is sent.
func (v *visitor) castsNothing(act func()) {
	v.t.Helper()
	const seq = `localStorage["plenary.seq"]`
	before := value[string](v, seq)
	act()
	require.Equal(v.t, before, value[string](v, seq))
}
