package browser

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/stretchr/testify/require"
)

// TestAPhoneThatSleptShowsWhatIsAndSaysWhatBecameOfItsVote locks a phone with a vote on its way,
// twice. One vote arrives when voting is over. Of the other one only the answer is lost.
func TestAPhoneThatSleptShowsWhatIsAndSaysWhatBecameOfItsVote(t *testing.T) {
	var polls []newPoll
	for _, question := range []string{"One", "Two", "Three"} {
		polls = append(polls, newPoll{question: question, kind: "choice", options: plain.options})
	}
	r := create(t, plain.title, polls...)
	r.show(0)
	v := visit(t, "voter", phone)
	v.expect("409", "net::ERR_")
	v.open("/p/" + r.ID)
	v.shows("#question", "One")
	v.run(`window.loadedOnce = true`)
	passes := func(from int) func() {
		return func() {
			v.sleep()
			r.show(from + 1)
			r.final(from)
		}
	}
	before := func(says string) {
		v.until(`document.querySelector("#before").checkVisibility() && `+
			`document.querySelector("#before").textContent === %s`, js(says))
		v.shows("#vote", "") // of the question that is there now
		v.until(`window.loadedOnce`)
	}

	v.hold("*/votes")
	v.choose(1)
	v.release(passes(0))
	v.wake()
	v.shows("#question", "Two")
	before("Your answer to “One”: Voting was over before your answer arrived. It does not count.")
	require.Zero(t, r.results(0).Total)

	v.holdAt("*/votes", fetch.RequestStageResponse)
	v.choose(2)
	id := v.caught()
	passes(1)()
	v.ok(call(v, fetch.FailRequest,
		fetch.FailRequestParams{RequestID: id, ErrorReason: network.ErrorReasonConnectionReset}),
		"lose the answer")
	v.ok(call(v, fetch.Disable, cdp.Empty{}), "hold nothing any more")
	v.wake()
	v.shows("#question", "Three")
	before("Your answer to “Two”: Voting is over, and we could not learn whether your answer " +
		"arrived in time. It may have been counted.")
	require.Equal(t, 1, r.results(1).Total)

	v.choose(3)
	v.counted()
}

// TestAVoteThatWasForgottenWhileThePhoneSleptIsNotCalledCounted resets and reopens a poll behind
// the back of two phones: one slept all the time, the other one saw how it was closed.
func TestAVoteThatWasForgottenWhileThePhoneSleptIsNotCalledCounted(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "choice", options: plain.options})
	r.show(0)
	slept, closed := visit(t, "slept", phone), visit(t, "closed", phone)
	for _, v := range []*visitor{slept, closed} {
		v.expect("net::ERR_")
		v.open("/p/" + r.ID)
		v.shows("#question", "One")
		v.choose(1)
		v.counted()
	}
	move := func(to string) {
		r.ask(http.MethodPut, r.path("/polls/current"),
			map[string]string{"move": to}, nil)
	}
	isClosed := func(v *visitor) {
		v.until(
			`document.querySelector("#ballot .option").ariaDisabled === "true"`)
	}

	// Who follows a poll that is closed and opened again knows that the answer counts.
	move("close")
	for _, v := range []*visitor{slept, closed} {
		isClosed(v)
	}
	move("open")
	for _, v := range []*visitor{slept, closed} {
		v.until(`document.querySelector("#ballot .option").ariaDisabled === "false"`)
		v.counted()
	}

	slept.sleep()
	move("close")
	isClosed(closed)
	closed.counted()
	closed.sleep()
	r.final(0)
	r.ask(http.MethodPost, r.path("/polls/"+r.polls[0].PollID+"/reset"), nil, nil)
	move("open")
	for _, v := range []*visitor{slept, closed} {
		v.wake()
		v.until(`document.querySelector("#vote").dataset.state === "earlier"`)
		v.choose(2)
		v.counted()
	}
	require.Equal(t, 2, r.results(0).Total)
}

// TestPagesThatNobodySeesTakeNoConnection opens more tabs than a browser has connections for a
// server. Those in the background give theirs back, and know what is on the slide when they are
// seen again. The stage keeps its own: it may be on a wall.
func TestPagesThatNobodySeesTakeNoConnection(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "choice", options: plain.options},
		newPoll{question: "Two", kind: "rating"})
	stage := visit(t, "presenter", desktop).presents(r)
	stage.open("/stage/" + r.ID)
	stage.shows("#question", plain.title)
	// it is hidden before the next frame
	stage.run(`window.requestAnimationFrame = () => { window.asked = true; }`)
	r.show(0)
	stage.until(`window.asked`)
	stage.hide()
	stage.shows("#question", "One")
	first := visit(t, "tab 1", phone)
	tabs := []*visitor{first}
	for i := range 6 {
		tabs = append(tabs, first.tab(fmt.Sprintf("tab %d", i+2), phone))
	}
	last := tabs[len(tabs)-1]
	for _, v := range tabs {
		v.open("/p/" + r.ID)
		v.shows("#question", "One")
		if v != last {
			v.hide()
		}
	}
	last.choose(2)
	last.counted()
	require.Eventually(t, func() bool {
		streams := 0
		for _, api := range site(t).APIs {
			streams += openStreams(t, api.OperatorsURL)
		}
		return streams == 2
	}, patience, 10*tick, "the stage and the tab that is seen watch")
	first.show()
	first.counted()
	first.bars(0, 1, 0, 0)
	r.show(1)
	for _, v := range []*visitor{stage, first, last} {
		v.shows("#question", "Two")
	}
	tabs[1].run(`window.loadedOnce = true`)
	require.Equal(t, "One", tabs[1].text("#question"), "it is not told")
	tabs[1].show()
	tabs[1].shows("#question", "Two")
	tabs[1].until(
		`document.querySelector("#connection").dataset.state === "open" && window.loadedOnce`)
}
