package browser

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// admit says who may vote in the room.
func (r *room) admit(settings map[string]any) {
	r.t.Helper()
	r.ask(http.MethodPatch, r.path(""), settings, nil)
}

// passRoom makes a room whose voters have passes, with one question on the slide.
func passRoom(t *testing.T, settings map[string]any) *room {
	t.Helper()
	r := create(t, plain.title, newPoll{question: "One", kind: "choice", options: plain.options},
		newPoll{question: "Two", kind: "open_text"})
	r.admit(map[string]any{"voters": "pass"})
	if len(settings) > 0 {
		r.admit(settings)
	}
	r.show(0)
	return r
}

// pass gets a pass for somebody without a browser.
func (r *room) pass(passcode string) string {
	r.t.Helper()
	var given struct{ Pass string }
	r.ask(http.MethodPost, r.path("/voters"), map[string]any{"passcode": passcode}, &given)
	return given.Pass
}

// prepares has a script run before those of each page that is opened from now on.
func (v *visitor) prepares(script string) {
	v.t.Helper()
	params := page.AddScriptToEvaluateOnNewDocumentParams{Source: script}
	v.ok(call(v, page.AddScriptToEvaluateOnNewDocument, params), "prepare pages")
}

// kept is what the browser keeps of its pass.
func (v *visitor) kept(r *room) string {
	return fmt.Sprintf(`JSON.parse(localStorage["plenary.pass.%s"])`, r.ID)
}

// notes has pages note what they send: window.sent holds [path, body, key] for each request with a
// body.
func (v *visitor) notes() {
	v.t.Helper()
	v.prepares(`window.sent = []; const real = window.fetch;
		window.fetch = (url, options) => {
			if (options?.body) window.sent.push([url, JSON.parse(options.body), options.headers["Idempotency-Key"]]);
			return real(url, options);
		};`)
}

// sent gives an expression for what a page has sent to paths that end so.
func sent(end string) string {
	return fmt.Sprintf(`window.sent.filter(([url]) => url.endsWith(%s))`, js(end))
}

// TestAVoterWithAPassIsOneVoterWhateverHappensToTheirPage votes, loses the answer with the pass,
// loads the page anew, and changes their mind. They are one voter, who has asked for passes by one
// key. Nobody has seen any of it.
func TestAVoterWithAPassIsOneVoterWhateverHappensToTheirPage(t *testing.T) {
	r := passRoom(t, nil)
	v := visit(t, "voter", phone)
	v.expect("net::ERR_")
	v.notes()
	v.holdAt("*/voters", fetch.RequestStageResponse)
	v.open("/join/" + r.JoinCode)
	v.shows("#question", "One")
	v.choose(1)
	lost := v.caught()
	key := value[string](v, v.kept(r)+".key")
	require.Equal(t, key, value[string](v, sent("/voters")+"[0][2]"),
		"it is kept before it is used")
	v.ok(call(v, fetch.FailRequest,
		fetch.FailRequestParams{RequestID: lost, ErrorReason: network.ErrorReasonConnectionReset}),
		"lose the answer")
	v.ok(call(v, fetch.Disable, cdp.Empty{}), "hold nothing any more")
	v.counted()
	require.False(t, value[bool](v, `document.querySelector("#entry").checkVisibility()`))
	require.Equal(t, []string{key, key},
		value[[]string](v, sent("/voters")+`.map(([, , key]) => key)`))
	vote := value[map[string]any](v, sent("/votes")+"[0][1]")
	require.Equal(t, value[string](v, v.kept(r)+".pass"), vote["pass"])
	require.NotContains(t, vote, "client_id")

	v.reload()
	v.counted()
	v.choose(2)
	v.counted()
	v.bars(0, 1, 0, 0)
	require.Empty(t, value[[]any](v, sent("/voters")), "what is kept is not asked for again")
	require.Equal(t, 1, r.results(0).Total)

	// A pass that is gone, or that the server does not take any more, is found again by its key.
	// The voter stays who they are.
	for i, lose := range []func(){
		func() {
			v.run(fmt.Sprintf(`localStorage["plenary.pass.%s"] = JSON.stringify({ key: %s })`,
				r.ID, js(key)))
		},
		func() {
			v.expect("401")
			v.run(fmt.Sprintf(
				`localStorage["plenary.pass.%s"] = JSON.stringify({ ...%s, pass: "x".repeat(48) })`,
				r.ID, v.kept(r)))
		},
	} {
		lose()
		v.reload()
		v.shows("#question", "One")
		v.choose(3 + i)
		v.counted()
	}
	v.bars(0, 0, 0, 1)
	require.Equal(t, 1, r.results(0).Total)
}

