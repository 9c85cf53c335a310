//go:build linux

package crowd

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	head     = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
	somePoll = "0192f0c1-2a3b-7c4d-8e5f-60718293a4b5"
)

// shown and tallied are events as an API sends them.
func shown(version int) string {
	return fmt.Sprintf("id: %d.0\nevent: displayed\ndata: {\"version\":%d}\n\n", version, version)
}

func tallied(version, revision int, poll string) string {
	return fmt.Sprintf("id: %d.%d\nevent: results\ndata: {\"poll_id\":\"%s\",\"revision\":%d}\n\n",
		version, revision, poll, revision)
}

// fed gives viewers of which one has read a stream in pieces of n bytes.
func fed(stream string, n int) (*Viewers, error) {
	v := &Viewers{viewers: []viewer{{version: -1, results: map[string][]byte{}}},
		shown: map[int64][]int64{}}
	for ; len(stream) > 0; stream = stream[min(n, len(stream)):] {
		piece := []byte(stream[:min(n, len(stream))])
		if err := v.feed(&v.viewers[0], piece, 1); err != nil {
			return v, err
		}
		clear(piece) // a buffer is used again
	}
	return v, nil
}

func TestAStreamIsTheSameInPiecesOfAnySize(t *testing.T) {
	stream := head + "retry: 1234\n\n" + shown(1) + ":\n\n" + tallied(1, 7, somePoll) + shown(2)
	for n := 1; n <= len(stream); n++ {
		v, err := fed(stream, n)
		require.NoError(t, err)
		require.Equal(t, Seen{Results: 1}, v.seen)
		require.Equal(t, map[int64][]int64{1: {1}, 2: {1}}, v.shown, "in pieces of %d bytes", n)
		require.Equal(t, `{"poll_id":"`+somePoll+`","revision":7}`,
			string(v.viewers[0].results[somePoll]))
	}
}

func TestWhatIsNoEventStreamIsAnError(t *testing.T) {
	for _, in := range []string{
		"SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 503 Service Unavailable\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n",
		strings.Replace(head, "Connection", "Transfer-Encoding: chunked\r\nConnection", 1),
		strings.Repeat("HTTP/1.1 200 OK", longest),
		head + "{\"json\":true}\n\n", head + "<html>\n\n", head + "data: " +
			strings.Repeat("x", longest),
		head + "id: x\nevent: displayed\ndata: {}\n\n", head + "event: displayed\ndata: {}\n\n",
		head + "id: -1.0\nevent: displayed\ndata: {}\n\n",
		head + "id: 1.1\nevent: results\ndata: {\"total\":5}\n\n", head +
			"id: 1.1\nevent: results\ndata: {\"poll_id\":\"short\"}\n\n",
		head + "id: 1.1\nevent: applause\ndata: {}\n\n", head + "\x00\xff\n\n",
	} {
		for _, n := range []int{1, 1000, len(in)} {
			_, err := fed(in, n)
			require.Error(t, err, "%.60q in pieces of %d", in, n)
		}
	}
}

// A server sends three parts, each when it is told to, and ends.
func TestViewersTellWhenAVersionWasShownWhatTheResultsAreAndWhatTheyMissed(t *testing.T) {
	const n = 40
	other := strings.Replace(somePoll, "0", "f", 1)
	second, end := make(chan struct{}), make(chan struct{})
	addr := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		send := func(part string) {
			_, _ = w.Write([]byte(part))
			_ = http.NewResponseController(w).Flush()
		}
		send(shown(1) + tallied(1, 3, somePoll))
		<-second
		send(tallied(1, 4, somePoll) + shown(4) + tallied(4, 9, other) + tallied(4, 8, other))
		<-end
	})
	v := &Viewers{Addr: addr, Source: netip.MustParseAddr("127.0.0.9"), Count: n,
		Request: []byte("GET / HTTP/1.0\r\n\r\n"), Patience: 30 * time.Second}
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	until := func(so func(Seen) bool) {
		for giveUp := Now() + int64(30*time.Second); !so(v.seen); {
			require.Less(t, Now(), giveUp)
			require.NoError(t, v.Read(Now()+int64(10*time.Millisecond)))
		}
	}
	require.NoError(t, v.Connect())
	require.Len(t, v.Shown(1), n)
	require.Empty(t, v.Shown(4))
	before := Now()
	close(second)
	until(func(s Seen) bool { return s.Results == 4*n })
	require.Len(t, v.Shown(4), n)
	for i, at := range v.Shown(4) {
		require.Greater(t, at, before)
		require.Equal(t, `{"poll_id":"`+somePoll+`","revision":4}`, string(v.Results(i, somePoll)))
		require.Contains(t, string(v.Results(i, other)), `"revision":8`)
		require.Nil(t, v.Results(i, "another"))
	}
	close(end)
	until(func(s Seen) bool { return s.Lost == n })
	seen, err := v.Seen()
	require.ErrorIs(t, err, errClosed)
	require.Equal(t, Seen{Results: 4 * n, Lost: n, Skipped: 2 * n, Fell: n}, seen)
	require.Nil(t, v.Results(0, somePoll), "a viewer that left has no present results")
}

func TestViewersThatGetNoStreamDoNotConnect(t *testing.T) {
	addr := serve(t, http.NotFound)
	v := Viewers{Addr: addr, Count: 3, Request: get(nil, 0), Patience: time.Minute}
	require.ErrorContains(t, v.Connect(), "404")
	require.NoError(t, v.Close())
}
