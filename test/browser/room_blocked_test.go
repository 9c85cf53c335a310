package browser

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWhoGetsNoStreamSeesTheResultsToo puts a phone behind a proxy that lets no event stream
// through. Its page asks now and then, for what is new only, and shows what the others see. When
// the stream comes through after all, the page asks no more.
func TestWhoGetsNoStreamSeesTheResultsToo(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "choice", options: plain.options})
	r.ask(http.MethodPatch, r.path("/polls/"+r.polls[0].PollID),
		map[string]any{"results_visibility": "after"}, nil)
	r.show(0)
	r.votes(0, 2, 1)
	v := visit(t, "voter", phone)
	asked := v.overhear()
	v.behindProxy()
	began := time.Now()
	v.open("/p/" + r.ID)
	v.shows("#question", "One")
	v.shows("#voters", "3 voters")
	v.shows("#connection", "A few seconds behind")
	require.False(t, value[bool](v, `document.querySelector("#chart").checkVisibility()`),
		"they are for afterwards")

	v.choose(2)
	v.counted()
	r.move("close")
	v.bars(2, 2, 0, 0)
	require.NotEqual(t, "open",
		value[string](v, `document.querySelector("#connection").dataset.state`))
	looks, results, took := asked.to("/polls/current"), asked.to("/results"), time.Since(began)
	t.Logf("%d looks and %d reads of results in %.1f s", len(looks), len(results), took.Seconds())
	assert.LessOrEqual(t, len(looks), 1+int(took/(4*time.Second)),
		"a look every four seconds at most")
	assert.LessOrEqual(t, len(results), len(looks))
	assert.True(t, looks[1].knows, "the page says what it has: %+v", looks)
	assert.True(t, results[1].knows, "the page says what it has: %+v", results)

	v.ok(call(v, fetch.Disable, cdp.Empty{}), "take the proxy away")
	v.online()
	v.until(`document.querySelector("#connection").dataset.state === "open"`)
	v.shows("#connection", "Live")
	before := len(asked.to("/polls/current"))
	r.move("open")
	r.votes(0, 0, 0, 1)
	v.shows("#voters", "5 voters")
	assert.Len(t, asked.to("/polls/current"), before, "who has a stream does not look")
}

// TestAVoteThatCameTooLateIsNoLongerSaidToBeWhenThePollAsksAgain resets and reopens a poll behind
// the back of two phones. These learn from their votes only that voting was over. One phone votes
// for the first time, the other one for the second.
func TestAVoteThatCameTooLateIsNoLongerSaidToBeWhenThePollAsksAgain(t *testing.T) {
	r := create(t, plain.title, newPoll{question: "One", kind: "choice", options: plain.options})
	r.show(0)
	first, second := visit(t, "first vote", phone), visit(t, "second vote", phone)
	both := []*visitor{first, second}
	for _, v := range both {
		v.expect("409", "net::ERR_")
		v.open("/p/" + r.ID)
		v.shows("#question", "One")
	}
	second.choose(1)
	second.counted()
	for _, v := range both {
		v.block("/*/events", "/*/polls/current") // they can vote, and see nothing
		v.online()
		v.until(`document.querySelector("#connection").dataset.state === "connecting"`)
	}
	r.move("close")
	r.final(0)
	r.ask(http.MethodPost, r.path("/polls/"+r.polls[0].PollID+"/reset"), nil, nil)
	for i, says := range []string{"over", "late"} {
		both[i].choose(2)
		both[i].until(`document.querySelector("#vote").dataset.state === %s`, js(says))
	}
	r.move("open")
	for i, says := range []string{"Voting is open again.",
		"You have answered this question before; that still counts unless the " +
			"presenter has started it anew. You may answer again."} {
		both[i].block()
		both[i].online()
		both[i].shows("#vote", says)
	}
	first.until(`!document.querySelector("#ballot [aria-pressed=true]")`)
	for _, v := range both {
		v.choose(3)
		v.counted()
	}
	for _, v := range both {
		v.bars(0, 0, 2, 0)
	}

	// A change of mind that comes too late is so only until voting is open again, for who has
	// followed all of it, too.
	first.hold("*/votes")
	first.choose(4)
	first.release(func() {
		r.move("close")
		first.until(`document.querySelector("#ballot .option").ariaDisabled === "true"`)
	})
	first.until(`document.querySelector("#vote").dataset.state === "late"`)
	r.move("open")
	first.until(`document.querySelector("#vote").dataset.state === "earlier"`)
	first.choose(4)
	first.counted()
	first.bars(0, 0, 1, 1)
}

