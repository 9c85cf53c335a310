package live

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// arrive opens a stream of a client at an address, and says whether it was ended.
func arrive(s *guests, address string) (g *guest, ended func() bool) {
	ours, theirs := net.Pipe()
	g = s.join(ours, netip.MustParseAddr(address))
	end := make(chan struct{})
	go func() {
		defer close(end)
		_, _ = io.Copy(io.Discard, theirs)
	}()
	return g, func() bool {
		select {
		case <-end:
			return true
		default:
			return false
		}
	}
}

func TestTheStreamGivesWayThatHeardNothingForLongestOfTheAddressWithMost(t *testing.T) {
	s := guests{from: map[netip.Prefix][]*guest{}}
	var all []*guest
	for i, address := range []string{"203.0.113.1", "203.0.113.2", "203.0.113.2", "203.0.113.2",
		"2001:db8::1", "2001:db8::2"} {
		g, _ := arrive(&s, address)
		g.told.Store(int64(100 - i))
		all = append(all, g)
	}
	all[3].told.Store(1000)
	one, two, new := netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2"),
		netip.MustParseAddr("203.0.113.9")
	require.Equal(t, 2, s.of(netip.MustParseAddr("2001:db8::ffff")),
		"who has a network of 64 bits is one client")
	require.Zero(t, s.of(netip.MustParseAddr("2001:db8:0:1::1")))

	require.False(t, s.makeRoomFor(two), "it has the most")
	require.False(t, s.hasRoomFor(two))
	require.True(t, s.hasRoomFor(one))
	require.True(t, s.makeRoomFor(one))
	require.Equal(t, -1, all[2].place, "the longest without news")
	require.Equal(t, 2, s.of(two))
	require.False(t, s.makeRoomFor(one), "then each would have as many")
	require.True(t, s.makeRoomFor(new))
	for range 4 {
		require.True(t, s.makeRoom(0))
	}
	require.False(t, s.makeRoom(0), "there is none")
	for _, g := range all {
		s.leave(g)
		s.leave(g)
		require.Equal(t, -1, g.place)
	}
	require.Empty(t, s.from)
}

func TestAStreamThatGivesWayIsEnded(t *testing.T) {
	s := guests{from: map[netip.Prefix][]*guest{}}
	_, ended := arrive(&s, "203.0.113.1")
	require.False(t, ended())
	require.True(t, s.makeRoom(0))
	require.Eventually(t, ended, 10*time.Second, time.Millisecond)
}
