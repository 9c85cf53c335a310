//go:build linux

package crowd

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// serve answers with handler on an address of loopback.
func serve(t *testing.T, handler http.HandlerFunc) netip.AddrPort {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := http.Server{Handler: handler}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ln) }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-done, http.ErrServerClosed)
	})
	return netip.MustParseAddrPort(ln.Addr().String())
}

func get(buf []byte, _ int) []byte { return append(buf, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"...) }

func run(t *testing.T, l Load) Outcome {
	require.NoError(t, l.Connect())
	o, err := l.Run(Now() + int64(20*time.Millisecond))
	require.NoError(t, err)
	return o
}

func TestAnAnswerMayComeInPieces(t *testing.T) {
	const whole = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
	for n := range len(whole) {
		_, done, err := parse([]byte(whole[:n]))
		require.NoError(t, err)
		require.False(t, done, "after %d bytes", n)
	}
	status, done, err := parse([]byte(whole))
	require.NoError(t, err)
	require.True(t, done)
	require.Equal(t, 200, status)

	status, done, err = parse([]byte("HTTP/1.1 204 No Content\r\nX: y\r\n\r\n"))
	require.NoError(t, err)
	require.True(t, done)
	require.Equal(t, 204, status)
}

func TestWhatIsNoAnswerIsAnError(t *testing.T) {
	for _, in := range []string{"SSH-2.0\r\n\r\n", "HTTP/1.1 abc\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"} {
		_, _, err := parse([]byte(in))
		require.Error(t, err, "%q", in)
	}
}

// One connection and a server that stalls once: all are slow that were due meanwhile.
func TestAStallIsInTheLatencyOfEveryRequestThatWasDueMeanwhile(t *testing.T) {
	const stall = 500 * time.Millisecond
	var n atomic.Int64
	addr := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) == 10 {
			time.Sleep(stall)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	o := run(t, Load{Addr: addr, Conns: 1, Rate: 100, Due: 100, Patience: 20 * time.Second,
		Request: get})
	assert.Equal(t, map[int]int{204: 100}, o.Answers)
	require.Len(t, o.Latencies, 100)
	slow := 0
	for _, l := range o.Latencies {
		if time.Duration(l) > stall/5 {
			slow++
		}
	}
	assert.GreaterOrEqual(t, slow, 40) // those that were due in the first four fifths of the stall
}

func TestRequestsWithoutAnAnswerHaveALatencyToo(t *testing.T) {
	release := make(chan struct{})
	addr := serve(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	o := run(t, Load{Addr: addr, Conns: 2, Rate: 100, Due: 10, Patience: 100 * time.Millisecond,
		Request: get})
	assert.Equal(t, 2, o.Broken)
	assert.Equal(t, 8, o.Unsent)
	assert.Len(t, o.Latencies, 10)
	assert.GreaterOrEqual(t, Percentile(o.Latencies, 50), 100*time.Millisecond)
}

func TestWhoIsRefusedInABurstTriesAgain(t *testing.T) {
	var votes atomic.Int64
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch {
		case r.Method == http.MethodGet:
			w.WriteHeader(http.StatusOK)
		case votes.Add(1) <= 3:
			w.Header().Set("Content-Length", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	o := run(t, Load{Addr: addr, Source: netip.MustParseAddr("127.0.0.9"), Conns: 20, Due: 20,
		Warm:     get(nil, 0),
		Patience: 30 * time.Second, Retry: time.Second, Request: func(buf []byte, _ int) []byte {
			return append(buf, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1"...)
		}})
	assert.Equal(t, map[int]int{204: 20}, o.Answers)
	assert.Equal(t, 3, o.Repeated)
	assert.Zero(t, o.Broken)
	assert.Len(t, o.Latencies, 20)
	assert.Greater(t, Percentile(o.Latencies, 100), time.Second,
		"the time of what was refused runs on")
}

func TestPercentilesAreValuesThatWereMeasured(t *testing.T) {
	sorted := []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for p, want := range map[float64]time.Duration{0: 1, 10: 1, 50: 5, 90: 9, 91: 10, 99.9: 10,
		100: 10} {
		assert.Equal(t, want, Percentile(sorted, p), "%v %%", p)
	}
	assert.Zero(t, Percentile(nil, 50))
}
