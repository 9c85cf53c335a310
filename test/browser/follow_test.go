package browser

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestThePresentersPagesFollowWithoutAStream has a stage, a remote and a phone behind proxies that
// do with event streams what proxies do:
//   - They hold them back for ever.
//   - They hold them back until a buffer is full.
//   - They refuse them.
//
// All three pages see what other devices do, some seconds later, and say so. When streams come
// through they use them, and ask no more.
func TestThePresentersPagesFollowWithoutAStream(t *testing.T) {
	for name, does := range map[string]int64{"holds streams back": holds,
		"buffers streams": buffers, "refuses streams": refuses} {
		t.Run(name, func(t *testing.T) {
			r := create(t, plain.title,
				newPoll{question: "One", kind: "choice", options: plain.options},
				newPoll{question: "Two", kind: "choice", options: plain.options})
			p := newProxy(t, does)
			guest := visit(t, "guest", phone) // whose streams come through
			guest.open("/p/" + r.ID)
			stage, remote, voter := p.visit(t, "stage", desktop).presents(r),
				p.visit(t, "remote", phone).presents(r), p.visit(t, "voter", phone)
			asked := stage.overhear()
			stage.open("/stage/" + r.ID)
			remote.open("/remote/" + r.ID)
			voter.open("/p/" + r.ID)
			presenters := []*visitor{stage, remote}
			for _, v := range presenters {
				v.shows("#away", "A few seconds behind")
			}
			voter.shows("#connection", "A few seconds behind")
			began, earlier := time.Now(), len(asked.to("/polls/current"))

			var took []time.Duration
			everywhere := func(act func(), sees func(v *visitor)) {
				t.Helper()
				act()
				done := time.Now()
				for _, v := range presenters {
					sees(v)
				}
				took = append(took, time.Since(done))
			}
			everywhere(func() { r.show(0) }, func(v *visitor) { v.shows("#question", "One") })
			everywhere(func() { r.votes(0, 2, 1) },
				func(v *visitor) { v.shows("#voters", "3"); v.bars(2, 1, 0, 0) })
			everywhere(func() { r.move("close") },
				func(v *visitor) { v.shows("#voting", "Reopen voting") })
			everywhere(func() { r.move("open") },
				func(v *visitor) { v.shows("#voting", "Close voting") })
			everywhere(func() {
				r.ask(http.MethodPatch, r.path("/polls/"+r.polls[0].PollID),
					map[string]any{"results_visibility": "presenter"}, nil)
			}, func(v *visitor) { v.sees("#covered") })
			everywhere(func() { r.votes(0, 1) }, func(v *visitor) { v.shows("#voters", "4") })
			remote.bars(3, 1, 0, 0) // which are for the presenter's eyes
			everywhere(func() { r.ask(http.MethodDelete, r.path("/polls/current"), nil, nil) },
				func(v *visitor) {
					v.until(
						`document.querySelector("#question").textContent !== "One"`)
				})
			everywhere(func() { r.show(1) }, func(v *visitor) { v.shows("#question", "Two") })
			for _, v := range presenters {
				v.until(`Number(document.querySelector("#connected").textContent) >= 1`)
				v.shows("#away", "A few seconds behind")
			}
			voter.shows("#question", "Two")
			slices.Sort(took)
			t.Logf("others' moves were seen after %v", took)
			assert.Less(t, took[len(took)/2], 3*time.Second,
				"the machine may be busy for some of %v", took)
			looks := asked.to("/polls/current")[earlier:]
			assert.LessOrEqual(t, len(looks), 2+int(time.Since(began)/(1500*time.Millisecond)),
				"a look every second and a half at most")

			// What another device does is seen before this one's move, so that this one skips
			// nothing.
			stage.click("#previous")
			for _, v := range presenters {
				v.shows("#question", "One")
			}

			p.does.Store(passes)
			for _, v := range []*visitor{stage, remote, voter} {
				v.online()
			}
			for _, v := range presenters {
				v.until(`document.querySelector("#away").hidden`)
			}
			voter.shows("#connection", "Live")
			before := len(asked.to("/polls/current"))
			r.show(1)
			for _, v := range []*visitor{stage, remote, voter} {
				v.shows("#question", "Two")
			}
			assert.Len(t, asked.to("/polls/current"), before,
				"a page that has a stream does not look")
		})
	}
}

