package browser

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

const (
	listed = `[...document.querySelectorAll(".answers-list li .said")].map((e) => e.textContent)`
	onWall = `[...document.querySelectorAll("#chart :is(.word, .answer)")].map((e) => ` +
		`e.firstChild.textContent)`
	somebody = "a rude word"
)

// inSight says whether a control can be pressed where it stands.
const inSight = `((e) => {
	const { left, top, width, height } = e.getBoundingClientRect();
	return e.contains(document.elementFromPoint(left + width / 2, top + height / 2));
})(document.querySelector(%s))`

// opensAnswers opens the list of answers when the page says who is connected. That comes late, and
// moves the button away from where a click would go.
func (v *visitor) opensAnswers() {
	v.t.Helper()
	v.sees("#connected-part")
	v.click("#answers")
}

// TestALongListOfAnswersIsClosedWithoutScrolling: a phone has no Escape. What the focus comes to is
// not behind the button.
func TestALongListOfAnswersIsClosedWithoutScrolling(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "Why?", kind: "open_text"})
	r.show(0)
	for i := range 40 {
		r.vote(0, map[string]any{"text": fmt.Sprintf("because of %d", i)})
	}
	for page, s := range map[string]screen{"stage": desktop, "remote": narrow} {
		v := visit(t, page, s).presents(r)
		v.open("/" + page + "/" + r.ID)
		v.opensAnswers()
		v.until(listed + `.length === 40`)
		v.until(inSight, js(".answers .dialog-end button"))
		for i := 1; i <= 12; i++ {
			row := fmt.Sprintf(".answers-list li:nth-child(%d) button", i)
			v.tabTo(row)
			v.until(inSight, js(row))
		}
		v.shoot("answers-" + page)
		v.click(".answers .dialog-end button")
		v.until(`!document.querySelector("dialog")`)
	}
}

// TestAnAnswerIsHiddenFromTheRemoteAndBroughtBack takes a text off the wall with the remote's
// token. The stage and a phone show it no more, nobody's vote is lost, and Undo brings it back.
func TestAnAnswerIsHiddenFromTheRemoteAndBroughtBack(t *testing.T) {
	for _, kind := range []string{"open_text", "word_cloud"} {
		t.Run(kind, func(t *testing.T) {
			r := create(t, plain.title, newPoll{question: "Why?", kind: kind, most: 1})
			r.show(0)
			for _, text := range []string{"because", somebody, somebody, "שלום!", "<b>bold</b>"} {
				r.vote(0, map[string]any{"text": text})
			}
			stage, remote, voter := visit(t, "presenter", desktop).presents(r),
				visit(t, "remote", phone), visit(t, "voter", phone)
			stage.open("/stage/" + r.ID)
			remote.open("/remote/" + r.ID + "#token=" + r.remoteToken())
			voter.open("/p/" + r.ID)
			everyone := []*visitor{stage, remote, voter}
			for _, v := range everyone {
				v.until(onWall+`.includes(%s)`, js(somebody))
			}
			row := `[...document.querySelectorAll(".answers-list li")].find((e) => ` +
				`e.querySelector(".said").textContent === ` + js(somebody) + `)`
			remote.opensAnswers()
			remote.until(listed + `.length === 4`)
			remote.until("%s", row+`.textContent.includes("× 2")`)
			remote.run(`(` + row + `).querySelector("button").id = "rude"`)
			remote.click("#rude")
			for _, v := range everyone {
				v.until(`!`+onWall+`.includes(%s) && `+onWall+`.length === 3`, js(somebody))
			}
			voter.shows("#voters", "5 voters")
			stage.shows("#voters", "5")
			remote.until(
				"%s", row+`.classList.contains("is-hidden") && `+
					`document.querySelector("#rude").textContent === "Show again"`)

			remote.click("dialog[open] #notice button")
			for _, v := range everyone {
				v.until(onWall+`.includes(%s)`, js(somebody))
			}
			remote.until("%s", `!`+row+
				`.classList.contains("is-hidden") && document.querySelector("#rude").textContent `+
				`=== "Hide"`)

			// Hidden again, it is marked for whoever opens the list, and its button shows it.
			remote.click("#rude")
			voter.until(`!`+onWall+`.includes(%s)`, js(somebody))
			remote.reload()
			remote.until(onWall + `.length === 3`)
			remote.opensAnswers()
			remote.until("%s", row+`?.classList.contains("is-hidden")`)
			remote.run(`(` + row + `).querySelector("button").id = "rude"`)
			remote.click("#rude")
			voter.until(onWall+`.includes(%s)`, js(somebody))

			// What people wrote keeps its own direction, also within the buttons' names.
			require.True(t, value[bool](remote,
				`[...document.querySelectorAll(".answers-list .said")].every((e) =>
				e.dir === "auto" &&
				(getComputedStyle(e).direction === "rtl") === e.textContent.startsWith("ש"))`))
			require.Empty(t, value[[]string](remote,
				`[...document.querySelectorAll(".answers-list b")].map((e) => e.textContent)`))
		})
	}
}

