package e2e

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/test/stack"
)

// TestServerOutlivesMoreConnectionsThanItMayHold gives the process 256 descriptors and opens 400
// connections: an accept that fails with EMFILE must not end it.
func TestServerOutlivesMoreConnectionsThanItMayHold(t *testing.T) {
	dir, err := binaries.build()
	require.NoError(t, err)
	few := filepath.Join(dir, "few-descriptors")
	require.NoError(t, os.WriteFile(few,
		[]byte("#!/bin/sh\nulimit -n 256 && exec "+filepath.Join(dir, "api")+"\n"), 0o755))
	s, st := own(t, stack.Config{Parts: stack.API, APIs: 1, APIBinary: few})
	api := st.APIs[0]
	pid := api.Pid()
	r := show(s.Client, choice("Who wins?"))
	pollID := r.Polls[0].PollID

	u, err := url.Parse(api.URL)
	require.NoError(t, err)
	var conns []net.Conn
	for range 400 {
		// the kernel accepts what the process does not
		conn, err := net.DialTimeout("tcp", u.Host, wait)
		require.NoError(t, err)
		conns = append(conns, conn)
	}
	for _, conn := range conns { // a byte each, so that the server has to look at all that it took
		_, _ = conn.Write([]byte("G"))
	}
	for _, conn := range conns {
		require.NoError(t, conn.Close())
	}
	transport.CloseIdleConnections()
	require.Eventually(t, func() bool {
		a, err := s.Try(r.ballot(Ballot{PollID: pollID, ClientID: aVoter, Key: "A"}))
		return err == nil && a.Status == 204
	}, wait, tick, "no vote is counted after the connections are gone")
	require.EqualValues(t, 1, r.Recount(pollID).Total)
	require.True(t, api.Running())
	require.Equal(t, pid, api.Pid())
}
