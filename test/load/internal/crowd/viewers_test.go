//go:build linux

package crowd

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
	someEvents = "retry: 1234\n\nid: 1.0\nevent: displayed\ndata: {\"version\":1}\n\n:\n\nid: 1.7\nevent: results\ndata: a\ndata: b\n\n"
)

// chunks sends a body in chunks of n bytes.
func chunks(body string, n int) string {
	var b strings.Builder
	for ; len(body) > 0; body = body[min(n, len(body)):] {
		fmt.Fprintf(&b, "%x;x=y\r\n%s\r\n", min(n, len(body)), body[:min(n, len(body))])
	}
	return b.String()
}

// feed reads a whole in pieces of n bytes.
func feed(s *stream, whole string, n int) (read []string, err error) {
	for ; len(whole) > 0 && err == nil; whole = whole[min(n, len(whole)):] {
		piece := []byte(whole[:min(n, len(whole))])
		err = s.feed(piece, func(e event) error {
			read = append(read, fmt.Sprintf("%s %s %s", e.id, e.name, e.data))
			return nil
		})
		clear(piece) // a buffer is used again
	}
	return read, err
}

func TestAStreamIsTheSameInPiecesAndChunksOfAnySize(t *testing.T) {
	want := []string{`1.0 displayed {"version":1}`, "1.7 results a\nb"}
	plain := streamHead + "\r\n" + someEvents
	for n := 1; n <= len(plain); n++ {
		read, err := feed(&stream{}, plain, n)
		require.NoError(t, err)
		require.Equal(t, want, read, "in pieces of %d bytes", n)
	}
	for size := 1; size <= len(someEvents); size++ {
		chunked := streamHead + "transfer-encoding: Chunked\r\n\r\n" + chunks(someEvents, size)
		for _, n := range []int{1, 2, 3, 7, 64, len(chunked)} {
			read, err := feed(&stream{}, chunked, n)
			require.NoError(t, err)
			require.Equal(t, want, read, "chunks of %d in pieces of %d bytes", size, n)
		}
	}
}

func TestTheEndOfAChunkedStreamIsSaid(t *testing.T) {
	read, err := feed(&stream{}, streamHead+"Transfer-Encoding: chunked\r\n\r\n"+chunks(someEvents, 50)+"0\r\n\r\n", 11)
	require.ErrorIs(t, err, errEnded)
	require.Len(t, read, 2)
}

func TestWhatIsNoEventStreamIsAnError(t *testing.T) {
	chunked := streamHead + "Transfer-Encoding: chunked\r\n\r\n"
	for _, in := range []string{
		"SSH-2.0-OpenSSH_9.2\r\n",
		"HTTP/1.1 503 Service Unavailable\r\n",
		"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
		chunked + "zz\r\n", chunked + "-5\r\n", chunked + "\r\n", chunked + "ffffffffffffffff\r\n",
		chunked + "3\r\n:\n\n longer\r\n",
		streamHead + "\r\n{\"json\":true}\n",
		streamHead + "\r\n<html>\n",
		streamHead + "\r\ndata: " + strings.Repeat("x", longestLine) + "\n",
		streamHead + "\r\n" + strings.Repeat("data: "+strings.Repeat("x", 1000)+"\n", 100),
		strings.Repeat("HTTP/1.1 200 OK", longestLine),
	} {
		for _, n := range []int{1, 1000, len(in)} {
			_, err := feed(&stream{}, in, n)
			require.Error(t, err, "%.60q in pieces of %d", in, n)
		}
	}
}

func FuzzAStreamOfAnythingIsReadOrRefused(f *testing.F) {
	f.Add([]byte(streamHead+"\r\n"+someEvents), 3)
	f.Add([]byte(streamHead+"Transfer-Encoding: chunked\r\n\r\n"+chunks(someEvents, 20)+"0\r\n\r\n"), 5)
	f.Fuzz(func(t *testing.T, in []byte, n int) {
		if n < 1 {
			n = 1
		}
		whole, wholeErr := feed(&stream{}, string(in), max(len(in), 1))
		s := &stream{}
		pieces, err := feed(s, string(in), n)
		assert.Equal(t, whole, pieces)
		assert.Equal(t, wholeErr == nil, err == nil, "%v, %v", wholeErr, err)
		assert.LessOrEqual(t, max(len(s.frame), len(s.line), len(s.data)), longestLine)
	})
}

const somePoll = "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5"

// shown and tallied are events as an API sends them.
func shown(version int) string {
	return fmt.Sprintf("id: %d.0\nevent: displayed\ndata: {\"version\":%d}\n\n", version, version)
}