// TestAPassIsRenewedBeforeItsTimeIsOver comes back when more than half of a pass's life is over,
// and again a little later.
func TestAPassIsRenewedBeforeItsTimeIsOver(t *testing.T) {
	r := passRoom(t, nil)
	v := visit(t, "voter", phone)
	v.notes()
	v.open("/p/" + r.ID)
	v.choose(1)
	v.counted()
	const days = "24 * 3600e3"
	v.run(fmt.Sprintf(
		`localStorage["plenary.pass.%s"] = JSON.stringify({ ...%s, got: Date.now() - 16 * %s, `+
			`expires: Date.now() + 14 * %s })`,
		r.ID, v.kept(r), days, days))
	old := value[string](v, v.kept(r)+".pass")
	v.reload()
	v.until(`%s.got > Date.now() - %s`, v.kept(r), days)
	require.Equal(t, old, value[string](v, sent("/voters")+"[0][1].pass"))
	v.counted()
	v.choose(2)
	v.counted()
	v.reload()
	v.counted()
	require.Empty(t, value[[]any](v, sent("/voters")))
	require.Equal(t, 1, r.results(0).Total)
}

// TestNothingIsLostWhileAPassIsUnderWay taps, writes and loads the page anew before the server has
// given a pass.
func TestNothingIsLostWhileAPassIsUnderWay(t *testing.T) {
	r := passRoom(t, nil)
	v := visit(t, "voter", phone)
	v.expect("net::ERR_", "503", "429")
	v.hold("*/voters")
	v.open("/p/" + r.ID)
	v.shows("#question", "One")
	v.choose(1)
	v.shows("#vote", "Sending your answer…")
	v.caught()
	v.choose(2) // a change of mind
	v.reload()
	id := v.caught()
	refused := func(status int64) {
		v.ok(call(v, fetch.FulfillRequest, fetch.FulfillRequestParams{
			RequestID: id, ResponseCode: status, Body: []byte(`{"code":"busy"}`),
			ResponseHeaders: []*fetch.HeaderEntry{{Name: "Content-Type",
				Value: "application/problem+json"}, {Name: "Retry-After", Value: "1"}},
		}), "refuse a pass")
	}
	for _, status := range []int64{503, 429} {
		refused(status)
		v.until(`document.querySelector("#vote").dataset.state === "retrying"`)
		v.shows("#vote", "Your answer could not be sent yet. Trying again…")
		id = v.caught()
	}
	v.ok(call(v, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: id}),
		"let a request go")
	v.ok(call(v, fetch.Disable, cdp.Empty{}), "hold nothing any more")
	v.counted()
	v.bars(0, 1, 0, 0)
	r.show(1)
	v.fill("#ballot textarea", "As it was typed")
	v.click("#ballot [type=submit]")
	v.counted()
}

