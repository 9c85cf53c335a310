package browser

import (
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// TestABrowserThatIsTooOldForAPageIsToldSo opens every page that needs its modules in a browser
// that cannot read one of them, and in one that cannot run one.
func TestABrowserThatIsTooOldForAPageIsToldSo(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "choice", options: plain.options})
	r.show(0)
	v := visit(t, "old browser", phone).presents(r)
	says := map[string]string{
		"en": "This page does not start. Perhaps the connection is slow, something holds back " +
			"its scripts, or this browser is too old for it. " +
			"Load it anew; if that does not help, update the browser or take another one.",
		"de": "Diese Seite startet nicht. Vielleicht ist die Verbindung langsam, etwas hält ihre " +
			"Skripte zurück, oder dieser Browser ist zu " +
			"alt für sie. Lade sie neu; wenn das nicht hilft, aktualisiere den Browser oder nimm " +
			"einen anderen.",
	}
	for i, tried := range []struct{ path, module, text, lang string }{
		{"/p/" + r.ID, "audience", "const a = b ??? c;", "en"},
		{"/join/" + r.JoinCode, "text", "export const t = class { #a = ; };", "de"},
		{"/p/" + r.ID, "text", `throw new Error("there is no Intl"); export const t = 1, number ` +
			`= 1, percent = 1;`, "en"},
		{"/stage/" + r.ID, "stage", "a b", "en"},
		{"/remote/" + r.ID, "remote", "a b", "en"},
		{"/edit/" + r.ID, "edit", "a b", "en"},
		{"/results/" + r.ID, "results", "a b", "en"},
		{"/feed", "feed", "a b", "en"},
	} {
		v.speaks(tried.lang)
		v.do("leave", chromedp.Navigate("about:blank"))
		v.hold("*/" + tried.module + ".js")
		v.done.Go(func() {
			_ = call(v, fetch.FulfillRequest, fetch.FulfillRequestParams{
				RequestID: <-v.held, ResponseCode: 200, Body: []byte(tried.text),
				ResponseHeaders: []*fetch.HeaderEntry{{Name: "Content-Type",
					Value: "text/javascript"}},
			})
		})
		v.open(tried.path) // until all modules have run, or cannot
		if i > 0 {
			// once is enough to wait for
			v.run(`document.getAnimations().forEach((some) => some.finish())`)
		}
		v.until(`getComputedStyle(document.querySelector("#old")).visibility === "visible"`)
		v.shows("#old", says[tried.lang])
		v.until(`![...document.querySelectorAll("main [aria-busy=true]")].some((e) => ` +
			`e.checkVisibility({ visibilityProperty: true }))`)
		v.shoot("old-" + tried.module)
		v.ok(call(v, fetch.Disable, cdp.Empty{}), "hold nothing any more")
		v.log.forget() // the browser complains about the module, too
	}
	v.speaks("en")
	for path, ready := range map[string]string{
		"/p/" + r.ID: "#poll", "/stage/" + r.ID: "#next", "/remote/" + r.ID: "#next",
		"/edit/" + r.ID: "#polls .poll", "/results/" + r.ID: "#polls .poll",
		"/": "#mine li",
	} {
		v.open(path)
		v.sees(ready)
		v.until(`!document.querySelector("#old")`)
	}
	v.prepares(`document.addEventListener("animationstart", () => { window.flashed = true; }, true)`)
	v.do("leave", chromedp.Navigate("about:blank"))
	v.hold("*/audience.js") // a page that is on its way says nothing yet
	v.done.Go(func() {
		id := <-v.held
		_ = call(v, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: id})
	})
	v.open("/p/" + r.ID)
	v.sees("#poll")
	require.False(t, value[bool](v, `window.flashed === true`))
}