func tallied(version, revision int, poll string) string {
	return fmt.Sprintf("id: %d.%d\nevent: results\ndata: {\"poll_id\":\"%s\",\"revision\":%d}\n\n", version, revision, poll, revision)
}

// view has n viewers of a server that sends parts, the next one when next says so, and then waits.
func view(t *testing.T, n int, parts ...string) (v *Viewers, next func()) {
	release := make([]chan struct{}, len(parts)+1)
	for i := range release {
		release[i] = make(chan struct{})
	}
	close(release[0])
	released := 1
	next = func() { close(release[released]); released++ }
	addr := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i, part := range parts {
			<-release[i]
			if part == "" { // what is no event stream: the end
				return
			}
			_, _ = w.Write([]byte(part))
			_ = http.NewResponseController(w).Flush()
		}
		<-release[len(parts)]
	})
	t.Cleanup(func() {
		for released < len(release) {
			next()
		}
	})
	v = &Viewers{Addr: addr, Sources: []netip.Addr{netip.MustParseAddr("127.0.0.9")}, Count: n, Request: get(nil, 0), Patience: 30 * time.Second}
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	return v, next
}

// until reads until something is so.
func until(t *testing.T, v *Viewers, so func() bool) {
	t.Helper()
	for end := Now() + int64(30*time.Second); !so(); {
		require.Less(t, Now(), end)
		require.NoError(t, v.Read(Now()+int64(10*time.Millisecond)))
	}
}

func TestEachViewerTellsWhenItWasShownAVersionAndWhatTheResultsAre(t *testing.T) {
	const n = 40
	other := strings.Replace(somePoll, "0", "f", 1)
	v, next := view(t, n, shown(1)+tallied(1, 3, somePoll), tallied(1, 4, somePoll)+shown(2)+tallied(2, 1, other))
	require.NoError(t, v.Connect())
	require.Len(t, v.Shown(1), n)
	require.Empty(t, v.Shown(2))
	before := Now()
	next()
	until(t, v, func() bool { s, _ := v.Seen(); return s.Results == 3*n })
	require.Len(t, v.Shown(2), n)
	for _, at := range v.Shown(2) {
		require.Greater(t, at, before)
	}
	for i := range n {
		require.Equal(t, `{"poll_id":"`+somePoll+`","revision":4}`, string(v.Results(i, somePoll)))
		require.Contains(t, string(v.Results(i, other)), `"revision":1`)
		require.Nil(t, v.Results(i, "another"))
	}
	seen, err := v.Seen()
	require.NoError(t, err)
	require.Positive(t, seen.Bytes)
	seen.Bytes = 0
	require.Equal(t, Seen{Displayed: 2 * n, Results: 3 * n}, seen)
}

func TestWhatAViewerMissesIsCounted(t *testing.T) {
	v, next := view(t, 2, shown(1), shown(4)+tallied(4, 9, somePoll)+tallied(4, 8, somePoll), "")
	require.NoError(t, v.Connect())
	next()
	until(t, v, func() bool { s, _ := v.Seen(); return s.Results == 4 })
	next()
	until(t, v, func() bool { s, _ := v.Seen(); return s.Lost == 2 })
	seen, err := v.Seen()
	require.ErrorIs(t, err, errEnded)
	require.Equal(t, 4, seen.Skipped, "2 and 3, each of them")
	require.Equal(t, 2, seen.Fell)
	require.Nil(t, v.Results(0, somePoll), "who left has no present results")
}

func TestGarbageAmongTheEventsEndsTheStreamThatHadIt(t *testing.T) {
	for _, garbage := range []string{
		"id: x\nevent: displayed\ndata: {}\n\n", "event: displayed\ndata: {}\n\nid: -1.0\nevent: displayed\ndata: {}\n\n",
		"id: 1.1\nevent: results\ndata: {\"total\":5}\n\n", "id: 1.1\nevent: results\ndata: {\"poll_id\":\"short\"}\n\n",
		"id: 1.1\nevent: applause\ndata: {}\n\n", "\x00\xff\n",
	} {
		v, next := view(t, 1, shown(1), garbage)
		require.NoError(t, v.Connect())
		next()
		until(t, v, func() bool { s, _ := v.Seen(); return s.Lost == 1 })
		_, err := v.Seen()
		require.Error(t, err, "%q", garbage)
	}
}

func TestViewersThatGetNoStreamDoNotConnect(t *testing.T) {
	addr := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	v := Viewers{Addr: addr, Count: 3, Request: get(nil, 0), Patience: 30 * time.Second}
	require.ErrorContains(t, v.Connect(), "404")
	require.NoError(t, v.Close())
}
