package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// visitor is a person at a browser of their own: what it keeps, nobody else's has. It has one tab.
type visitor struct {
	t      *testing.T
	name   string
	base   string // where the pages are
	ctx    context.Context
	stop   func()
	log    *trouble
	wire   wire
	held   chan fetch.RequestID // moves that wait: see hold
	probed chan struct{}        // what hold tries was held
	done   sync.WaitGroup       // answers to dialogs
}

// here are the visitors of each test. Tests run one after the other.
var here = map[*testing.T][]*visitor{}

// screen is what a visitor looks at.
type screen struct {
	width, height int64
	phone         bool
}

var (
	desktop = screen{1280, 720, false}
	phone   = screen{390, 844, true}
	narrow  = screen{320, 568, true} // the smallest phone that is still carried about
)

// visit opens a browser for somebody. It is closed when the test ends, and the test then fails for
// what went wrong in it.
func visit(t *testing.T, name string, s screen) *visitor {
	t.Helper()
	return newVisitor(chrome(t), t, name, site(t).URL, s, chromedp.WithNewBrowserContext())
}

// tab opens another tab of the visitor's browser.
func (v *visitor) tab(name string, s screen) *visitor {
	v.t.Helper()
	return newVisitor(v.ctx, v.t, name, v.base, s)
}

func newVisitor(browser context.Context, t *testing.T, name, base string, s screen,
	options ...chromedp.ContextOption) *visitor {
	t.Helper()
	v := &visitor{t: t, name: name, base: base, log: &trouble{},
		held: make(chan fetch.RequestID, 8), probed: make(chan struct{}, 1)}
	here[t] = append(here[t], v)
	v.ctx, v.stop = chromedp.NewContext(browser, append(options, chromedp.WithListener(v.hear))...)
	t.Cleanup(v.leave)
	// the first call must not have a deadline: the tab would end with it
	late := time.AfterFunc(patience, v.stop)
	defer late.Stop()
	v.ok(chromedp.Do(v.ctx), "open a tab")
	v.ok(call(v, audits.Enable, cdp.Empty{}), "watch for issues")
	v.ok(call(v, network.Enable, network.EnableParams{}), "watch the network")
	v.look(true)
	v.resize(s)
	v.scheme("light")
	return v
}

// hear notes what goes wrong in the page. It runs between two messages of the browser and must not
// wait for one.
func (v *visitor) hear(event any) {
	switch e := event.(type) {
	case *page.EventJavascriptDialogOpening:
		v.done.Go(func() { // the page stands still until it is answered
			_ = call(v, page.HandleJavaScriptDialog,
				page.HandleJavaScriptDialogParams{Accept: e.Type == page.DialogTypeBeforeunload})
		})
	case *fetch.EventRequestPaused:
		if strings.HasSuffix(e.Request.URL, probe) {
			select {
			case v.probed <- struct{}{}:
			default: // one is enough
			}
			break // it is let go with the next request that is
		}
		v.held <- e.RequestID
	}
	v.log.hear(event)
	v.wire.hear(event)
}

func (v *visitor) leave() {
	delete(here, v.t)
	assert.Empty(v.t, v.log.all(), "%s: what went wrong in the page", v.name)
	v.stop()
	v.done.Wait()
}

// expect says which failures of the network are part of the test: "503", "net::ERR_".
func (v *visitor) expect(parts ...string) { v.log.expect(parts...) }

// call sends a command to the visitor's tab.
func call[P, R any](v *visitor, command cdp.Command[P, R], params P) error {
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	_, err := chromedp.Call(ctx, command, params)
	return err
}

// do lets the browser do something.
func (v *visitor) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	v.ok(chromedp.Do(ctx, steps...), "%s", what)
}

// ok ends the test on an error, with what there is to see.
func (v *visitor) ok(err error, what string, args ...any) {
	v.t.Helper()
	if err == nil {
		return
	}
	for _, other := range here[v.t] {
		v.t.Log(other.state())
	}
	require.NoError(v.t, err, "%s: %s", v.name, fmt.Sprintf(what, args...))
}