// TestAStreamThatComesInBurstsIsNotTrusted fills the buffer of a proxy, so that the stream says
// something at last: what it said some time ago. The page goes on looking.
func TestAStreamThatComesInBurstsIsNotTrusted(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "choice", options: plain.options},
		newPoll{question: "Two", kind: "choice", options: plain.options})
	p := newProxy(t, buffers)
	stage := p.visit(t, "stage", desktop).presents(r)
	stage.open("/stage/" + r.ID)
	stage.shows("#away", "A few seconds behind")
	r.show(0)
	voters := 0
	// each is told in some 300 bytes
	for end := time.Now().Add(patience); p.bursts.Load() == 0; voters++ {
		require.True(t, time.Now().Before(end), "the buffer was never full")
		r.votes(0, 1)
	}
	stage.shows("#voters", strconv.Itoa(voters))
	r.show(1)
	stage.shows("#question", "Two")
	stage.shows("#away", "A few seconds behind")
}

// TestAPresentationThatIsDeletedIsGoneForWhoLooks deletes a presentation that pages follow by
// looking.
func TestAPresentationThatIsDeletedIsGoneForWhoLooks(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "rating"})
	p := newProxy(t, refuses)
	stage := p.visit(t, "stage", desktop).presents(r)
	stage.expect("404")
	stage.open("/stage/" + r.ID)
	stage.shows("#away", "A few seconds behind")
	r.ask(http.MethodDelete, r.path(""), nil, nil)
	stage.shows("#away", "This presentation does not exist (any more).")
}

// What a proxy does with event streams.
const (
	passes  int64 = iota // on, at once
	holds                // them back, for ever
	buffers              // until 4 KiB are there
	refuses              // with a page of its own
)

// proxy stands before the stack.
type proxy struct {
	*httptest.Server
	does   atomic.Int64
	bursts atomic.Int64 // of its buffers
}

func newProxy(t *testing.T, does int64) *proxy {
	t.Helper()
	to, err := url.Parse(site(t).URL)
	require.NoError(t, err)
	p := &proxy{}
	p.does.Store(does)
	through := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request,
			_ error) {
			w.WriteHeader(http.StatusBadGateway)
		},
		ModifyResponse: p.buffer,
		Transport:      &http.Transport{},
	}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		isStream := strings.HasSuffix(r.URL.Path, "/events")
		switch does := p.does.Load(); {
		case isStream && does == holds:
			w.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case isStream && does == refuses:
			http.Error(w, "<h1>Not through here</h1>", http.StatusServiceUnavailable)
		default:
			defer func() { _ = recover() }() // a client that went is no reason to shout
			through.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		p.CloseClientConnections()
		p.Close()
		through.Transport.(*http.Transport).CloseIdleConnections()
	})
	return p
}

// buffer puts a buffer before an event stream.
func (p *proxy) buffer(res *http.Response) error {
	if res.Header.Get("Content-Type") == "text/event-stream" && p.does.Load() == buffers {
		res.Body = &buffered{res.Body, &p.bursts}
	}
	return nil
}

// buffered is a body that gives nothing until there are 4 KiB of it.
type buffered struct {
	io.ReadCloser
	bursts *atomic.Int64
}

func (b *buffered) Read(into []byte) (int, error) {
	n, err := io.ReadFull(b.ReadCloser, into[:min(len(into), 4<<10)])
	b.bursts.Add(1)
	return n, err
}

// visit opens a browser for somebody behind the proxy. That some requests fail there is part of the
// test.
func (p *proxy) visit(t *testing.T, name string, s screen) *visitor {
	t.Helper()
	v := newVisitor(chrome(t), t, name, p.URL, s, chromedp.WithNewBrowserContext())
	v.expect("503", "409", "net::ERR_")
	return v
}
