package browser

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// scene is a page as people come upon it.
type scene struct {
	name string
	on   screen         // what most people see it on
	show func(*visitor) // brings it about, from whatever was there
	long bool           // what people wrote is on it
}

// words are the texts that presenters write.
type words struct {
	title, question string
	options         []string
}

var (
	plain = words{
		title: "The city of tomorrow", question: "What would make you leave your car at home?",
		options: []string{"A train every ten minutes", "Safe cycle lanes", "Cheaper tickets",
			"Nothing would"},
	}
	// hostile is what somebody writes who wants to break a page, or just writes that way.
	hostile = words{
		title: `<title>"'&amp; ` + "\u05e9\u05dc\u05d5\u05dd" + ` <b>🏳️‍🌈`,
		question: `<script>alert(1)</script>"><img src=x onerror="window.hacked=1"> ' \" ` +
			`{{.}} ${1} ` + strings.Repeat("Donaudampfschiffahrt", 44),
		options: []string{
			`<script>alert(1)</script>`, `"><svg onload="window.hacked=1">`,
			"\u05d0\u05d9\u05df \u05d1\u05e2\u05d9\u05d4 \u202eabc", "👩‍👩‍👧‍👦 &lt;&quot;",
			strings.Repeat("W", 1000),
		},
	}
)

// nowhere is the id of no presentation.
const nowhere = "01931c6e-7a1c-7d30-8d5f-0c6a43c8f7aa"