// state says what there is to see, for a test that fails.
func (v *visitor) state() string {
	if v.ctx.Err() != nil {
		return v.name + " has left"
	}
	ctx, cancel := context.WithTimeout(v.ctx, 10*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx,
		chromedp.Evaluate[string](`location.href + "\n" + `+
			`document.body.innerText.replace(/\n+/g, "\n")`))
	if err != nil {
		text = err.Error()
	}
	// of a page that is not seen there is none
	if picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot()); err == nil {
		_ = keep("failed-"+strings.ReplaceAll(v.t.Name(), "/", "-")+"-"+v.name, picture)
	}
	return fmt.Sprintf("%s sees %s\nwrong in the page: %q", v.name, text, v.log.said)
}

// open goes to a path and waits until the page is loaded.
func (v *visitor) open(path string) {
	v.t.Helper()
	v.do("open "+path, chromedp.Navigate(v.base+path))
}

// reload loads the page anew.
func (v *visitor) reload() {
	v.t.Helper()
	v.do("reload", chromedp.Reload())
}

// value evaluates an expression in the page.
func value[T any](v *visitor, expression string) T {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	got, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	v.ok(err, "evaluate %.300s", expression)
	return got
}

// run evaluates an expression whose value is of no interest.
func (v *visitor) run(expression string) {
	v.t.Helper()
	value[chromedp.Void](v, expression)
}

// leaves has the page do what ends it, once it has answered, and waits for the next page.
func (v *visitor) leaves(how string) {
	v.t.Helper()
	v.run(`window.left = true, void setTimeout(() => ` + how + `)`)
	v.until(`!window.left`)
}

// soon evaluates an expression again and again until it is truthy, and gives it. That survives a
// change of the page.
func soon[T any](v *visitor, expression string) T {
	v.t.Helper()
	const slice = 2000 // ms, then the page is asked anew
	// A page that nobody sees may have its timers held up for a minute: it is asked anew at once.
	look := fmt.Sprintf(`(async () => {
		for (const end = Date.now() + %d; Date.now() < end; await new Promise((r) => setTimeout(r, %d))) {
			try { const got = (%s); if (got) return { got }; } catch (error) { var last = String(error); }
			if (document.hidden) break;
		}
		return { last: last ?? "it stayed false" };
	})()`, slice, tick.Milliseconds(), expression)
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	last := ""
	for {
		found, err := chromedp.Run(ctx, chromedp.Evaluate[struct {
			Got  json.RawMessage
			Last string
		}](look, chromedp.EvalAwaitPromise))
		if err == nil && found.Got != nil {
			var got T
			v.ok(json.Unmarshal(found.Got, &got), "read %s", found.Got)
			return got
		}
		if found.Last != "" {
			last = found.Last
		}
		select {
		case <-ctx.Done():
			v.ok(ctx.Err(), "wait for %s (%s, %v)", expression, last, err)
		case <-time.After(tick): // the page changed while it was asked
		}
	}
}

// until waits until an expression is true in the page.
func (v *visitor) until(expression string, args ...any) {
	v.t.Helper()
	soon[bool](v, "Boolean("+fmt.Sprintf(expression, args...)+")")
}

// shows waits until an element is seen and its text is this.
func (v *visitor) shows(selector, text string) {
	v.t.Helper()
	v.until(`(() => { const e = document.querySelector(%s); return e.checkVisibility() && `+
		`e.textContent.trim() === %s; })()`,
		js(selector), js(text))
}

// sees waits until an element is seen.
func (v *visitor) sees(selector string) {
	v.t.Helper()
	v.until(`document.querySelector(%s)?.checkVisibility({ visibilityProperty: true })`,
		js(selector))
}

// text gives the text of an element.
func (v *visitor) text(selector string) string {
	v.t.Helper()
	return value[string](v, fmt.Sprintf(`document.querySelector(%s).textContent.trim()`,
		js(selector)))
}

