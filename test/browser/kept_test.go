package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	blocked = `Object.defineProperty(window, "localStorage", { get() { throw new ` +
		`DOMException("blocked", "SecurityError"); } });`
	// forgetful is a browser that keeps nothing anywhere.
	forgetful = blocked + `history.replaceState = () => { throw new DOMException("not here", ` +
		`"SecurityError"); };`
	begun = `(localStorage["plenary.drafts"] ?? "")`
)

// TestWhatIsTypedAndNotSentIsThereAfterAReload begins answers of each kind and loads the page anew
// before they are sent. They are kept until they are sent, and no longer than the question is
// asked.
func TestWhatIsTypedAndNotSentIsThereAfterAReload(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "Why?", kind: "open_text"},
		newPoll{question: "Two words?", kind: "word_cloud", most: 2},
		newPoll{question: "Which?", kind: "multiple", options: plain.options, most: 3},
		newPoll{question: "And?", kind: "open_text"})
	v := visit(t, "voter", phone)
	const text = "half a thought,\n  indented, and\n\nmore"
	r.show(0)
	v.open("/p/" + r.ID)
	v.shows("#question", "Why?")
	v.fill("#ballot textarea", text)
	v.reload()
	v.until(`document.querySelector("#ballot textarea").value === %s`, js(text))
	require.Equal(t, "", v.text("#vote"), "it is not sent")
	v.click("#ballot [type=submit]")
	v.counted()
	require.NotContains(t, value[string](v, begun), "half")
	v.fill("#ballot textarea", "another mind")
	v.reload()
	v.until(`document.querySelector("#ballot textarea").value === "another mind"`)
	v.fill("#ballot textarea", text) // as it was sent
	require.NotContains(t, value[string](v, begun), "half")
	v.fill("#ballot textarea", "another mind")

	r.show(1) // that was not sent in time
	v.shows("#question", "Two words?")
	require.NotContains(t, value[string](v, begun), "mind")
	v.fill("#ballot input:nth-of-type(2)", "Half ")
	v.reload()
	v.until(`[...document.querySelectorAll("#ballot input")].map((e) => e.value).join("|") === ` +
		`"|Half "`)
	v.run(fmt.Sprintf(
		`localStorage["plenary.drafts"] = JSON.stringify([{ presentation: %s, poll: %s, answer: `+
			`{ keys: 1, texts: [2] } }])`,
		js(r.ID), js(r.polls[1].PollID)))
	v.reload() // whatever is kept there
	v.until(`document.querySelector("#ballot input").value === "2"`)

	r.show(2)
	v.shows("#question", "Which?")
	for _, n := range []int{2, 4} {
		v.click(fmt.Sprintf("#ballot label:nth-of-type(%d)", n))
	}
	v.reload()
	ticked := `[...document.querySelectorAll("#ballot input")].map((e) => ` +
		`Number(e.checked)).join("")`
	v.until(`%s === "0101"`, ticked)
	v.click("#ballot [type=submit]")
	v.counted()
	v.click("#ballot label:nth-of-type(2)")
	v.reload()
	v.until(`%s === "0001"`, ticked)

	r.move("close")
	r.final(2)
	v.until(`!%s.includes("keys")`, begun)
	r.show(3)
	v.shows("#question", "And?")
	v.fill("#ballot textarea", "before the reset")
	r.show(0)
	r.final(3)
	v.shows("#question", "Why?")
	v.until(`!%s.includes("reset")`, begun)
	require.Zero(t, r.results(3).Total)
}

// TestOnlyAFewDraftsAreKept begins an answer in more presentations than a browser keeps drafts of.
func TestOnlyAFewDraftsAreKept(t *testing.T) {
	v := visit(t, "voter", phone)
	var rooms []*room
	for i := range 7 {
		r := create(t, plain.title, newPoll{question: "Why?", kind: "open_text"})
		r.show(0)
		rooms = append(rooms, r)
		v.open("/p/" + r.ID)
		v.shows("#question", "Why?")
		v.fill("#ballot textarea", strings.Repeat(fmt.Sprint(i), 3000))
	}
	kept := value[[]string](v,
		`JSON.parse(localStorage["plenary.drafts"]).map(({ presentation }) => presentation)`)
	require.Len(t, kept, 5)
	require.Equal(t, rooms[6].ID, kept[0])
	require.Less(t, value[int](v, begun+`.length`), 12_000, "nobody fills the disk")
	v.open("/p/" + rooms[0].ID)
	v.shows("#question", "Why?")
	require.Empty(t, value[string](v, `document.querySelector("#ballot textarea").value`))
}

