package polls

import (
	"bufio"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/api/internal/polls/fast/fasttest"
	"github.com/plenary-live/plenary/api/internal/web"
)

// someProxies are a machine's own addresses.
var someProxies = web.Proxies{netip.MustParsePrefix("127.0.0.0/8")}

func TestLogsNameTheClientAndNotWhatItClaimsToBe(t *testing.T) {
	request := fasttest.Request(fasttest.APath, ballot("counted"),
		"X-Forwarded-For: 6.6.6.6, 203.0.113.7")
	for want, proxies := range map[string]web.Proxies{"127.0.0.1": nil,
		"203.0.113.7": someProxies} {
		b := newBooth(t, proxies...)
		client := dial(t, b.Listener)
		answers := bufio.NewReader(client)
		for _, way := range [][]byte{request, forFiber(request)} {
			b.told.next()
			client.vote(answers, way).require(t, 204)
			require.Contains(t, strings.Join(b.told.next(), "\n")+"\n", " ip="+want+"\n")
		}
	}
}