// click clicks the middle of an element, or taps on it. It does so as soon as the element is there
// and stands still, can be used and nothing lies above it.
func (v *visitor) click(selector string) {
	v.t.Helper()
	at := soon[[]float64](v, fmt.Sprintf(`(() => {
		const e = document.querySelector(%s);
		if (!e || e.matches(":disabled, [aria-disabled=true]")) return null;
		e.scrollIntoView({ block: "center", behavior: "instant" });
		const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
		const top = document.elementFromPoint(x, y), before = window.stood;
		window.stood = e.outerHTML.length + " " + x + " " + y;
		return window.stood === before && r.width > 0 && (e.contains(top) || top?.closest("label")?.contains(e)) && [x, y];
	})()`, js(selector)))
	v.do("click "+selector, chromedp.MouseClickXY(at[0], at[1]))
}

// press presses a key and lets it go: "a", kb.Enter. It is one event with its text, as from a
// keyboard. With one for the character besides, a page could not prevent what the key does.
func (v *visitor) press(key string) {
	v.t.Helper()
	for _, r := range key {
		events := kb.Encode(r)
		down, up := *events[0], *events[len(events)-1]
		down.Type = input.DispatchKeyEventTypeKeyDown
		if len(events) > 2 {
			down.Text, down.UnmodifiedText = events[1].Text, events[1].UnmodifiedText
		}
		v.ok(call(v, input.DispatchKeyEvent, down), "press %q", key)
		v.ok(call(v, input.DispatchKeyEvent, up), "press %q", key)
	}
}

// types puts text in where the cursor is, as a paste or a phone's keyboard does.
func (v *visitor) types(text string) {
	v.t.Helper()
	v.ok(call(v, input.InsertText, input.InsertTextParams{Text: text}), "type %q", text)
}

// fill writes into a field, instead of what is there.
func (v *visitor) fill(selector, text string) {
	v.t.Helper()
	v.click(selector)
	v.run(fmt.Sprintf(`document.querySelector(%s).select()`, js(selector)))
	v.types(text)
}

// resize gives the visitor another screen.
func (v *visitor) resize(s screen) {
	v.t.Helper()
	var options []chromedp.EmulateViewportOption
	if s.phone {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch,
			chromedp.EmulatePortrait)
	}
	v.do("resize", chromedp.EmulateViewport(s.width, s.height, options...))
}

// scheme sets what the visitor prefers: "light" or "dark". Nothing moves meanwhile, so that what is
// measured stands still.
func (v *visitor) scheme(colours string) {
	v.t.Helper()
	v.ok(call(v, emulation.SetEmulatedMedia,
		emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: colours},
			{Name: "prefers-reduced-motion", Value: "reduce"},
		}}), "prefer %s", colours)
}

// speaks sets the visitor's language, from the next page on.
func (v *visitor) speaks(lang string) {
	v.t.Helper()
	v.ok(call(v, network.SetExtraHTTPHeaders,
		network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": lang}}),
		"speak %s", lang)
}

// connect takes the visitor's connection away, or makes it another one.
func (v *visitor) connect(c network.Conditions) {
	v.t.Helper()
	if c.DownloadThroughput == 0 {
		c.DownloadThroughput, c.UploadThroughput = -1, -1
	}
	v.ok(call(v, network.EmulateNetworkConditionsByRule,
		network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{&c},
		}), "change the network")
	v.ok(call(v, network.OverrideNetworkState, network.OverrideNetworkStateParams{
		Offline: c.Offline, Latency: c.Latency, DownloadThroughput: c.DownloadThroughput,
		UploadThroughput: c.UploadThroughput,
	}), "tell the page about the network")
}

// look makes the page one that somebody looks at, whatever else there is on the screen, or leaves
// that to the window.
func (v *visitor) look(yes bool) {
	v.t.Helper()
	v.ok(call(v, emulation.SetFocusEmulationEnabled,
		emulation.SetFocusEmulationEnabledParams{Enabled: yes}), "look")
}

