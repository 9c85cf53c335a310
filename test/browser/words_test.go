package browser

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWordsOfTheRoomGrow lets two people write words and texts of their own. What both write is
// counted as one. What is banned is refused in words.
func TestWordsOfTheRoomGrow(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One word?", kind: "word_cloud", most: 2},
		newPoll{question: "And why?", kind: "open_text"})
	r.ask(http.MethodPatch, r.path("/polls/"+r.polls[0].PollID),
		map[string]any{"banned_words": []string{"parking"}}, nil)
	r.show(0)
	stage := visit(t, "presenter", desktop).presents(r)
	ada, ben := visit(t, "ada", phone), visit(t, "ben", phone)
	stage.open("/stage/" + r.ID)
	stage.shows("#question", "One word?")
	for _, v := range []*visitor{ada, ben} {
		v.open("/p/" + r.ID)
		v.shows("#question", "One word?")
	}
	const evil = `<img src=x onerror="alert(1)">`
	ada.fill("#ballot input:nth-of-type(1)", "Trains")
	ada.fill("#ballot input:nth-of-type(2)", evil)
	ada.click("#ballot [type=submit]")
	ada.counted()
	ben.expect("400")
	ben.fill("#ballot input:nth-of-type(1)", "Parking")
	ben.click("#ballot [type=submit]")
	ben.until(`document.querySelector("#vote").dataset.state === "refused"`)
	ben.fill("#ballot input:nth-of-type(1)", "trains ")
	ben.click("#ballot [type=submit]")
	ben.counted()
	for _, v := range []*visitor{stage, ada, ben} {
		v.until(`(() => {
			const words = [...document.querySelectorAll("#chart .word")];
			const size = (text) => parseFloat(getComputedStyle(words.find((w) => w.firstChild.textContent.toLowerCase() === text)).fontSize);
			return words.length === 2 && size("trains") > size(%s);
		})()`, js(evil))
	}
	stage.shows("#voters", "2")

	r.show(1)
	ada.shows("#question", "And why?")
	ada.fill("#ballot textarea", "Because.\n"+evil)
	ada.click("#ballot [type=submit]")
	ada.counted()
	for _, v := range []*visitor{stage, ben} {
		v.until(`document.querySelector("#chart .answer").firstChild.textContent.includes(%s)`,
			js(evil))
	}
	require.Equal(t, 1, r.results(1).Total)
}

// TestAPresentationIsEditedAsOneWrites changes a presentation that is there. What is written is
// saved without a button. What has been shown cannot be changed under its voters' feet until it is
// reset.
func TestAPresentationIsEditedAsOneWrites(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "First?", kind: "choice", options: plain.options},
		newPoll{question: "Second?", kind: "choice", options: plain.options})
	v := visit(t, "presenter", desktop).presents(r)
	v.open("/edit/" + r.ID)
	v.shows("#state", "Everything is saved")
	v.shows("#join-link", v.base+"/join/"+r.JoinCode)
	v.fill("#polls > :nth-child(2) [data-field=question]", "Second, really?")
	v.click("#polls > :nth-child(1) [data-do=down]")
	v.fill("#title", "Renamed")
	v.click("#add")
	v.fill("#polls > :nth-child(3) [data-field=question]", "Third?")
	v.fill(`#polls > :nth-child(3) [aria-label="Option A"]`, "Yes")
	saved := func() (title string, questions []string) {
		var p struct {
			Title string
			Polls []struct{ Question string }
		}
		r.ask(http.MethodGet, r.path(""), nil, &p)
		for _, q := range p.Polls {
			questions = append(questions, q.Question)
		}
		return p.Title, questions
	}
	require.Eventually(t, func() bool {
		title, questions := saved()
		return title == "Renamed" && len(questions) == 3 && questions[0] == "Second, really?" &&
			questions[1] == "First?" && questions[2] == "Third?"
	}, patience, 10*tick)
	v.shows("#state", "Everything is saved")

	r.show(0) // the one that was made first
	r.votes(0, 1, 1)
	r.show(1)
	r.final(0)
	v.reload()
	v.until(`document.querySelector("#polls > :nth-child(2) ` +
		`[data-field=question]").closest("fieldset:disabled")`)
	v.click("#polls > :nth-child(2) [data-do=reset]")
	v.click("dialog[open] [value=yes]")
	v.until(`!document.querySelector("#polls > :nth-child(2) ` +
		`[data-field=question]").closest("fieldset:disabled")`)
	v.fill("#polls > :nth-child(2) [data-field=question]", "First, again?")
	require.Eventually(t, func() bool {
		_, questions := saved()
		return questions[1] == "First, again?"
	}, patience, 10*tick)
	v.shows("#state", "Everything is saved")

	// Who writes does not undo what was done on the stage meanwhile.
	v.expect("412")
	r.ask(http.MethodPatch, r.path("/polls/"+r.polls[0].PollID),
		map[string]any{"results_visibility": "presenter"}, nil)
	v.fill("#polls > :nth-child(2) [data-field=question]", "First, anew?")
	require.Eventually(t, func() bool {
		_, questions := saved()
		return questions[1] == "First, anew?"
	}, patience, 10*tick)
	v.shows("#state", "Everything is saved")
	var export struct {
		Polls []struct {
			Visibility string `json:"results_visibility"`
		}
	}
	r.ask(http.MethodGet, r.path("/export"), nil, &export)
	require.Equal(t, "presenter", export.Polls[1].Visibility)

	// Nor does a question that somebody else has added, or taken away, stop them.
	var added shownPoll
	r.ask(http.MethodPost, r.path("/polls"),
		map[string]any{"question": "Fourth?", "kind": "rating"}, &added)
	v.click("#polls > :nth-child(2) [data-do=up]")
	v.until(`document.querySelectorAll("#polls > *").length === 4`)
	v.shows("#state", "Everything is saved")
	r.ask(http.MethodDelete, r.path("/polls/"+added.PollID), nil, nil)
	v.click("#polls > :nth-child(2) [data-do=up]")
	v.until(`document.querySelectorAll("#polls > *").length === 3`)
	v.shows("#state", "Everything is saved")
	_, questions := saved()
	require.Equal(t, []string{"Second, really?", "First, anew?", "Third?"}, questions)

	v.click("#delete")
	v.click("dialog[open] [value=yes]")
	v.until(`location.pathname === "/"`)
	status, _ := r.send(http.MethodGet, r.path(""), nil)
	require.Equal(t, http.StatusNotFound, status)
}
