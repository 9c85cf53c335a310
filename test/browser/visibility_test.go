package browser

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestResultsForAfterwardsAreSeenAfterwards holds two questions whose results the room is to see
// when voting has ended. While a question is on the slide nobody but the presenter sees them, on no
// page; then everybody does.
func TestResultsForAfterwardsAreSeenAfterwards(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "choice", options: plain.options},
		newPoll{question: "Two", kind: "rating"})
	for _, p := range r.polls {
		r.ask(http.MethodPatch, r.path("/polls/"+p.PollID),
			map[string]any{"results_visibility": "after"}, nil)
	}
	stage, voter, guest := visit(t, "presenter", desktop).presents(r), visit(t, "voter", phone),
		visit(t, "guest", desktop)
	stage.open("/stage/" + r.ID)
	stage.sees(".lobby .ticket")
	voter.open("/p/" + r.ID)
	voter.sees("#waiting-text")
	stage.click("#next")
	voter.shows("#question", "One")
	require.False(t, value[bool](voter, `document.querySelector("#so-far").checkVisibility()`),
		"there is nothing to see so far")
	voter.choose(2)
	voter.counted()
	r.votes(0, 2, 1)

	// How many have voted is told, and nothing else.
	covered := func(n string) {
		t.Helper()
		stage.shows("#voters", n)
		stage.sees("#covered")
		voter.shows("#voters", n+" voters")
		require.False(t, value[bool](voter, `document.querySelector("#chart").checkVisibility()`))
		require.Empty(t, value[string](voter, counts("#chart")+`.filter(Boolean).join()`),
			"numbers that only a style hides")
		require.Zero(t, value[int](stage,
			`[...document.querySelectorAll("#chart .numbers, #chart .fill")].filter((e) => `+
				`e.checkVisibility()).length`))
	}
	covered("4")
	guest.open("/results/" + r.ID)
	guest.until(
		`document.querySelector("#polls .poll").innerText.includes("The presenter does not show ` +
			`these results.")`)
	require.Zero(t, value[int](guest,
		`[...document.querySelectorAll("#polls .bar")].filter((e) => e.checkVisibility()).length`))

	// Closed, it is still on the slide, and shows them.
	stage.press("c")
	for _, v := range []*visitor{stage, voter} {
		v.bars(2, 2, 0, 0)
	}

	// It leaves, and its results stay to be seen: where the page leads.
	stage.click("#next")
	voter.shows("#question", "Two")
	voter.choose(3)
	voter.counted()
	r.vote(1, map[string]any{"key": "3"})
	covered("2")
	voter.until(`document.querySelector("#so-far").getBoundingClientRect().top -
		Math.max(...[...document.querySelectorAll(".card")].map((e) => e.getBoundingClientRect().bottom)) >= 8 /* it does not stick to a card */`)
	voter.click("#so-far a")
	voter.until(`location.pathname.startsWith("/results/")`)
	guest.reload()
	for _, v := range []*visitor{voter, guest} {
		v.until(`document.querySelectorAll("#polls .poll").length === 2`)
		v.until(`JSON.stringify(%s) === "[2,2,0,0]"`, counts("#polls .poll:nth-child(1)"))
		require.Zero(t, value[int](v,
			`[...document.querySelectorAll("#polls .poll:nth-child(2) .bar")].filter((e) => `+
				`e.checkVisibility()).length`))
	}
}