// move closes voting, or opens it again.
func (r *room) move(to string) {
	r.t.Helper()
	r.ask(http.MethodPut, r.path("/polls/current"), map[string]string{"move": to}, nil)
}

// block keeps requests for these paths from leaving the visitor's browser, and lets all others
// through again.
func (v *visitor) block(paths ...string) {
	v.t.Helper()
	all := []*network.BlockPattern{{URLPattern: "*://*:*/nothing", Block: true}}
	for _, path := range paths {
		all = append(all, &network.BlockPattern{URLPattern: "*://*:*" + path, Block: true})
	}
	v.ok(call(v, network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: all}),
		"block %q", paths)
}

// behindProxy lets a proxy answer every request for an event stream with a page of its own. By
// turns it answers as one that is overloaded and as one that forbids it.
func (v *visitor) behindProxy() {
	v.t.Helper()
	v.expect("503", "403")
	v.hold("*/events")
	v.done.Go(func() {
		for status := int64(503); ; status = 503 + 403 - status {
			select {
			case id := <-v.held:
				_ = call(v, fetch.FulfillRequest, fetch.FulfillRequestParams{
					RequestID: id, ResponseCode: status, Body: []byte("<h1>Not through here</h1>"),
					ResponseHeaders: []*fetch.HeaderEntry{{Name: "Content-Type",
						Value: "text/html"}},
				})
			case <-v.ctx.Done():
				return
			}
		}
	})
}

// online has a page connect anew, and one that waits before it tries again do so at once.
func (v *visitor) online() {
	v.t.Helper()
	v.run(`dispatchEvent(new Event("online"))`)
}

// overheard are the requests of a visitor, from when they began to be listened to.
type overheard struct {
	mu   sync.Mutex
	all  []*overheardRequest
	byID map[network.RequestID]*overheardRequest
}

type overheardRequest struct {
	url      string // without its fragment, which no server sees
	referrer string
	knows    bool // it names what the browser has already
}

// overhear listens to the visitor's requests until the test ends.
func (v *visitor) overhear() *overheard {
	v.t.Helper()
	o := &overheard{byID: map[network.RequestID]*overheardRequest{}}
	v.ok(chromedp.Listen(v.ctx, o.hear), "listen")
	return o
}

// hear takes note of a request. What its head holds and what it is about come in any order.
func (o *overheard) hear(event any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	request := func(id network.RequestID) *overheardRequest {
		if o.byID[id] == nil {
			o.byID[id] = &overheardRequest{}
			o.all = append(o.all, o.byID[id])
		}
		return o.byID[id]
	}
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		request(e.RequestID).url = e.Request.URL
	case *network.EventRequestWillBeSentExtraInfo:
		for name, value := range e.Headers {
			switch strings.ToLower(name) {
			case "if-none-match":
				request(e.RequestID).knows = true
			case "referer":
				request(e.RequestID).referrer, _ = value.(string)
			}
		}
	}
}

// to gives the requests so far for addresses that end so.
func (o *overheard) to(end string) (requests []overheardRequest) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.all {
		if strings.HasSuffix(r.url, end) {
			requests = append(requests, *r)
		}
	}
	return requests
}