// TestWhoMayVoteChangesInTheMiddle changes the setting behind the back of two phones, there and
// back again. Nobody is asked anything, and nobody counts twice: an answer that stands under one id
// is not sent again under another.
func TestWhoMayVoteChangesInTheMiddle(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "choice", options: plain.options},
		newPoll{question: "Two", kind: "choice", options: plain.options})
	r.show(0)
	voted, waits := visit(t, "has voted", phone), visit(t, "has not", phone)
	for _, v := range []*visitor{voted, waits} {
		v.expect("401", "409")
		v.notes()
		v.open("/p/" + r.ID)
		v.shows("#question", "One")
	}
	voted.choose(1)
	voted.counted()
	require.Contains(t, value[map[string]any](voted, sent("/votes")+"[0][1]"), "client_id")

	r.admit(map[string]any{"voters": "pass"})
	waits.choose(2)
	waits.counted()
	voted.choose(3)
	voted.shows(
		"#vote", "The presenter has changed how people vote. The answer that you gave before "+
			"counts, and can no longer be changed.")
	voted.until(`document.querySelector("#ballot .option:nth-child(1)").ariaPressed === "true"`)
	voted.bars(1, 1, 0, 0)
	r.show(1)
	for i, v := range []*visitor{voted, waits} {
		v.shows("#question", "Two")
		v.choose(1 + i)
		v.counted()
		require.Contains(t, value[map[string]any](v, sent("/votes")+".at(-1)[1]"), "pass")
	}
	voted.bars(1, 1, 0, 0)

	r.admit(map[string]any{"voters": "anyone"})
	waits.choose(4)
	waits.counted()
	waits.bars(1, 0, 0, 1)
	r.show(0)
	voted.shows("#question", "One")
	voted.choose(4)
	voted.counted()
	voted.bars(0, 1, 0, 1)
	late := visit(t, "comes late", phone)
	late.open("/join/" + r.JoinCode)
	late.choose(4)
	late.counted()
	late.bars(0, 1, 0, 2)
	require.Equal(t, 3, r.results(0).Total)
}

// TestAPasscodeIsAskedForOnce joins a room with a passcode: with a wrong one, in a crowd, and with
// the right one.
func TestAPasscodeIsAskedForOnce(t *testing.T) {
	r := passRoom(t, map[string]any{"passcode": "garden 42"})
	v := visit(t, "voter", phone)
	v.expect("403", "429")
	elsewhere := v.tab("another tab", phone)
	elsewhere.open("/p/" + r.ID)
	elsewhere.sees("#entry")
	v.open("/join/" + r.JoinCode)
	v.sees("#entry")
	v.until(`document.activeElement.id === "passcode"`)
	require.Empty(t, v.log.all(), "nobody is asked for what is known to be refused")
	v.shows("#question", "One")
	v.choose(2)
	v.shows("#vote", "Your answer is kept here. It is sent as soon as you have given the passcode.")
	v.fill("#passcode", "gardens")
	v.press(kb.Enter)
	v.shows("#entry-note", "This is not the passcode on the screen. Please compare them and "+
		"try again.")
	v.until(`document.activeElement.matches("#passcode[aria-invalid=true]")`)
	v.reload()
	v.sees("#entry")
	v.shows("#vote", "Your answer is kept here. It is sent as soon as you have given the passcode.")

	v.hold("*/voters")
	v.fill("#passcode", "Garden-42")
	v.click("#enter")
	v.ok(call(v, fetch.FulfillRequest, fetch.FulfillRequestParams{
		RequestID: v.caught(), ResponseCode: 429, Body: []byte(`{"code":"busy"}`),
		ResponseHeaders: []*fetch.HeaderEntry{{Name: "Content-Type",
			Value: "application/problem+json"}, {Name: "Retry-After", Value: "600"}},
	}), "refuse a pass")
	v.until(`/^Too many people are trying from this network. Please wait: trying again in [\d,]+ ` +
		`seconds.$/.test(document.querySelector("#entry-note").textContent)`)
	v.ok(call(v, fetch.Disable, cdp.Empty{}), "hold nothing any more")
	v.reload() // what was typed is not typed again
	v.counted()
	v.bars(0, 1, 0, 0)
	for _, tab := range []*visitor{v, elsewhere} {
		tab.until(`!document.querySelector("#entry").checkVisibility()`)
	}
	require.NotContains(t, value[string](v,
		fmt.Sprintf(`localStorage["plenary.pass.%s"]`, r.ID)), "arden")
	v.reload()
	v.counted()

	// Another passcode keeps nobody out who is in, and whoever comes to know of it by a vote loses
	// nothing.
	other := visit(t, "other", phone)
	other.expect("401", "403")
	other.speaks("de")
	r.admit(map[string]any{"voters": "anyone"})
	other.open("/p/" + r.ID)
	other.shows("#question", "One")
	other.until(`document.querySelector("#connection").dataset.state === "open"`)
	r.admit(map[string]any{"voters": "pass", "passcode": "MEADOW"})
	v.choose(3)
	v.counted()
	other.choose(1)
	other.shows("#entry-title", "Das Kennwort, bitte")
	other.until(`document.activeElement.id === "passcode"`)
	other.types("meadow")
	other.press(kb.Enter)
	other.counted()
	other.until(`document.activeElement.id === "question"`)
	other.bars(1, 0, 1, 0)
}