// TestAnAnswerOnTheWallIsHiddenByAClick clicks a word on the stage, thinks better of it, and hides
// it then, with the mouse and from the keyboard.
func TestAnAnswerOnTheWallIsHiddenByAClick(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One word?", kind: "word_cloud"},
		newPoll{question: "Which?", kind: "choice", options: plain.options})
	r.show(0)
	for _, text := range []string{"trains", somebody} {
		r.vote(0, map[string]any{"text": text})
	}
	stage, voter := visit(t, "presenter", desktop).presents(r), visit(t, "voter", phone)
	stage.open("/stage/" + r.ID)
	voter.open("/p/" + r.ID)
	rude := func() {
		t.Helper()
		stage.until(onWall+`.includes(%s)`, js(somebody))
		stage.until(`document.getAnimations().length === 0`) // a word that moves is missed
		stage.run(`[...document.querySelectorAll("#chart .word > :first-child")].forEach((e) => ` +
			`{ e.id = e.textContent === ` + js(somebody) + ` ? "rude" : ""; })`)
		stage.click("#rude")
		stage.shows("dialog[open] #ask-text", somebody)
	}
	gone := func() {
		t.Helper()
		for _, v := range []*visitor{stage, voter} {
			v.until(onWall + `.join() === "trains"`)
		}
	}
	rude()
	stage.press(kb.Enter) // the button that is there first does nothing
	stage.until(`!document.querySelector("dialog")`)
	rude()
	stage.click("dialog[open] .danger")
	gone()
	stage.until(
		`document.querySelector("#notice").textContent.startsWith("The room does not see this ` +
			`answer any more.")`)
	stage.click("#notice button")
	for _, v := range []*visitor{stage, voter} {
		v.until(onWall + `.length === 2`)
	}
	stage.focused("body")

	// With keys alone.
	stage.press("a")
	stage.until(listed + `.length === 2`)
	stage.tabTo(`dialog [aria-label="Hide “` + somebody + `”"]`)
	stage.press(" ")
	gone()
	stage.until(`document.activeElement.textContent === "Show again"`)
	stage.press(" ")
	voter.until(onWall + `.length === 2`)
	stage.press(kb.Escape)
	stage.moves(kb.PageDown, "Which?")
	require.False(t, value[bool](stage, `document.querySelector("#answers").checkVisibility()`),
		"nobody writes anything there")
	stage.press("a")
	stage.until(
		`document.querySelector("#notice").textContent.startsWith("Nobody writes anything")`)

	// Of a question that has left, from the list of questions.
	stage.press("o")
	stage.click(`dialog [aria-label="Answers to “One word?”"]`)
	stage.until(listed + `.length === 2`)
}

