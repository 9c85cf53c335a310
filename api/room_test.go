package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// most is how many connections the crowded product has.
const most = 20

// crowded is a product with few connections.
type crowded struct {
	running
	addr, operators    string
	presentation, poll string
}

func launchCrowded(t *testing.T, env map[string]string) *crowded {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0") // for a port
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	settings := map[string]string{
		"PLENARY_ADDR":            "127.0.0.1:0",
		"PLENARY_DATABASE_URL":    "sqlite:" + filepath.Join(t.TempDir(), "plenary.db"),
		"PLENARY_OPEN":            "true",
		"PLENARY_MAX_CONNECTIONS": fmt.Sprint(most), "PLENARY_METRICS_ADDR": ln.Addr().String(),
		"PLENARY_TRUSTED_PROXIES": "none",
	}
	for name, value := range env {
		settings[name] = value
	}
	c := &crowded{running: launch(t, settings), operators: ln.Addr().String()}
	t.Cleanup(func() {
		c.stop()
		require.NoError(t, <-c.ended)
	})
	u, err := url.Parse(c.base)
	require.NoError(t, err)
	c.addr = u.Host
	var created struct {
		ID string `json:"presentation_id"`
	}
	c.call("POST", "/presentations", twoPolls, 201, &created)
	var shown struct {
		ID string `json:"poll_id"`
	}
	c.call("PUT", "/presentations/"+created.ID+"/polls/current", "", 200, &shown)
	c.presentation, c.poll = created.ID, shown.ID
	return c
}

// dialFrom connects from one of this machine's own addresses, and sends something.
func (c *crowded) dialFrom(address, text string) net.Conn {
	c.t.Helper()
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}).
		Dial("tcp", c.addr)
	require.NoError(c.t, err)
	c.t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, text)
	require.NoError(c.t, err)
	return conn
}

// answer reads the head of an answer.
func (c *crowded) answer(conn net.Conn) *http.Response {
	c.t.Helper()
	require.NoError(c.t, conn.SetReadDeadline(time.Now().Add(8*time.Second)))
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(c.t, err)
	return res
}

func (c *crowded) votes(address string) {
	c.t.Helper()
	body := fmt.Sprintf(`{"poll_id":%q,"key":"A","client_id":%q}`, c.poll, uuid.NewString())
	conn := c.dialFrom(address,
		c.head("POST", "/polls/current/votes", "Content-Type: application/json",
			fmt.Sprint("Content-Length: ", len(body)))+body)
	require.Equal(c.t, 204, c.answer(conn).StatusCode)
	require.NoError(c.t, conn.Close())
}

func (c *crowded) head(method, path string, fields ...string) string {
	lines := append([]string{method + " /api/v1/presentations/" + c.presentation + path +
		" HTTP/1.1", "Host: x"}, fields...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// watches opens a stream, and gives what its client gets; nil: it was refused with the status.
func (c *crowded) watches(address string, fields ...string) (net.Conn, int) {
	c.t.Helper()
	conn := c.dialFrom(address, c.head("GET", "/events", fields...))
	if status := c.answer(conn).StatusCode; status != 200 {
		return nil, status
	}
	return conn, 200
}

// healthy asks at the operators' address.
func (c *crowded) healthy() {
	c.t.Helper()
	client := http.Client{Timeout: 5 * time.Second,
		Transport: &http.Transport{DisableKeepAlives: true}}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		res, err := client.Get("http://" + c.operators + path)
		require.NoError(c.t, err)
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(c.t, err)
		require.NoError(c.t, res.Body.Close())
		require.Equal(c.t, 200, res.StatusCode, path)
	}
}

// TestVotesGetInThoughOneAddressHoldsAllConnections, whatever it says on them.
func TestVotesGetInThoughOneAddressHoldsAllConnections(t *testing.T) {
	for what, says := range map[string]func(*crowded) string{
		"nothing":     func(*crowded) string { return "" },
		"half a line": func(*crowded) string { return "GET /api" },
		"half a head": func(c *crowded) string {
			return strings.TrimSuffix(c.head("GET",
				"/polls/current"), "\r\n")
		},
		"half a vote": func(c *crowded) string {
			return c.head("POST", "/polls/current/votes", "Content-Type: application/json",
				"Content-Length: 500") + "{"
		},
		"a vote without its chunks": func(c *crowded) string {
			return c.head("POST", "/polls/current/votes", "Content-Type: application/json",
				"Transfer-Encoding: chunked")
		},
		"half a large body": func(c *crowded) string {
			return c.head("PATCH", "", "Content-Type: application/json", "Content-Length: 20000") +
				strings.Repeat(" ", 9000)
		},
		"a call, and no more": func(c *crowded) string { return c.head("GET", "/polls/current") },
		"calls, and reads no answer": func(*crowded) string {
			return strings.Repeat("GET /api/v1/openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n", 300)
		},
	} {
		t.Run(what, func(t *testing.T) {
			c := launchCrowded(t, nil)
			for range 3 * most {
				c.dialFrom("127.0.0.9", says(c))
			}
			c.healthy()
			for range 2 * most {
				c.votes("127.0.0.8")
			}
			conn, status := c.watches("127.0.0.8")
			require.Equal(t, 200, status)
			require.NoError(t, conn.Close())
		})
	}
}

// TestVotesAndViewersGetInThoughOneAddressHoldsAllStreams: of its streams one after the other gives
// way, until others have as many.
func TestVotesAndViewersGetInThoughOneAddressHoldsAllStreams(t *testing.T) {
	c := launchCrowded(t, nil)
	const streams = most * 8 / 10
	for range streams {
		_, status := c.watches("127.0.0.9")
		require.Equal(t, 200, status)
	}
	_, status := c.watches("127.0.0.9")
	require.Equal(t, 503, status, "it has its part, and nobody has more")
	for range most {
		c.dialFrom("127.0.0.9", "")
	}
	c.healthy()
	for range most {
		c.votes("127.0.0.8")
	}
	for i := range streams / 2 {
		_, status := c.watches("127.0.0.8")
		require.Equal(t, 200, status, i)
	}
	_, status = c.watches("127.0.0.8")
	require.Equal(t, 503, status, "no one has more")
	_, status = c.watches("127.0.0.7")
	require.Equal(t, 200, status)
	c.votes("127.0.0.7")
	c.healthy()
}

func TestOneAddressHasNoMoreThanItsShare(t *testing.T) {
	c := launchCrowded(t, map[string]string{"PLENARY_ADDRESS_CONNECTIONS": "5",
		"PLENARY_TRUSTED_PROXIES": "127.0.0.3"})
	for range 5 {
		c.dialFrom("127.0.0.9", "")
	}
	more := c.dialFrom("127.0.0.9", "")
	require.NoError(t, more.SetReadDeadline(time.Now().Add(8*time.Second)))
	_, err := more.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "it is closed at once")
	c.votes("127.0.0.8")

	// Behind a proxy, which may have any number, streams are their clients'.
	for range 5 {
		_, status := c.watches("127.0.0.3", "X-Forwarded-For: 203.0.113.7")
		require.Equal(t, 200, status)
	}
	_, status := c.watches("127.0.0.3", "X-Forwarded-For: 203.0.113.7")
	require.Equal(t, 429, status)
	_, status = c.watches("127.0.0.3", "X-Forwarded-For: 203.0.113.8")
	require.Equal(t, 200, status)
	c.votes("127.0.0.3")
}
