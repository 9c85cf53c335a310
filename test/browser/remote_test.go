package browser

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// TestTheRemoteAndTheStageMoveTheSameSlide holds a presentation from a phone while the stage is open. When both are used at the same
// moment nothing is skipped, and whoever was slower is told.
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
	link := value[string](stage, `document.querySelector("#remote-url").value`)
	require.Equal(t, "password", value[string](stage, `document.querySelector("#remote-url").type`), "the room must not read it")
	stage.press(kb.Escape)

	remote := visit(t, "remote", phone)
	remote.open(link[len(remote.base):])
	remote.sees("#next")
	require.NotContains(t, value[string](remote, `location.href`), r.Token, "it stands in the address no longer than it must")
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
	remote.until(`document.querySelector("#notice").textContent.startsWith("Another device was faster")`)
	remote.shows("#question", "Three")
	require.Equal(t, before+1, r.version(), "one of the two presses moved the slide")
	remote.click("#previous")
	for _, v := range []*visitor{stage, remote} {
		v.shows("#question", "Two")
	}

	// Closing and hiding from the phone shows on the stage.
	remote.click("#voting")
	stage.until(`document.querySelector("#status").classList.contains("badge-final")`)
	remote.click("#results")
	stage.sees("#covered")

	// Without the presenter's token nothing moves, and that is said.
	stranger := visit(t, "stranger", phone)
	stranger.expect("401", "403")
	stranger.open("/remote/" + r.ID)
	stranger.until(`document.body.innerText.includes("does not have the presenter’s key")`)
	require.Equal(t, "Two", stage.text("#question"))
}
