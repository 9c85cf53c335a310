package browser

import (
	"net/http"
	"strings"
	"testing"
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
		options: []string{"A train every ten minutes", "Safe cycle lanes", "Cheaper tickets", "Nothing would"},
	}
	// hostile is what somebody writes who wants to break a page, or just writes that way.
	hostile = words{
		title:    `<title>"'&amp; ` + "\u05e9\u05dc\u05d5\u05dd" + ` <b>🏳️‍🌈`,
		question: `<script>alert(1)</script>"><img src=x onerror="window.hacked=1"> ' \" {{.}} ${1} ` + strings.Repeat("Donaudampfschiffahrt", 44),
		options: []string{
			`<script>alert(1)</script>`, `"><svg onload="window.hacked=1">`, "\u05d0\u05d9\u05df \u05d1\u05e2\u05d9\u05d4 \u202eabc", "👩‍👩‍👧‍👦 &lt;&quot;",
			strings.Repeat("W", 1000),
		},
	}
)

// scenes makes presentations with these words and gives every page in every state that differs to look at.
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
	lobby := create(t, w.title, poll("choice"), poll("rating"))
	choice := create(t, w.title, poll("choice"), poll("rating"), poll("multiple"))
	choice.show(1)
	choice.votes(1, 0, 1, 1, 3, 2)
	choice.show(0)
	choice.votes(0, 5, 2, 3, 1)
	multiple := create(t, w.title, poll("multiple"))
	multiple.show(0)
	multiple.vote(0, map[string]any{"keys": []string{"A", "B"}})
	rating := create(t, w.title, poll("rating"))
	rating.show(0)
	rating.votes(0, 1, 0, 2, 3, 4)
	rooms := []*room{lobby, choice, multiple, rating}

	there := func(path, selector string) func(*visitor) {
		return func(v *visitor) {
			v.open(path)
			v.sees(selector)
		}
	}
	onStage := func(r *room) func(*visitor) {
		return func(v *visitor) {
			v.open("/stage/" + r.ID)
			v.until(`document.querySelector("#code").textContent.length >= 6 && !document.querySelector("#qr").hidden`)
			v.until(`document.querySelector("#away").hidden`)
		}
	}
	dialog := func(button string) func(*visitor) {
		return func(v *visitor) {
			onStage(choice)(v)
			v.click(button)
			v.sees("dialog[open] h2")
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
	all = []scene{
		{"landing", desktop, there("/", "#mine li"), true},
		{"edit-new", desktop, there("/edit/new", "#polls .poll"), false},
		{"edit", desktop, there("/edit/"+lobby.ID, "#polls .poll"), true},
		{"edit-shown", desktop, there("/edit/"+choice.ID, "#polls .poll"), true},
		{"stage-lobby", desktop, onStage(lobby), true},
		{"stage-choice", desktop, onStage(choice), true},
		{"stage-multiple", desktop, onStage(multiple), true},
		{"stage-rating", desktop, onStage(rating), true},
		{"stage-questions", desktop, dialog("#overview"), true},
		{"stage-remote", desktop, dialog("#remote"), false},
		{"stage-keys", desktop, dialog("#keys"), false},
		{"remote", phone, there("/remote/"+choice.ID, "#question"), true},
		{"remote-questions", phone, func(v *visitor) {
			there("/remote/"+choice.ID, "#question")(v)
			v.listQuestions()
			v.sees("#questions .here")
		}, true},
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
		{"audience-unknown", phone, there("/join/ZZZZZZ", "#unknown"), false},
		{"results", desktop, there("/results/"+choice.ID, "#polls .poll"), true},
		{"missing", desktop, there("/nothing/is/here", "h1"), false},
		{"docs", desktop, there("/docs", ".opblock"), false},
	}
	if text, took := freeText(t, w); took {
		rooms = append(rooms, text)
		show := func(i int, next func(*visitor)) func(*visitor) {
			return func(v *visitor) {
				text.show(i)
				next(v)
			}
		}
		all = append(all,
			scene{"stage-words", desktop, show(0, onStage(text)), true},
			scene{"audience-words", phone, show(0, asVoter(text, "#poll")), true},
			scene{"stage-text", desktop, show(1, onStage(text)), true},
			scene{"audience-text", phone, show(1, asVoter(text, "#poll")), true})
	}
	return all, func(v *visitor) {
		v.expect("ZZZZZZ", "/nothing/is/here") // both are answered 404
		v.presents(rooms...)
	}
}

// close ends the vote for the displayed poll without moving on.
func (r *room) close() {
	r.t.Helper()
	r.ask(http.MethodPut, r.path("/polls/current"), map[string]string{"move": "close"}, nil)
}

// freeText makes a presentation of the kinds that are answered in words, and gives whether the API takes them.
func freeText(t *testing.T, w words) (*room, bool) {
	t.Helper()
	r := &room{t: t, base: site(t).URL + "/api/v1"}
	status, _ := r.send(http.MethodPost, "/presentations", map[string]any{"polls": []any{map[string]any{"question": "?", "kind": "word_cloud"}}})
	if status != http.StatusCreated {
		t.Logf("word clouds and open texts are left out: the API answers %d to them", status)
		return nil, false
	}
	r = create(t, w.title, newPoll{question: w.question, kind: "word_cloud", most: 3}, newPoll{question: w.question, kind: "open_text"})
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
	return r, true
}

func short(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most])
	}
	return text
}
