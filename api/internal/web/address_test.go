package web

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
)

// someProxies are a machine's own addresses and two networks.
var someProxies = Proxies{
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"),
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"),
}

func TestTheClientIsTheLastAddressThatAProxyDoesNotHave(t *testing.T) {
	for _, c := range []struct{ peer, forwarded, want string }{
		{"203.0.113.7", "", "203.0.113.7"},
		{"203.0.113.7", "6.6.6.6", "203.0.113.7"}, // whose word is not believed
		{"203.0.113.7", "6.6.6.6, 127.0.0.1", "203.0.113.7"},
		{"127.0.0.1", "", "127.0.0.1"},
		{"127.0.0.1", "203.0.113.7", "203.0.113.7"},
		{"127.0.0.1", "6.6.6.6, 203.0.113.7", "203.0.113.7"}, // the client itself wrote the first
		{"127.0.0.1", "6.6.6.6,203.0.113.7,10.2.3.4 ,  10.9.9.9", "203.0.113.7"},
		{"10.1.1.1", "127.0.0.1, 10.0.0.9", "127.0.0.1"}, // a proxy asks for itself
		{"::1", "2001:db8::5", "2001:db8::5"},
		{"fd00::1", "2001:DB8:0::5, fd12::9", "2001:db8::5"},
		{"::ffff:127.0.0.1", "203.0.113.7", "203.0.113.7"},
		{"::ffff:203.0.113.9", "6.6.6.6", "203.0.113.9"},
		{"127.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"},
		{"127.0.0.1", "::ffff:10.0.0.1", "10.0.0.1"},
		{"127.0.0.1", "203.0.113.7:4711", "203.0.113.7"},
		{"127.0.0.1", "[2001:db8::5]:4711", "2001:db8::5"},
		{"127.0.0.1", "[2001:db8::5]", "2001:db8::5"},
		{"127.0.0.1", "fe80::1%eth0", "fe80::1"},
		{"127.0.0.1", " , ,203.0.113.7, ,\t,", "203.0.113.7"},
		{"127.0.0.1", ", ,", "127.0.0.1"},
		// Garbage where the client should be.
		{"127.0.0.1", "unknown", "127.0.0.1"},
		{"127.0.0.1", "6.6.6.6, _hidden", "127.0.0.1"},
		{"127.0.0.1", "6.6.6.6, x, 10.0.0.1", "127.0.0.1"},
		{"127.0.0.1", "x, 203.0.113.7", "203.0.113.7"},
		{"127.0.0.1", "[10.0.0.1]", "127.0.0.1"},
		{"127.0.0.1", "203.0.113", "127.0.0.1"},
		{"127.0.0.1", "203.0.113.7:x", "127.0.0.1"},
		{"127.0.0.1", "203.0.113.7 6.6.6.6", "127.0.0.1"},
		{"127.0.0.1", "203.0.113.7\x00", "127.0.0.1"},
		{"127.0.0.1", "\"203.0.113.7\"", "127.0.0.1"},
		{"127.0.0.1", "[", "127.0.0.1"},
		{"127.0.0.1", "[]", "127.0.0.1"},
		{"127.0.0.1", strings.Repeat("10.0.0.1,", 1000) + "☃", "127.0.0.1"},
	} {
		peer := &net.TCPAddr{IP: net.ParseIP(c.peer), Port: 4711}
		got := someProxies.Behind(c.forwarded, peer)
		require.Equal(t, c.want, got.String(), c)
		require.Equal(t, c.want, someProxies.Client(requestFrom(t, peer, c.forwarded)).String(), c)
		require.Equal(t, AddressOf(peer), Proxies(nil).Behind(c.forwarded, peer),
			"nobody is believed where none is named")
	}
	require.Equal(t, netip.Addr{},
		someProxies.Behind("1.2.3.4", &net.UnixAddr{Name: "@", Net: "unix"}))
	require.Empty(t, AddressText(netip.Addr{}))
}

// requestFrom gives a request of a peer with the header's lines.
func requestFrom(t *testing.T, peer net.Addr, forwarded ...string) *fiber.Ctx {
	app := fiber.New()
	fctx := &fasthttp.RequestCtx{}
	fctx.Init(&fasthttp.Request{}, peer, nil)
	for _, line := range forwarded {
		fctx.Request.Header.Add(fiber.HeaderXForwardedFor, line)
	}
	c := app.AcquireCtx(fctx)
	t.Cleanup(func() { app.ReleaseCtx(c) })
	return c
}

func TestAProxyThatAddsALineOfItsOwnIsBelievedAboveTheClient(t *testing.T) {
	c := requestFrom(t, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, "6.6.6.6", "203.0.113.7")
	require.Equal(t, "203.0.113.7", someProxies.Client(c).String())
}

func FuzzClientAddress(f *testing.F) {
	for _, forwarded := range []string{"", "1.2.3.4, 10.0.0.1", "[::1]:80,::ffff:1.2.3.4", ",,x",
		"fe80::1%\x00", "[[::1]]"} {
		f.Add(forwarded)
	}
	f.Fuzz(func(t *testing.T, forwarded string) {
		far := &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7)}
		require.Equal(t, AddressOf(far), someProxies.Behind(forwarded, far))
		got := someProxies.Behind(forwarded, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		require.True(t, got.IsValid() && !got.Is4In6() && got.Zone() == "")
		honest := someProxies.Behind(forwarded+", 203.0.113.7",
			&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		require.Equal(t, "203.0.113.7", honest.String(),
			"whatever a client writes before what its proxy does")
	})
}