// TestAFullRoomSaysSo comes to a room that has given all its passes, until the presenter makes
// room.
func TestAFullRoomSaysSo(t *testing.T) {
	r := passRoom(t, map[string]any{"max_voters": 1})
	first, second := visit(t, "first", phone), visit(t, "second", phone)
	first.open("/p/" + r.ID)
	first.choose(1)
	first.counted()
	second.expect("409")
	second.open("/p/" + r.ID)
	second.shows("#entry-title", "The room is full")
	second.choose(2)
	second.shows("#vote", "This answer was not taken: the room is full.")
	second.click("#again")
	// what was asked has its answer
	second.until(`!document.querySelector("#again").matches("[aria-disabled=true]")`)
	second.shows("#entry-title", "The room is full")
	second.bars(1, 0, 0, 0)
	require.False(t, value[bool](second, `document.querySelector("#entry-form").checkVisibility()`))
	r.admit(map[string]any{"max_voters": 2})
	second.until(`!document.querySelector("#entry").checkVisibility() ||
		!document.querySelector("#again").matches("[aria-disabled=true]") && document.querySelector("#again").click() === undefined`)
	second.until(`!document.querySelector("#entry").checkVisibility()`)
	second.choose(2)
	second.counted()
	first.bars(1, 1, 0, 0)
}

// TestWhereNothingMayBeKeptAPassLastsAsLongAsThePage votes in a browser that keeps nothing.
func TestWhereNothingMayBeKeptAPassLastsAsLongAsThePage(t *testing.T) {
	r := passRoom(t, nil)
	v := visit(t, "voter", phone)
	v.notes()
	v.prepares(`Object.defineProperty(window, "localStorage", { get() { throw new ` +
		`DOMException("blocked", "SecurityError"); } });`)
	v.open("/join/" + r.JoinCode)
	for n := 1; n <= 3; n++ {
		v.choose(n)
		v.counted()
	}
	v.bars(0, 0, 1, 0)
	require.Len(t, value[[]any](v, sent("/voters")), 1)
	require.Equal(t, 1, r.results(0).Total)
}

// TestAVoteThatAnotherOneSupersedesIsNotCalledCounted has the same voter's later vote arrive from
// elsewhere.
func TestAVoteThatAnotherOneSupersedesIsNotCalledCounted(t *testing.T) {
	r := passRoom(t, nil)
	v := visit(t, "voter", phone)
	v.open("/p/" + r.ID)
	v.choose(1)
	v.counted()
	status, raw := r.send(http.MethodPost, r.path("/polls/current/votes"), map[string]any{
		"poll_id": r.polls[0].PollID, "key": "D",
		"pass": value[string](v, v.kept(r)+".pass"), "seq": 1000,
	})
	require.Equal(t, http.StatusNoContent, status, "%s", raw)
	v.bars(0, 0, 0, 1)
	v.choose(2)
	v.shows("#vote", "Another answer of yours was sent later, perhaps from another tab. That one "+
		"counts, and not this one.")
	require.Equal(t, "superseded",
		value[string](v, `document.querySelector("#vote").dataset.state`))
	v.reload()
	v.shows("#question", "One")
	v.until(`document.querySelector("#vote").dataset.state === "superseded"`)
	r.show(1)
	v.shows("#before", "Your answer to “One”: Another answer of yours was sent later, perhaps "+
		"from another tab. That one counts, and not this one.")
	require.Equal(t, 1, r.results(0).Total)
}