// scenes makes presentations with these words and gives every page in every state that differs to
// look at.
func scenes(t *testing.T, w words) (all []scene, presents func(*visitor)) {
	t.Helper()
	poll := func(kind string) newPoll {
		p := newPoll{question: w.question, kind: kind}
		if kind == "choice" || kind == "multiple" {
			p.options = w.options
		}
		if kind == "multiple" {
			p.most = 2
		}
		return p
	}
	shown := func(kinds ...string) *room { // the first of its polls is
		var polls []newPoll
		for _, kind := range kinds {
			polls = append(polls, poll(kind))
		}
		r := create(t, w.title, polls...)
		r.show(0)
		return r
	}
	hide := func(r *room) {
		r.ask(http.MethodPatch, r.path("/polls/"+r.polls[0].PollID),
			map[string]any{"results_visibility": "presenter"}, nil)
	}
	lobby := create(t, w.title, poll("choice"), poll("rating"))
	choice := create(t, w.title, poll("choice"), poll("rating"), poll("multiple"))
	choice.show(1)
	choice.votes(1, 0, 1, 1, 3, 2)
	choice.show(0)
	choice.votes(0, 5, 2, 3, 1)
	multiple := shown("multiple")
	multiple.vote(0, map[string]any{"keys": []string{"A", "B"}})
	rating := shown("rating")
	rating.votes(0, 1, 0, 2, 3, 4)
	closed, closedMultiple := shown("choice"), shown("multiple")
	closed.votes(0, 1, 2)
	for _, r := range []*room{closed, closedMultiple} {
		r.close()
	}
	hidden, foreign, left := shown("choice", "rating"), shown("choice"), shown("choice", "rating")
	hide(hidden)
	hide(foreign)
	left.show(1)
	edited, edits := create(t, w.title, poll("choice"), poll("rating")), 0
	// and not the foreign one
	rooms := []*room{lobby, choice, multiple, rating, closed, closedMultiple, hidden, left, edited}

	there := func(path, selector string) func(*visitor) {
		return func(v *visitor) {
			v.open(path)
			v.sees(selector)
		}
	}
	onStage := func(r *room) func(*visitor) {
		return func(v *visitor) {
			v.open("/stage/" + r.ID)
			v.until(`document.querySelector("#code").textContent.length >= 6 && ` +
				`!document.querySelector("#qr").hidden`)
			v.until(`document.querySelector("#away").hidden`)
			v.sees("#next")
		}
	}
	asVoter := func(r *room, selector string) func(*visitor) {
		return func(v *visitor) {
			v.open("/p/" + r.ID)
			v.sees(selector)
			v.sees("#title")
			v.until(`document.querySelector("#connection").dataset.state === "open"`)
		}
	}
	with := func(show func(*visitor), selector string) func(*visitor) {
		return func(v *visitor) {
			show(v)
			v.sees(selector)
		}
	}
	// then does something on a page and waits for what that shows.
	then := func(show func(*visitor), do func(*visitor), selector string) func(*visitor) {
		return func(v *visitor) {
			show(v)
			v.keepsWhatIsSaid()
			do(v)
			v.sees(selector)
		}
	}
	// one after the other; nothing is aimed at, as a new page may still move
	click := func(selectors ...string) func(*visitor) {
		return func(v *visitor) {
			for _, s := range selectors {
				v.sees(s)
				v.run(fmt.Sprintf(`document.querySelector(%s).click()`, js(s)))
			}
		}
	}
	run := func(script string) func(*visitor) { return func(v *visitor) { v.run(script) } }
	const aDialog, isFinal, lost = "dialog[open] h2", "#status.badge-final",
		`setInterval(() => dispatchEvent(new Event("offline")), 50)`
	edit := func(r *room) func(*visitor) { return there("/edit/"+r.ID, "#polls .poll") }
	remote := func(r *room, selector string) func(*visitor) {
		return there("/remote/"+
			r.ID, selector)
	}
	anew := func(v *visitor) { // not from the draft of another scene
		v.run(`localStorage.removeItem("plenary.draft")`)
		there("/edit/new", "#polls .poll")(v)
	}
	all = []scene{
		{"landing", desktop, there("/", "#mine li"), true},
		{"landing-removed", desktop, then(func(v *visitor) {
			v.run(`localStorage["plenary.presentations"] = JSON.stringify([{ id: "x", token: "x" ` +
				`}, ...JSON.parse(localStorage["plenary.presentations"])])`)
			there("/", "#mine li")(v)
			v.run(`window.confirm = () => true`)
		}, click("#mine li:first-child button"), ".toast"), false},
		{"edit-new", desktop, anew, false},
		{"edit-refused", desktop, then(anew, click("#save"), "#polls .wrong"), false},
		{"edit-toast", desktop, then(anew,
			func(v *visitor) { v.upload("#import", noPresentation(t)) }, ".toast-error"), false},
		{"edit-draft", desktop, func(v *visitor) {
			v.open("/") // a page for writing that is left has the last word on the draft
			v.run(`localStorage.setItem("plenary.draft", '{"title":"?","polls":[]}')`)
			there("/edit/new", "#draft")(v)
		}, false},
		{"edit", desktop, edit(lobby), true},
		{"edit-shown", desktop, edit(choice), true},
		{"edit-remote", desktop, then(edit(choice), click("#remote"), aDialog), true},
		{"edit-delete", desktop, then(edit(choice), click("#delete"), aDialog), true},
		{"edit-import", desktop, func(v *visitor) {
			edit(lobby)(v)
			v.click("#paste")
			v.types("- lost\n\n" + w.question + "\n- " + w.options[0] + "\n- " + w.options[1])
			v.sees(".import-preview li li")
		}, true},
		{"edit-elsewhere", desktop, func(v *visitor) {
			edit(edited)(v)
			v.expect("412")
			// else it asks before it is left
			v.run(`BeforeUnloadEvent.prototype.preventDefault = () => {}`)
			edits++
			theirs := fmt.Sprint(edits) + string([]rune(w.question)[1:])
			edited.ask(http.MethodPatch, edited.path("/polls/"+edited.polls[0].PollID),
				map[string]any{"question": theirs}, nil)
			v.run(`const q = document.querySelector("#polls [data-field=question]"); q.value = ` +
				`"?" + q.value; q.dispatchEvent(new Event("input", { bubbles: true }))`)
			v.sees(".elsewhere")
		}, true},
		{"edit-foreign", desktop, there("/edit/"+foreign.ID, "#trouble"), false},
		{"stage-lobby", desktop, onStage(lobby), true},
		{"stage-choice", desktop, onStage(choice), true},
		{"stage-multiple", desktop, onStage(multiple), true},
		{"stage-rating", desktop, onStage(rating), true},
		{"stage-closed", desktop, with(onStage(closed), isFinal), true},
		{"stage-hidden", desktop, with(onStage(hidden), "#covered"), true},
		{"stage-away", desktop, then(onStage(choice), run(lost), "#away"), true},
		{"stage-notice", desktop,
			then(onStage(lobby), func(v *visitor) { v.press("c") }, "#notice p"), true},
		{"stage-questions", desktop, then(onStage(choice), click("#overview"), aDialog), true},
		{"stage-reset", desktop,
			then(onStage(choice), click("#overview", `dialog .danger[aria-disabled="false"]`),
				"dialog.ask h2"), true},
		{"stage-remote", desktop, then(onStage(choice), click("#remote"), aDialog), false},
		{"stage-uncovered", desktop,
			then(onStage(choice), click("#remote", ".uncover"), "dialog .qr"), false},
		{"stage-copied", desktop,
			then(onStage(choice), click("#remote",
				"dialog [type=button]:not(.uncover, #remote-anew)"), "dialog .toast"), false},
		{"stage-keys", desktop, then(onStage(choice), click("#keys"), aDialog), false},
		{"stage-foreign", desktop, there("/stage/"+foreign.ID, "#trouble"), false},
		{"remote-lobby", phone, remote(lobby, "#next"), true},
		{"remote", phone, remote(choice, "#question"), true},
		{"remote-questions", phone, func(v *visitor) {
			remote(choice, "#question")(v)
			v.listQuestions()
			v.sees("#questions .here")
		}, true},
		{"remote-closed", phone, remote(closed, isFinal), true},
		{"remote-hidden", phone, remote(hidden, "#covered"), true},
		{"remote-notice", phone,
			then(remote(lobby, "#next"), run(`document.querySelector("#voting").click()`),
				"#notice p"), true},
		{"remote-reset", phone, then(remote(closed, isFinal), click("#reset"), aDialog), true},
		{"remote-foreign", phone, remote(foreign, "#trouble"), false},
		{"audience-waiting", phone, asVoter(lobby, "#waiting-text"), true},
		{"audience-choice", phone, asVoter(choice, "#poll"), true},
		{"audience-voted", phone, func(v *visitor) {
			asVoter(choice, "#poll")(v)
			v.choose(1)
			v.counted()
			v.sees("#chart .bar")
		}, true},
		{"audience-multiple", phone, asVoter(multiple, "#poll"), true},
		{"audience-rating", phone, asVoter(rating, "#poll"), true},
		{"audience-closed", phone, asVoter(closed, `#vote[data-state="closed"]`), true},
		{"audience-multiple-closed", phone,
			asVoter(closedMultiple, `#vote[data-state="closed"]`), true},
		{"audience-hidden", phone, asVoter(foreign, "#poll"), true},
		{"audience-refused", phone, then(asVoter(multiple, "#poll"), func(v *visitor) {
			v.run(`for (const box of document.querySelectorAll("#ballot :checked")) box.click()`)
			click("#ballot label:nth-of-type(2)")(v)
			v.refuse(422, map[string]any{"code": "of_tomorrow", "detail": w.title},
				func() { click("#ballot [type=submit]")(v) })
		}, `#vote[data-state="refused"]`), true},
		{"audience-before", phone, func(v *visitor) {
			vote := fmt.Sprintf(
				`{ question: %s, version: 1, answer: { key: "A" }, seq: 1e6, state: "over" }`,
				js(w.question))
			v.run(fmt.Sprintf(
				`localStorage.setItem("plenary.votes.%s", JSON.stringify({ "%s": %s }))`, left.ID,
				left.polls[0].PollID, vote))
			asVoter(left, "#before")(v)
		}, true},
		{"audience-offline", phone,
			then(asVoter(choice, "#poll"), run(lost), `#connection[data-state="offline"]`), true},
		{"audience-forgets", phone,
			then(asVoter(choice, "#poll"), run(`document.querySelector("#forgets").hidden = false`),
				"#forgets"), true},
		{"audience-unknown", phone, there("/join/ZZZZZZ", "#unknown"), false},
		{"audience-gone", phone, there("/p/"+nowhere, "#unknown"), false},
		{"results", desktop, there("/results/"+choice.ID, "#polls .poll"), true},
		{"results-hidden", desktop, there("/results/"+foreign.ID, "#polls .poll"), true},
		{"results-empty", desktop, there("/results/"+lobby.ID, "#actions"), true},
		{"results-gone", desktop,
			with(there("/results/"+nowhere, "#title"), "#summary:not(:empty)"), false},
		{"missing", desktop, there("/nothing/is/here", "h1"), false},
		{"docs", desktop, there("/docs", ".opblock"), false},
	}
	const widest = "WWWWWWWWWWWW" // passcode
	text := freeText(t, w)
	passes, full, locked := shown("choice"), shown("choice"), create(t, w.title, poll("choice"))
	for _, r := range []*room{passes, locked} {
		r.admit(map[string]any{"voters": "pass", "passcode": widest, "max_voters": 30_000})
	}
	full.admit(map[string]any{"voters": "pass", "max_voters": 1})
	full.pass("")
	rooms = append(rooms, text, passes, full, locked)
	// one address has just taken many passes
	crowded := func(r *room, show func(*visitor)) func(*visitor) {
		return with(func(v *visitor) {
			for range 12 {
				r.pass(widest)
			}
			show(v)
		}, "#one-address")
	}
	wrong := func(v *visitor) {
		v.run(`document.querySelector("#passcode").value = "WRONG"`)
		click("#enter")(v)
	}
	show := func(i int, next func(*visitor)) func(*visitor) {
		return func(v *visitor) {
			text.show(i)
			next(v)
		}
	}
	all = append(all,
		scene{"edit-passes", desktop, edit(passes), true},
		scene{"edit-passes-wrong", desktop, then(anew, func(v *visitor) {
			v.run(`document.querySelector("#polls [data-field=question]").value = "?"; ` +
				`document.querySelector("#max-voters").value = "1.5"`)
			click(`#polls [value="rating"]`, "#save")(v)
		}, "#max-voters-wrong"), false},
		scene{"stage-passes", desktop, crowded(passes, onStage(passes)), true},
		scene{"stage-passes-lobby", desktop, crowded(locked, onStage(locked)), true},
		scene{"audience-passcode-waiting", phone, asVoter(locked, "#entry"), true},
		scene{"remote-passes", phone, crowded(passes, remote(passes, "#question")), true},
		scene{"audience-passcode", phone, asVoter(passes, "#entry"), true},
		scene{"audience-passcode-wrong", phone,
			then(asVoter(passes, "#entry"), wrong, "#entry-note.wrong"), true},
		scene{"audience-full", phone, asVoter(full, "#again"), true},
		scene{"audience-superseded", phone, func(v *visitor) {
			vote := `{ question: "?", version: 1, answer: { key: "A" }, seq: 1e6, state: ` +
				`"superseded" }`
			v.run(fmt.Sprintf(
				`localStorage.setItem("plenary.votes.%s", JSON.stringify({ "%s": %s }))`, full.ID,
				full.polls[0].PollID, vote))
			asVoter(full, `#vote[data-state="superseded"]`)(v)
		}, true},
		scene{"results-list", desktop,
			then(there("/results/"+text.ID, "#polls .more"), func(v *visitor) {
				v.run(`for (const button of document.querySelectorAll("#polls .more")) ` +
					`button.click()`)
			}, "#polls .poll .answers > li"), true},
		scene{"stage-words", desktop, show(0, onStage(text)), true},
		scene{"audience-words", phone, show(0, asVoter(text, "#poll")), true},
		scene{"stage-text", desktop, show(1, onStage(text)), true},
		scene{"audience-text", phone, show(1, asVoter(text, "#poll")), true},
		scene{"audience-text-closed", phone, func(v *visitor) {
			text.show(1)
			text.close()
			asVoter(text, `#vote[data-state="closed"]`)(v)
		}, true},
		scene{"stage-answers", desktop,
			show(1, then(onStage(text), click("#answers"), ".answers-list li")), true},
		scene{"remote-answers", phone, show(0, then(remote(text, "#chart .word"),
			click("#answers", ".answers-list li:not(.is-hidden) button"), "#notice button")), true})
	ofTalks, over, talks := talkScenes(t, w)
	all, rooms = append(all, ofTalks...), append(rooms, over)
	all = append(all, accountScenes(t, w)...)
	all = append(all, feedScenes(t, w)...)
	return all, func(v *visitor) {
		v.owns(talks...)
		v.expect("ZZZZZZ", "/nothing/is/here", nowhere) // they are answered 404
		v.expect(foreign.ID, "422")
		v.expect(passes.ID+"/voters", full.ID+"/voters") // a wrong passcode, no pass left
		v.expect("/auth/")                               // a wrong password, and no mail
		v.presents(rooms...)
	}
}

// noPresentation writes a file that holds no presentation.
func noPresentation(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "picture.json")
	require.NoError(t, os.WriteFile(path, []byte("GIF89a"), 0o600))
	return path
}

// close ends the vote for the displayed poll without moving on.
func (r *room) close() {
	r.t.Helper()
	r.ask(http.MethodPut, r.path("/polls/current"), map[string]string{"move": "close"}, nil)
}

// freeText makes a presentation of the kinds that are answered in words, with votes.
func freeText(t *testing.T, w words) *room {
	t.Helper()
	r := create(t, w.title, newPoll{question: w.question, kind: "word_cloud", most: 3},
		newPoll{question: w.question, kind: "open_text"})
	for i := range 2 {
		r.show(i)
		for n, text := range w.options {
			for range 1 + n%3 {
				if i == 0 {
					r.vote(i, map[string]any{"texts": []string{short(text, 50)}})
				} else {
					r.vote(i, map[string]any{"text": short(text, 500)})
				}
			}
		}
	}
	return r
}

func short(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most])
	}
	return text
}
