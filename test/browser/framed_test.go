package browser

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// elsewhere serves a page of another site than the service's, which shows what its query names in a
// frame.
func elsewhere(t *testing.T, host string) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(
			w, `<!doctype html><html lang="en"><link rel="icon" href="data:,">
			<title>Elsewhere</title><h1>Elsewhere</h1>
			<iframe src="%s" title="Poll" width="400" height="600"></iframe>`, r.FormValue("show"))
	}))
	_ = s.Listener.Close()
	var err error
	s.Listener, err = net.Listen("tcp", host+":0")
	require.NoError(t, err)
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

// frame gives the visitor of what a page of another site has in its frame, where that is at an
// address.
func (v *visitor) frame(at string) *visitor {
	v.t.Helper()
	f := &visitor{t: v.t, name: v.name + "'s frame", base: v.base, log: &trouble{},
		held: make(chan fetch.RequestID, 8), probed: make(chan struct{}, 1)}
	// no event says that the frame is there
	for late := time.Now().Add(patience); f.ctx == nil; time.Sleep(tick) {
		all, err := chromedp.Targets(v.ctx)
		v.ok(err, "find the frame")
		for _, info := range all {
			if info.Type == "iframe" && strings.HasPrefix(info.URL, at) {
				f.ctx, f.stop = chromedp.NewContext(v.ctx, chromedp.WithTargetID(info.TargetID),
					chromedp.WithListener(f.hear))
			}
		}
		require.True(v.t, time.Now().Before(late), "there is no frame of %s", at)
	}
	here[v.t] = append(here[v.t], f)
	v.t.Cleanup(f.leave)
	late := time.AfterFunc(patience, f.stop)
	defer late.Stop()
	v.ok(chromedp.Do(f.ctx), "go into the frame")
	v.ok(call(f, audits.Enable, cdp.Empty{}), "watch for issues")
	return f
}

// embeddable starts a service whose pages that site may show in a frame.
func embeddable(t *testing.T, site string) *stack.Stack {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: needs a browser")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s, err := stack.Start(ctx,
		stack.Config{Parts: stack.API, APIs: 1,
			APIEnv: []string{"PLENARY_EMBED_ORIGINS=https://other.example, " + site}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// TestANamedSiteShowsTheVotingPageInAFrameAndAnotherDoesNot: somebody votes in it, also where the
// browser keeps nothing for pages in frames of other sites, and sees the results.
func TestANamedSiteShowsTheVotingPageInAFrameAndAnotherDoesNot(t *testing.T) {
	site := elsewhere(t, "127.0.0.2")
	s := embeddable(t, site)
	r := createAt(t, s.URL, plain.title,
		newPoll{question: "One", kind: "choice", options: plain.options})
	r.show(0)
	for i, keeps := range []bool{true, false} {
		v := newVisitor(chrome(t), t, "reader", site, desktop, chromedp.WithNewBrowserContext())
		v.log.expect("favicon")
		v.open("/?show=" + s.URL + "/p/" + r.ID)
		f := v.frame(s.URL + "/p/" + r.ID)
		if !keeps {
			f.prepares(`Object.defineProperty(window, "localStorage", { get() { throw new ` +
				`DOMException("blocked", "SecurityError"); } });`)
			f.leaves(`location.reload()`)
			f.until(`(() => { try { return localStorage && false; } catch { return ` +
				`document.querySelector("#question")?.textContent; } })()`)
		}
		f.shows("#question", "One")
		require.True(t, value[bool](f, `window !== window.top`))
		f.choose(2)
		f.counted()
		f.bars(0, i+1, 0, 0)
		for _, out := range []string{"a.brand", "#rate-link"} {
			require.Equal(t, "_blank", value[string](f,
				`document.querySelector(`+js(out)+`).target`), "that page may be in no frame")
		}
		if keeps {
			f.leaves(`location.reload()`)
			f.until(`document.querySelector("#ballot .option:nth-child(2)")?.ariaPressed === "true"`)
			f.choose(1)
			f.counted()
			f.bars(1, 0, 0, 0)
			f.choose(2)
			f.counted()
		}
		f.run(`document.querySelector("#so-far a").click()`)
		f.until(`location.pathname === "/results/%s" && document.querySelector("#polls .poll")`,
			r.ID)
		f.click("#share")
		f.until(`document.querySelector(".toast")?.textContent === "The link is copied."`)
	}

	for _, from := range []struct{ site, path string }{
		{elsewhere(t, "127.0.0.3"), "/p/" + r.ID}, {elsewhere(t, "127.0.0.3"), "/results/" + r.ID},
		{site, "/stage/" + r.ID}, {site, "/remote/" + r.ID}, {site, "/edit/" + r.ID}, {site, "/"},
		{site, "/docs"}, {site, "/nothing/is/here"},
	} {
		v := newVisitor(chrome(t), t, "reader", from.site, desktop,
			chromedp.WithNewBrowserContext())
		v.expect("404")
		v.open("/?show=" + s.URL + from.path)
		refused := func() bool {
			said := strings.Join(v.log.all(), "\n")
			return strings.Contains(said, "security: Framing") &&
				strings.Contains(said, "policy: frame-ancestors")
		}
		for late := time.Now().Add(patience); !refused(); time.Sleep(tick) {
			require.True(t, time.Now().Before(late), "the browser shows %v in the frame", from)
		}
		v.log.forget()
	}
}
