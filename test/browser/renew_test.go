package browser

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// TestPresenterRenewsTheLinksAndTheCode holds a presentation whose link somebody else has got: the
// presenter's own page goes on, the other's does not. The code on every stage is the new one.
func TestPresenterRenewsTheLinksAndTheCode(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "rating"},
		newPoll{question: "Two", kind: "rating"})
	stage, thief := visit(t, "presenter", desktop).presents(r), visit(t, "thief", desktop)
	stage.open("/stage/" + r.ID)
	thief.open("/stage/" + r.ID + "#token=" + r.Token)
	for _, v := range []*visitor{stage, thief} {
		v.sees(".lobby .ticket")
	}
	shown := value[string](stage, `document.querySelector("#code").textContent`)

	stage.click("#overview")
	stage.click("#renew-code")
	stage.click(".ask .danger")
	stage.until(`document.querySelector("#code").textContent !== %s`, js(shown))
	code := value[string](stage, `document.querySelector("#code").textContent`)
	thief.until(`document.querySelector("#code").textContent === %s`, js(code))
	guest := visit(t, "guest", phone)
	guest.expect("404")
	guest.open("/join/" + r.JoinCode)
	guest.until(`document.body.innerText.includes("No presentation has this code")`)

	thief.expect("401", "403")
	stage.click("#overview")
	stage.click("#renew-links")
	stage.click(".ask .danger")
	stage.until(`JSON.parse(localStorage["plenary.presentations"])[0].token !== %s`, js(r.Token))
	stage.sees(".lobby .ticket")
	thief.until(
		`document.querySelector("#notice").textContent.includes("does not have the ` +
			`presenter’s key")`)
	thief.click("#next")
	stage.click("#next")
	stage.shows("#question", "One")
	stage.click("#next")
	stage.shows("#question", "Two")

	// The editor has the same.
	stage.open("/edit/" + r.ID)
	stage.sees("#renew-links")
	stage.click("#renew-code")
	stage.click(".ask .danger")
	stage.until(
		`document.querySelector("#code").textContent.length === 6 && `+
			`!%s.includes(document.querySelector("#code").textContent)`, js(code))
	before := value[string](stage, `localStorage["plenary.presentations"]`)
	stage.click("#renew-links")
	stage.click(".ask .danger")
	stage.until(
		`JSON.parse(localStorage["plenary.presentations"])[0].token !== JSON.parse(%s)[0].token`,
		js(before))
	stage.sees("#polls .poll")
	stage.until(`document.querySelector("#trouble").hidden`)
}

// TestCreatingAsksForTheKeyOfAServerThatHasOne creates on a server with a key: the start page asks
// for it, and so does the editor where it was wrong. The browser keeps it.
func TestCreatingAsksForTheKeyOfAServerThatHasOne(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: needs a browser")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	const key = "the-key-of-it"
	s, err := stack.Start(ctx,
		stack.Config{Parts: stack.API, APIs: 1, APIEnv: []string{"PLENARY_CREATE_KEY=" + key}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	v := newVisitor(chrome(t), t, "presenter", s.URL, desktop, chromedp.WithNewBrowserContext())
	v.expect("403")
	v.open("/")
	v.sees("#key-form")
	require.False(t, value[bool](v, `document.querySelector("#create").checkVisibility()`))
	v.fill("#key", "a wrong one")
	v.click("#key-form button")
	v.sees("#polls .poll")
	v.fill("#polls [data-field=question]", "Who wins?")
	v.click("#polls input[value=rating] + span")
	v.click("#save")
	v.until(`document.querySelector("dialog.ask")?.innerText.includes("This is not the key of ` +
		`this server")`)
	v.fill("#create-key", key)
	v.click("dialog.ask .primary")
	v.until(`JSON.parse(localStorage["plenary.presentations"] ?? "[]").length === 1`)
	v.shows("#state", "Everything is saved")
	v.open("/")
	v.sees("#create")
	require.False(t, value[bool](v,
		`document.querySelector("#key-form").checkVisibility()`), "it is kept")
}
