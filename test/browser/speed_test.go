package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTheNextQuestionIsThereAtOnce measures from a click on "next" on the stage to the frame in which an audience browser shows
// the new question. Both read the same machine's clock. Half a dozen servers and two browsers share that machine with whatever else
// runs on it, so the best of three rounds counts: a machine that is busy for a moment is not slow, and code that is slow is so in
// each of them.
func TestTheNextQuestionIsThereAtOnce(t *testing.T) {
	const moves, rounds, aim = 20, 3, 150 * time.Millisecond
	polls := make([]newPoll, rounds*moves+1)
	for i := range polls {
		polls[i] = newPoll{question: fmt.Sprintf("Question %d", i), kind: "choice", options: plain.options}
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
	stage.run(`addEventListener("click", (event) => { window.clicked = Date.now() - (performance.now() - event.timeStamp); }, true)`)
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
			took = append(took, time.Duration((seen-value[float64](stage, `window.clicked`))*float64(time.Millisecond)))
			stage.shows("#question", question)
		}
		slices.Sort(took)
		t.Logf("round %d: median %d ms, slowest %d ms", round+1, median(took).Milliseconds(), took[moves-1].Milliseconds())
		if best == nil || median(took) < median(best) {
			best = took
		}
		if median(best) < aim {
			break
		}
	}
	note(t, "A click on “next” until an audience browser shows the new question",
		fmt.Sprintf("median %d ms of %d moves, slowest %d ms", median(best).Milliseconds(), moves, best[moves-1].Milliseconds()))
	require.Positive(t, median(best))
	assert.Less(t, median(best), aim)
}

// TestTheFirstViewIsSmall measures what somebody's first sight of the audience page costs on a slow phone network.
func TestTheFirstViewIsSmall(t *testing.T) {
	r := create(t, plain.title, newPoll{question: plain.question, kind: "choice", options: plain.options})
	r.show(0)
	r.votes(0, 5, 4, 3, 2)
	v := visit(t, "voter", phone)
	const kilobit = 1000. / 8
	v.connect(network.Conditions{Latency: 150, DownloadThroughput: 1600 * kilobit, UploadThroughput: 750 * kilobit})
	began := time.Now()
	v.open("/join/" + r.JoinCode)
	v.shows("#question", plain.question)
	question := time.Since(began)
	v.bars(5, 4, 3, 2)
	v.until(`document.querySelector("#connection").dataset.state === "open"`)
	requests, bytes := v.wire.count()
	painted := value[float64](v, `performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? -1`)
	note(t, "First view of the audience page at 1.6 Mbit/s down, 750 kbit/s up and 150 ms of latency",
		fmt.Sprintf("%d requests, %.1f KB, first paint after %.1f s, question after %.1f s", requests, float64(bytes)/1000, painted/1000, question.Seconds()))
	assert.Positive(t, bytes)
	assert.Less(t, bytes, 60_000, "bytes, of headers too")
	v.open("/join/" + r.JoinCode)
	v.shows("#question", plain.question)
	_, both := v.wire.count()
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

// note prints what was measured. With -write it becomes the row of that name in docs/room.md.
func note(t *testing.T, what, measured string) {
	t.Helper()
	t.Logf("%s: %s", what, measured)
	if !*write {
		return
	}
	file := filepath.Join(root(), "docs", "room.md")
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	lines, found := strings.Split(string(raw), "\n"), false
	for i, line := range lines {
		if strings.HasPrefix(line, "| "+what+" |") {
			lines[i], found = "| "+what+" | "+measured+" |", true
		}
	}
	require.True(t, found, "docs/room.md has no row for %s", what)
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o644))
}