// hide puts the visitor's window away, as behind another one, until it is shown.
func (v *visitor) hide() { v.window(browser.WindowStateMinimized, "hidden") }
func (v *visitor) show() { v.window(browser.WindowStateNormal, "visible") }

func (v *visitor) window(to browser.WindowState, then string) {
	v.t.Helper()
	v.look(false)
	w, err := chromedp.CallBrowser(v.ctx, browser.GetWindowForTarget,
		browser.GetWindowForTargetParams{
			TargetID: chromedp.FromContext(v.ctx).Target.TargetID,
		})
	v.ok(err, "find the window")
	_, err = chromedp.CallBrowser(v.ctx, browser.SetWindowBounds, browser.SetWindowBoundsParams{
		WindowID: w.WindowID, Bounds: &browser.Bounds{WindowState: to},
	})
	v.ok(err, "make the window %s", to)
	v.until(`document.visibilityState === %s`, js(then))
}

// sleep locks the visitor's phone: the page is not seen, and nothing of it runs until it wakes.
func (v *visitor) sleep() {
	v.t.Helper()
	v.look(false)
	v.lifecycle(page.SetWebLifecycleStateStateFrozen)
}

func (v *visitor) wake() {
	v.t.Helper()
	v.lifecycle(page.SetWebLifecycleStateStateActive)
	v.look(true)
	v.until(`document.visibilityState === "visible"`)
}

func (v *visitor) lifecycle(to page.SetWebLifecycleStateState) {
	v.t.Helper()
	v.ok(call(v, page.SetWebLifecycleState,
		page.SetWebLifecycleStateParams{State: to}), "be %s", to)
}

// probe is the end of an address that is held together with any other.
const probe = "/api/v1/ping?held"

// hold keeps back, from now on, requests to addresses that match a pattern. Let them go with
// release, one after the other.
func (v *visitor) hold(pattern string) {
	v.t.Helper()
	v.holdAt(pattern, fetch.RequestStageRequest)
}

// holdAt is hold for requests, or for their answers. A page sends what follows past it for a while
// after the browser says that it holds, so the page tries it first.
func (v *visitor) holdAt(pattern string, stage fetch.RequestStage) {
	v.t.Helper()
	v.ok(call(v, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{
		{URLPattern: pattern, RequestStage: stage},
		{URLPattern: "*" + strings.ReplaceAll(probe, "?", `\?`)},
	}}), "hold %s", pattern)
	select {
	case <-v.probed: // before
	default:
	}
	if value[bool](v, `location.protocol === "about:"`) { // what is opened from now on is held
		return
	}
	for end := time.After(patience); ; {
		v.run(`void fetch("` + probe + `").catch(() => {})`)
		select {
		case <-v.probed:
			return
		case <-end:
			v.ok(context.DeadlineExceeded, "hold %s", pattern)
		case <-time.After(tick):
		}
	}
}

// caught gives the request that is held, when it is there.
func (v *visitor) caught() (id fetch.RequestID) {
	v.t.Helper()
	select {
	case id = <-v.held:
	case <-time.After(patience):
		v.ok(context.DeadlineExceeded, "wait for a request to hold")
	}
	return id
}

// release lets go the request that is held, when it is there and meanwhile has happened.
func (v *visitor) release(meanwhile func()) {
	v.t.Helper()
	id := v.caught()
	meanwhile()
	v.ok(call(v, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: id}),
		"release a request")
	v.ok(call(v, fetch.Disable, cdp.Empty{}), "hold nothing any more")
}

// shoot keeps a picture of what is seen.
func (v *visitor) shoot(name string) []byte {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	v.ok(err, "take a picture")
	require.NoError(v.t, keep(name, picture))
	return picture
}

// keep writes a picture to .build/screenshots, which Git ignores.
func keep(name string, picture []byte) error { return keepIn("screenshots", name, picture) }

// js writes a string as JavaScript does.
func js(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always can
	}
	return string(b)
}