// TestPresentersSeeWhoCame has the stage and the remote show:
//   - how many passes were given, of how many
//   - the passcode
//   - that one address took many
//
// Another device changes these.
func TestPresentersSeeWhoCame(t *testing.T) {
	r := passRoom(t, map[string]any{"passcode": "garden", "max_voters": 300})
	stage, remote := visit(t, "stage", desktop).presents(r), visit(t, "remote", phone).presents(r)
	stage.open("/stage/" + r.ID)
	remote.open("/remote/" + r.ID)
	both := []*visitor{stage, remote}
	for _, v := range both {
		v.shows("#passcode", "GARDEN")
		v.shows("#passes-part", "0 of 300 passes")
		require.False(t, value[bool](v, `document.querySelector("#one-address").checkVisibility()`))
	}
	for range 12 {
		r.pass("garden")
	}
	for _, v := range both {
		v.shows("#passes-part", "12 of 300 passes")
		v.shows("#one-address", "12 passes went to one address in the last minute. A hall behind "+
			"one address does that; elsewhere, one person "+
			"may be voting as many.")
	}
	stage.shoot("stage-passes")
	remote.shoot("remote-passes")
	edited := time.Now()
	r.admit(map[string]any{"passcode": "meadow", "max_voters": 0})
	for _, v := range both {
		v.shows("#passcode", "MEADOW")
		v.shows("#passes-part", "12 passes")
	}
	t.Logf("another passcode is there after %.1f s", time.Since(edited).Seconds())
	r.admit(map[string]any{"voters": "anyone"})
	for _, v := range both {
		v.until(`["passcode-part", "passes-part", "one-address"].every((id) => ` +
			`document.getElementById(id).hidden)`)
	}
}

