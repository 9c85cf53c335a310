package browser

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/stretchr/testify/require"
)

// TestTheNextQuestionIsThereAtOnce measures from a click on "next" on the stage to the frame in
// which an audience browser shows the new question. Both read the same machine's clock. Half a
// dozen servers and two browsers share that machine with whatever else runs on it. So the best of
// three rounds counts. A machine that is busy for a moment is not slow, and code that is slow is
// so in each of them.
func TestTheNextQuestionIsThereAtOnce(t *testing.T) {
	const moves, rounds, aim = 20, 3, 150 * time.Millisecond
	polls := make([]newPoll, rounds*moves+1)
	for i := range polls {
		polls[i] = newPoll{question: fmt.Sprintf("Question %d", i), kind: "choice",
			options: plain.options}
	}
	r := create(t, plain.title, polls...)
	r.show(0)
	stage, voter := visit(t, "presenter", desktop).presents(r), visit(t, "voter", phone)
	stage.open("/stage/" + r.ID)
	voter.open("/p/" + r.ID)
	for _, v := range []*visitor{stage, voter} {
		v.shows("#question", "Question 0")
	}
	stage.until(`document.querySelector("#away").hidden`)
	stage.run(`addEventListener("click", (event) => { window.clicked = Date.now() - ` +
		`(performance.now() - event.timeStamp); }, true)`)
	voter.run(`window.seen = {}; new MutationObserver(() => requestAnimationFrame(() => {
		window.seen[document.querySelector("#question").textContent] ??= Date.now();
	})).observe(document.querySelector("#question"), { childList: true, characterData: true, subtree: true })`)
	var best []time.Duration // sorted
	median := func(took []time.Duration) time.Duration { return took[len(took)/2] }
	for round := range rounds {
		var took []time.Duration
		for i := range moves {
			question := fmt.Sprintf("Question %d", round*moves+i+1)
			stage.click("#next")
			seen := soon[float64](voter, fmt.Sprintf(`window.seen[%s]`, js(question)))
			took = append(took, time.Duration((seen-value[float64](stage,
				`window.clicked`))*float64(time.Millisecond)))
			stage.shows("#question", question)
		}
		slices.Sort(took)
		t.Logf("round %d: median %d ms, slowest %d ms", round+1, median(took).Milliseconds(),
			took[moves-1].Milliseconds())
		if best == nil || median(took) < median(best) {
			best = took
		}
		if median(best) < aim {
			break
		}
	}
	require.Positive(t, median(best))
	note(t, figure{
		what: "A click on “next” until an audience browser shows the new question",
		aim:  fmt.Sprintf("median under %d ms", aim.Milliseconds()),
		measured: fmt.Sprintf("median %d ms of %d moves, slowest %d ms",
			median(best).Milliseconds(), moves, best[moves-1].Milliseconds()),
		met: median(best) < aim,
	})
}

// A slow phone network, and what the first view of the audience page may cost there. The same view
// takes some time without the network's limits, on the same machine at the same time. That time is
// not counted. Of the time that the limits add, the page's bytes and its round trips, one after
// the other, have to do with the page.
const (
	kilobit    = 1000. / 8
	down, up   = 1600 * kilobit, 750 * kilobit // bytes a second
	latency    = 150 * time.Millisecond
	mostBytes  = 60_000
	requests   = 20
	roundTrips = 6
	slack      = 800 * time.Millisecond // a busy machine's
	mostAdded  = time.Duration(mostBytes/down*float64(time.Second)) + roundTrips*latency + slack
)

// TestTheFirstViewIsSmallAndSoon measures what somebody's first sight of the audience page costs on
// a slow phone network. The best of three rounds counts, as above.
func TestTheFirstViewIsSmallAndSoon(t *testing.T) {
	r := create(t, plain.title,
		newPoll{question: plain.question, kind: "choice", options: plain.options})
	r.show(0)
	r.votes(0, 5, 4, 3, 2)
	view := func(name string, c network.Conditions) (v *visitor, question time.Duration) {
		v = visit(t, name, phone)
		v.connect(c)
		began := time.Now()
		v.open("/join/" + r.JoinCode)
		v.shows("#question", plain.question)
		return v, time.Since(began)
	}
	var slow *visitor
	var question, added time.Duration
	for round := range 3 {
		_, free := view("on a fast network", network.Conditions{})
		v, took := view("on a slow network", network.Conditions{
			Latency: float64(latency.Milliseconds()), DownloadThroughput: down,
			UploadThroughput: up,
		})
		t.Logf("round %d: the question is there after %.1f s, without the network's limits "+
			"after %.1f s", round+1, took.Seconds(), free.Seconds())
		if slow == nil || took-free < added {
			slow, question, added = v, took, took-free
		}
		if added <= mostAdded {
			break
		}
	}
	slow.bars(5, 4, 3, 2)
	slow.until(`document.querySelector("#connection").dataset.state === "open"`)
	asked, bytes := slow.wire.count()
	painted := value[float64](slow,
		`performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? -1`)
	require.Positive(t, bytes)
	note(t, figure{
		what: "First view of the audience page at 1.6 Mbit/s down, 750 kbit/s up and 150 ms of " +
			"latency",
		aim: fmt.Sprintf(
			"at most %d requests and %d KB; the question at most %.1f s later than without "+
				"these limits",
			requests, mostBytes/1000, mostAdded.Seconds()),
		measured: fmt.Sprintf(
			"%d requests, %.1f KB, first paint after %.1f s, question after %.1f s, %.1f s later "+
				"than without",
			asked, float64(bytes)/1000, painted/1000, question.Seconds(), added.Seconds()),
		met: asked <= requests && bytes <= mostBytes && added <= mostAdded,
	})
	slow.open("/join/" + r.JoinCode)
	slow.shows("#question", plain.question)
	_, both := slow.wire.count()
	t.Logf("seen again: %.1f KB", float64(both-bytes)/1000)
}

// wire counts what comes over the network for one visitor.
type wire struct {
	mu       sync.Mutex
	requests int
	bytes    map[network.RequestID]int // of each request so far
}

func (w *wire) hear(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.bytes == nil {
		w.bytes = map[network.RequestID]int{}
	}
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, "data:") {
			w.requests++
		}
	case *network.EventResponseReceived:
		w.bytes[e.RequestID] += int(e.Response.EncodedDataLength) // its headers
	case *network.EventDataReceived:
		w.bytes[e.RequestID] += int(e.EncodedDataLength)
	case *network.EventLoadingFinished:
		w.bytes[e.RequestID] = int(e.EncodedDataLength) // headers and body
	}
}

func (w *wire) count() (requests, bytes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.bytes {
		bytes += n
	}
	return w.requests, bytes
}