// TestWhereStorageIsBlockedAReloadMakesNoSecondVoter votes, loads the page anew, goes on to another
// page and comes back, in a browser that keeps nothing but its history.
func TestWhereStorageIsBlockedAReloadMakesNoSecondVoter(t *testing.T) {
	anyone := create(t, plain.title,
		newPoll{question: "One", kind: "choice", options: plain.options},
		newPoll{question: "Two", kind: "open_text"})
	for name, r := range map[string]*room{"an id of the browser's": anyone,
		"a pass": passRoom(t, nil)} {
		r.show(0)
		v := visit(t, name, phone)
		v.prepares(blocked)
		v.open("/join/" + r.JoinCode)
		v.shows("#question", "One")
		require.False(t, value[bool](v, `document.querySelector("#forgets").checkVisibility()`))
		v.choose(1)
		v.counted()
		for n := 2; n <= 3; n++ {
			v.reload()
			v.counted()
			v.until(`document.querySelector("#ballot .option:nth-child(%d)").ariaPressed === "true"`, n-1)
			v.choose(n)
			v.counted()
		}
		v.open("/results/" + r.ID)
		v.sees("#polls .poll")
		v.leaves(`history.back()`)
		v.counted()
		v.choose(4)
		v.counted()
		v.bars(0, 0, 0, 1)
		require.Equal(t, 1, r.results(0).Total, name)
		r.show(1)
		v.shows("#question", "Two")
		v.fill("#ballot textarea", "half a thought")
		v.until(`JSON.stringify(history.state).includes("half a thought")`)
		v.reload()
		v.until(`document.querySelector("#ballot textarea").value === "half a thought"`)
	}
}

// TestABrowserThatKeepsNothingSaysSo votes where neither a storage nor the history holds anything.
func TestABrowserThatKeepsNothingSaysSo(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "choice", options: plain.options})
	r.show(0)
	v := visit(t, "voter", phone)
	v.prepares(forgetful)
	v.open("/p/" + r.ID)
	v.shows("#forgets", "This browser keeps nothing. Whoever loads this page anew becomes "+
		"another voter.")
	v.choose(1)
	v.counted()
	v.choose(2)
	v.counted()
	v.bars(0, 1, 0, 0)
	require.Equal(t, 1, r.results(0).Total)
}

// TestAMendedTypoTakesNothingFromVoters mends the texts of a question while somebody answers it, on
// a phone that reads them now and then.
func TestAMendedTypoTakesNothingFromVoters(t *testing.T) {
	r := create(t, plain.title,
		newPoll{question: "Whoch?", kind: "multiple",
			options: []string{"Trians", "Bikes", "Buses"}, most: 2},
		newPoll{question: "Wy?", kind: "open_text"})
	v := visit(t, "voter", phone)
	v.prepares(`const real = window.fetch;
		window.fetch = async (url, options) => {
			const answer = await real(url, options);
			if (!url.endsWith("/polls/current") || !window.mended) return answer;
			const text = (await answer.text()).replace("Whoch", "Which").replace("Trians", "Trains").replace("Wy", "Why");
			return new Response(text, { status: answer.status, headers: answer.headers });
		};`)
	v.expect("net::ERR_")
	v.block("/*/events")
	r.show(0)
	v.open("/p/" + r.ID)
	v.shows("#question", "Whoch?")
	v.click("#ballot label:nth-of-type(1)")
	v.click("#ballot [type=submit]")
	v.counted()
	v.click("#ballot label:nth-of-type(2)")
	v.run(`window.mended = true`)
	v.shows("#question", "Which?")
	v.shows("#ballot label:nth-of-type(1)", "Trains")
	v.until(`[...document.querySelectorAll("#ballot input")].map((e) => ` +
		`Number(e.checked)).join("") === "110"`)
	v.counted()
	v.shows("#voters", "1 voter")
	v.click("#ballot [type=submit]")
	v.until(`document.querySelector("#ballot [type=submit]").ariaDisabled === "true"`)
	v.counted()
	require.Equal(t, 1, r.results(0).Total)

	v.run(`window.mended = false`)
	r.show(1)
	v.shows("#question", "Wy?")
	v.fill("#ballot textarea", "half")
	v.run(`window.mended = true`)
	v.shows("#question", "Why?")
	v.until(`document.activeElement.matches("#ballot textarea")`)
	v.types(" a thought")
	require.Equal(t, "half a thought",
		value[string](v, `document.querySelector("#ballot textarea").value`))
}