// TestTheRoomHidesNothing clicks and presses on a phone and on a stage without its key.
func TestTheRoomHidesNothing(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "Why?", kind: "open_text"})
	r.show(0)
	r.vote(0, map[string]any{"text": somebody})
	voter := visit(t, "voter", phone)
	voter.open("/p/" + r.ID)
	voter.click("#chart .answer")
	require.False(t, value[bool](voter, `Boolean(document.querySelector("dialog"))`))
	status, _ := (&room{t: t, base: r.base}).
		send(http.MethodPatch, r.path("/polls/"+r.polls[0].PollID+"/answers"),
			map[string]any{"text": somebody, "hidden": true})
	require.Equal(t, http.StatusUnauthorized, status)
}

// TestAllAnswersCanBePagedThrough reads 150 of them on the remote, a hundred at a time; those that
// come meanwhile are announced.
func TestAllAnswersCanBePagedThrough(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "Why?", kind: "open_text"})
	r.show(0)
	var all []string
	for i := range 150 {
		all = append(all, fmt.Sprintf("Ответ %03d", i))
		r.vote(0, map[string]any{"text": all[i]})
	}
	r.vote(0, map[string]any{"text": all[7]})
	remote := visit(t, "remote", narrow).presents(r)
	remote.open("/remote/" + r.ID)
	remote.shows("#voters", "151")
	remote.opensAnswers()
	remote.until(listed+`.length === 100 && `+listed+`[0] === %s && `+listed+`[99] === %s`,
		js(all[149]), js(all[50]))
	require.LessOrEqual(t, value[int](remote, `document.documentElement.scrollWidth`), 320)
	remote.until(`document.querySelector("#answers-fresh").hidden`)
	r.vote(0, map[string]any{"text": "the newest"})
	remote.sees("#answers-fresh")
	remote.click("#answers-more")
	remote.until(listed + `.length === 150 && document.querySelector("#answers-more").hidden`)
	require.Equal(t, strings.Join(all, "\n"), value[string](remote, listed+`.reverse().join("\n")`))
	remote.click("#answers-fresh")
	remote.until(listed + `.length === 100 && ` + listed +
		`[0] === "the newest" && document.querySelector("#answers-fresh").hidden`)
	remote.run(`(() => { const order = document.querySelector("#answers-order"); order.value = ` +
		`"most"; order.dispatchEvent(new Event("change")); })()`)
	remote.until(listed+`[0] === %s`, js(all[7]))
	remote.tabTo("#answers-more")
	remote.press(kb.Enter)
	remote.until(listed + `.length === 151`)
	// which is where one reads on
	remote.until(`document.activeElement.closest(".answers-list li:nth-child(101)")`)
}

// TestHiddenAnswersLeaveAWallThatWasFilled has more on the wall than an event carries: what is
// hidden is not kept from before.
func TestHiddenAnswersLeaveAWallThatWasFilled(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "Ideas?", kind: "open_text"})
	r.show(0)
	text := func(i int) string { return fmt.Sprintf("%03d", i) + strings.Repeat("\U0001F600", 400) }
	for i := range 40 {
		r.vote(0, map[string]any{"text": text(i)})
	}
	stage, voter := visit(t, "presenter", desktop).presents(r), visit(t, "voter", phone)
	stage.open("/stage/" + r.ID)
	voter.open("/p/" + r.ID)
	stage.until(onWall + `.length === 40`)
	voter.click("#more")
	voter.until(onWall + `.length === 40`)
	r.ask(http.MethodPatch, r.path("/polls/"+r.polls[0].PollID+"/answers"),
		map[string]any{"text": text(0), "hidden": true}, nil)
	for _, v := range []*visitor{stage, voter} {
		v.until(`!` + onWall + `.some((text) => text.startsWith("000"))`)
	}
	stage.until(onWall + `.length === 39`)
}

// remoteToken makes a token for a remote.
func (r *room) remoteToken() string {
	r.t.Helper()
	var made struct {
		Token string `json:"remote_token"`
	}
	r.ask(http.MethodPost, r.path("/remote"), nil, &made)
	return made.Token
}
