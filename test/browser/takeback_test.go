package browser

import (
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

const isTaken = "Your answer is taken back. You may answer again."

// taken waits until the page says that the answer is taken back, and shows a ballot as before the
// first answer.
func (v *visitor) taken() {
	v.t.Helper()
	v.until(`document.querySelector("#vote").dataset.state === "taken"`)
	v.shows("#vote", isTaken)
	v.until(`!document.querySelector("#ballot [aria-pressed=true], #ballot :checked") && document.querySelector("#take-back").hidden &&
		[...document.querySelectorAll("#ballot [type=text], #ballot textarea")].every((field) => field.value === "")`)
}

// TestAnAnswerIsTakenBackAndGivenAnew takes back an answer of each kind and gives another one.
func TestAnAnswerIsTakenBackAndGivenAnew(t *testing.T) {
	kinds := []newPoll{
		{question: "choice", kind: "choice", options: plain.options},
		{question: "rating", kind: "rating"},
		{question: "multiple", kind: "multiple", options: plain.options, most: 2},
		{question: "words", kind: "word_cloud", most: 2},
		{question: "word", kind: "word_cloud", most: 1}, {question: "text", kind: "open_text"},
	}
	r := create(t, plain.title, kinds...)
	v := visit(t, "voter", phone)
	v.open("/p/" + r.ID)
	for i, kind := range kinds {
		r.show(i)
		v.shows("#question", kind.question)
		require.False(t, value[bool](v, `document.querySelector("#take-back").checkVisibility()`))
		answer := func() {
			switch kind.kind {
			case "multiple":
				v.click("#ballot label:nth-of-type(2)")
			case "word_cloud":
				v.fill("#ballot input", "Trains")
			case "open_text":
				v.fill("#ballot textarea", "Because.\nYes.")
			default:
				v.choose(2)
			}
			if kind.kind != "choice" && kind.kind != "rating" {
				v.click("#ballot [type=submit]")
			}
			v.counted()
			v.shows("#voters", "1 voter")
		}
		answer()
		v.tabTo("#take-back")
		v.press(kb.Enter)
		v.taken()
		v.until(`document.activeElement.id === "question"`)
		v.shows("#voters", "0 voters")
		require.Zero(t, r.results(i).Total, kind.question)
		v.reload()
		v.taken()
		answer()
		require.Equal(t, 1, r.results(i).Total, kind.question)
	}
	// One that is displayed again asks again. What counts still can be taken back, and what was
	// taken back is no answer.
	r.show(0)
	v.shows("#vote", "You have answered this question before; that still counts unless the "+
		"presenter has started it anew. You may answer again.")
	v.click("#take-back")
	v.taken()
	v.shoot("taken-back")
	r.show(1)
	v.shows("#question", "rating")
	r.show(0)
	v.shows("#question", "choice")
	require.Empty(t, v.text("#vote"))
	require.Zero(t, r.results(0).Total)
	v.choose(1)
	v.counted()
	v.bars(1, 0, 0, 0)
}

// TestTakingBackIsSentUntilItIsTaken takes an answer back with no connection, and before a reload,
// with a pass and without.
func TestTakingBackIsSentUntilItIsTaken(t *testing.T) {
	anyone := create(t, plain.title,
		newPoll{question: "One", kind: "choice", options: plain.options})
	anyone.show(0)
	for name, r := range map[string]*room{"an id of the browser's": anyone,
		"a pass": passRoom(t, nil)} {
		v := visit(t, name, phone)
		v.expect("net::ERR_")
		v.open("/p/" + r.ID)
		other := v.tab("another tab", phone)
		other.open("/p/" + r.ID)
		v.choose(1)
		v.counted()
		other.counted()
		v.connect(network.Conditions{Offline: true})
		v.click("#take-back")
		v.shows("#vote", "Your answer is not taken back yet. That is done as soon as the server "+
			"can be reached.")
		require.Equal(t, 1, r.results(0).Total, name)
		v.connect(network.Conditions{})
		v.taken()
		other.taken()
		require.Zero(t, r.results(0).Total, name)

		v.choose(2)
		v.counted()
		v.hold("*/votes")
		v.click("#take-back")
		v.shows("#vote", "Taking your answer back…")
		v.caught()
		v.reload() // the request is lost with the page
		v.release(func() {})
		v.taken()
		require.Zero(t, r.results(0).Total, name)
		v.choose(3)
		v.counted()
		v.bars(0, 0, 1, 0)
		require.Equal(t, 1, r.results(0).Total, name)
	}
}

// TestWhatIsTakenBackTooLateCounts takes answers back when that is no longer possible.
func TestWhatIsTakenBackTooLateCounts(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "choice", options: plain.options},
		newPoll{question: "Two", kind: "choice", options: plain.options})
	r.show(0)
	v := visit(t, "voter", phone)
	v.expect("409", "400", "401", "422")
	v.open("/p/" + r.ID)
	pressed := func(n int) {
		t.Helper()
		v.until(`document.querySelector("#ballot .option:nth-child(%d)").ariaPressed === "true"`, n)
	}
	v.choose(1)
	v.counted()
	v.hold("*/votes")
	v.click("#take-back")
	v.release(func() {
		r.move("close")
		v.until(`document.querySelector("#ballot .option").ariaDisabled === "true"`)
	})
	v.shows("#vote", "Voting was over before your change arrived. The answer that you gave "+
		"before counts. Voting is closed.")
	pressed(1)
	require.True(t, value[bool](v, `document.querySelector("#take-back").hidden`),
		"while voting is closed")
	r.move("open")
	v.sees("#take-back")
	v.refuse(422, map[string]any{"code": "of_tomorrow", "detail": "no"},
		func() { v.click("#take-back") })
	v.shows("#vote", "This answer was not taken: no Your earlier answer still counts.")
	pressed(1)
	require.Equal(t, 1, r.results(0).Total)

	// Nobody takes back what was said by another name.
	r.admit(map[string]any{"voters": "pass"})
	r.takesPassesOnly(0)
	v.click("#take-back")
	v.shows("#vote", "The presenter has changed how people vote. The answer that you gave before "+
		"counts, and can no longer be changed.")
	pressed(1)
	require.Equal(t, 1, r.results(0).Total)
	r.show(1)
	v.shows("#question", "Two")
	v.choose(2)
	v.counted()
	v.click("#take-back")
	v.taken()
	require.Zero(t, r.results(1).Total)
}

// takesPassesOnly waits until every replica knows that voters of the i-th poll, which is displayed,
// have passes.
func (r *room) takesPassesOnly(i int) {
	r.t.Helper()
	// refused in any case
	vote := map[string]any{"poll_id": r.polls[i].PollID, "client_id": r.voter(), "key": "no option"}
	inARow := 0
	require.Eventually(r.t, func() bool {
		if status, _ := r.once(http.MethodPost, r.path("/polls/current/votes"),
			vote); status == http.StatusUnauthorized {
			inARow++
		} else {
			inARow = 0
		}
		return inARow >= 12
	}, patience, tick)
}
