package browser

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

const someRoot = "/our/polls"

// rooted is a service under a path of a host that others use, too.
type rooted struct {
	url     string // of the path
	mu      sync.Mutex
	outside []string // what was asked of others
}

// behind starts a service behind a proxy that passes on what is below a path, with the path or
// without it.
func behind(t *testing.T, strips bool) *rooted {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: needs a browser")
	}
	var pass http.Handler
	r := &rooted{}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == someRoot || strings.HasPrefix(req.URL.Path, someRoot+"/") {
			pass.ServeHTTP(w, req)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.outside = append(r.outside, req.Method+" "+req.URL.Path)
		http.Error(w, "another service", http.StatusTeapot)
	}))
	t.Cleanup(front.Close)
	r.url = front.URL + someRoot
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s, err := stack.Start(ctx,
		stack.Config{Parts: stack.API, APIs: 1,
			APIEnv: []string{"PLENARY_PUBLIC_URL=" + r.url + "/"}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	to, err := url.Parse(s.URL)
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{Transport: transport, FlushInterval: -1,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(to)
			p.SetXForwarded()
		}}
	pass = proxy
	if strips {
		pass = http.StripPrefix(someRoot, proxy)
	}
	return r
}

// TestAPresentationIsHeldUnderAPath goes through all pages by their links, as people do. Nothing
// of the presentation asks for anything of the host that is not below the path.
func TestAPresentationIsHeldUnderAPath(t *testing.T) {
	for how, strips := range map[string]bool{"the proxy leaves the path": false,
		"the proxy takes the path off": true} {
		t.Run(how, func(t *testing.T) {
			r := behind(t, strips)
			there := func(name string, s screen) *visitor {
				return newVisitor(chrome(t), t, name, r.url, s, chromedp.WithNewBrowserContext())
			}
			on := func(v *visitor, page string) {
				v.until(`location.href.startsWith(%s)`,
					js(r.url+page))
			}

			author := there("author", desktop)
			author.open("/")
			author.click("#create")
			on(author, "/edit/new")
			author.sees("#edit")
			author.fill("#title", "Under a path")
			author.fill("#polls [data-field=question]", "Who wins?")
			for i, option := range []string{"Argentina", "Brazil"} {
				author.fill([]string{`#polls [aria-label="Option A"]`,
					`#polls [aria-label="Option B"]`}[i], option)
			}
			author.click("#save")
			on(author, "/edit/0")
			author.shows("#state", "Everything is saved")
			author.click("#go")
			on(author, "/stage/0")
			author.until(
				`!document.querySelector("#qr").hidden && document.querySelector("#away").hidden`)
			require.Equal(t, strings.TrimPrefix(r.url, "http://"), author.text("#host"))
			id := value[string](author, `location.pathname.split("/").at(-1)`)
			code := strings.ReplaceAll(author.text("#code"), " ", "")
			const drawn = `(async (text) => await (await fetch(document.querySelector("#qr").src)).text() ===
				await (await fetch(document.querySelector("#qr").src.split("?")[0], { method: "POST", headers: { "Content-Type": "text/plain" }, body: text })).text())`
			require.True(t, value[bool](author, drawn+"("+js(r.url+"/join/"+code)+")"),
				"the QR code leads to the public address")
			author.click("#remote")
			author.sees("#remote-url")
			require.True(t, strings.HasPrefix(value[string](author,
				`document.querySelector("#remote-url").value`), r.url+"/remote/"+id+"#token="))
			author.click(".uncover")
			author.sees("dialog .qr")
			remote := value[string](author, `document.querySelector("#remote-url").value`)
			author.press(kb.Escape)

			voter := there("voter", phone)
			voter.open("/")
			voter.fill("#code", strings.ToLower(code))
			voter.press(kb.Enter)
			on(voter, "/join/"+code)
			voter.sees("#waiting-text")
			guide := there("remote", phone)
			guide.open(strings.TrimPrefix(remote, r.url))
			guide.click("#next")
			voter.shows("#question", "Who wins?")
			author.shows("#question", "Who wins?")
			voter.choose(2)
			voter.counted()
			for _, v := range []*visitor{voter, author, guide} {
				v.bars(0, 1)
			}
			require.Contains(t, value[[]string](voter, `Object.keys(localStorage)`),
				"plenary"+someRoot+".votes."+id,
				"what another service of the host keeps is kept elsewhere")
			voter.reload()
			voter.until(
				`document.querySelector("#ballot .option:nth-child(2)")?.ariaPressed === "true"`)
			voter.open("/results/" + id)
			on(voter, "/results/"+id)
			voter.until(`document.querySelector("#polls .count")?.textContent === "0 votes"`)
			for _, format := range []string{"csv", "xlsx", "json"} {
				name, content := voter.download(func() { voter.click("#" + format) })
				require.True(t, strings.HasSuffix(name, "."+format), name)
				require.NotEmpty(t, content)
			}
			voter.run(`window.shared = null; navigator.clipboard.writeText = async (text) => { ` +
				`window.shared = text; }`)
			voter.run(`matchMedia = () => ({ matches: false })`)
			voter.click("#share")
			voter.until(`window.shared === %s`, js(r.url+"/results/"+id))

			// The other ways between the pages.
			author.press("o")
			author.click(`dialog a[href*="/edit/"]`)
			on(author, "/edit/"+id)
			author.shows("#join-link", r.url+"/join/"+code)
			author.click("#results")
			on(author, "/results/"+id)
			author.until(`document.querySelector("#polls .poll")`)
			author.click("a.brand")
			on(author, "/")
			author.click(`#list a[href*="/stage/"]`)
			on(author, "/stage/"+id)
			author.shows("#question", "Who wins?")
			author.open("/")
			author.click(".foot a")
			on(author, "/docs")
			author.until(
				`document.querySelector(".opblock") && document.querySelector(".servers `+
					`select")?.value === %s`, js(someRoot))
			author.expect("/nothing/is/here")
			author.open("/nothing/is/here")
			author.click("main a.button")
			on(author, "/")
			author.open("/edit/" + id)
			author.click("#delete")
			author.click("dialog .danger")
			author.until(`location.href === %s`, js(r.url+"/"))

			r.mu.Lock()
			defer r.mu.Unlock()
			require.Empty(t, r.outside)
		})
	}
}