// TestPresentersSetWhoMayVote makes a presentation, whose voters have passes unless one chooses
// otherwise, and changes that later.
func TestPresentersSetWhoMayVote(t *testing.T) {
	author := visit(t, "author", desktop)
	author.open("/edit/new")
	author.sees("#voters")
	require.True(t, value[bool](author, `document.querySelector("#voters [value=pass]").checked`))
	author.fill("#polls [data-field=question]", "One?")
	author.click(`#polls [value="rating"]`)
	author.fill("#max-voters", "250")
	author.fill("#passcode", "a b")
	author.expect("400")
	author.click("#save")
	author.shows("#passcode-wrong", "Between 4 and 12 letters and digits, or nothing.")
	author.until(`document.activeElement.id === "passcode"`)
	author.run(`dispatchEvent(new Event("pagehide"))`)
	author.reload()
	author.sees("#draft")
	require.Equal(t, "250", value[string](author, `document.querySelector("#max-voters").value`),
		"it is part of the draft")
	author.fill("#passcode", "gar-den")
	author.click("#save")
	author.until(`/^\/edit\/[0-9a-f-]{36}$/.test(location.pathname)`)
	author.shows("#state", "Everything is saved")
	r := value[room](author,
		`(({ id, token }) => ({ presentation_id: id, presenter_token: token `+
			`}))(JSON.parse(localStorage["plenary.presentations"])[0])`)
	r.t, r.base = t, site(t).URL+"/api/v1"
	type settings struct {
		Voters    string
		MaxVoters int `json:"max_voters"`
		Passcode  string
	}
	are := func(want settings) {
		t.Helper()
		author.shows("#state", "Everything is saved")
		var got settings
		r.ask(http.MethodGet, r.path(""), nil, &got)
		require.Equal(t, want, got)
	}
	are(settings{"pass", 250, "GARDEN"})

	// A change is saved when it is done, not at each key.
	set := func(selector, text string) {
		author.fill(selector, text)
		author.press(kb.Enter)
	}
	author.notes()
	author.reload()
	author.shows("#state", "Everything is saved")
	set("#passcode", "meadow 7")
	are(settings{"pass", 250, "MEADOW7"})
	require.Equal(t, []any{map[string]any{"passcode": "meadow 7"}},
		value[[]any](author, sent(r.ID)+`.map(([, body]) => body)`))
	set("#max-voters", "-1")
	author.shows("#max-voters-wrong", "A whole number of at most 1,000,000, or nothing.")
	author.shows("#state", "Not saved")
	author.run(`document.querySelector("#max-voters").value = ""`)
	set("#max-voters", "1.5")
	author.shows("#max-voters-wrong", "A whole number of at most 1,000,000, or nothing.")
	set("#max-voters", "300")
	are(settings{"pass", 300, "MEADOW7"})
	author.fill("#passcode", "")
	author.press(kb.Backspace)
	author.press(kb.Enter)
	are(settings{"pass", 300, ""})

	author.click(`#voters [value="anyone"]`)
	are(settings{"anyone", 0, ""})
	require.False(t, value[bool](author, `document.querySelector("#with-pass").checkVisibility()`))
	author.click(`#voters [value="pass"]`)
	are(settings{"pass", 300, ""})

	// What another device changes meanwhile is neither overwritten nor hidden.
	r.admit(map[string]any{"passcode": "garden", "max_voters": 40})
	author.run(`document.dispatchEvent(new Event("visibilitychange"))`)
	author.until(
		`document.querySelector("#passcode").value === "GARDEN" && ` +
			`document.querySelector("#max-voters").value === "40"`)
	set("#max-voters", "50")
	are(settings{"pass", 50, "GARDEN"})
}

// TestResultsSayHowVotersWereToldApart opens the results of polls of both kinds.
func TestResultsSayHowVotersWereToldApart(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "rating"},
		newPoll{question: "Two", kind: "rating"})
	r.show(0)
	r.admit(map[string]any{"voters": "pass"})
	r.show(1)
	v := visit(t, "reader", desktop)
	v.open("/results/" + r.ID)
	v.shows("#polls > :nth-child(1) .identity",
		"Voters were not checked: each browser simply said who it is.")
	v.shows("#polls > :nth-child(2) .identity", "Each voter had a pass from this server.")
}

// TestWhoHasToWaitAtTheDoorWaits joins where too many wrong codes were tried. The page asks again
// when there is reason to, and not at once and for ever.
func TestWhoHasToWaitAtTheDoorWaits(t *testing.T) {
	r := passRoom(t, nil)
	v := visit(t, "voter", phone)
	v.expect("429")
	v.notes()
	asked := v.overhear()
	v.hold("*/api/v1/join/*")
	v.open("/join/" + r.JoinCode)
	v.ok(call(v, fetch.FulfillRequest, fetch.FulfillRequestParams{
		RequestID: v.caught(), ResponseCode: 429, Body: []byte(`{"code":"busy"}`),
		ResponseHeaders: []*fetch.HeaderEntry{{Name: "Content-Type",
			Value: "application/problem+json"}, {Name: "Retry-After", Value: "600"}},
	}), "refuse to let somebody in")
	v.ok(call(v, fetch.Disable, cdp.Empty{}), "hold nothing any more")
	// in which a page that does not wait asks many times
	v.run(`new Promise((resolve) => { setTimeout(resolve, 500); })`)
	require.Len(t, asked.to("/api/v1/join/"+r.JoinCode), 1)
	v.online()
	v.choose(1)
	v.counted()
}
