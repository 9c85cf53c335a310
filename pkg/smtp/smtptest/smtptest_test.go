package smtptest

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAServerStopsHoweverSoonAfterItsStart(t *testing.T) {
	cert, _, _ := Certificate(t)
	for range 200 {
		for _, cfg := range []Config{{}, {Cert: cert, Implicit: true}} {
			s := Start(t, cfg)
			s.Stop()
			_, err := net.Dial("tcp", s.Addr)
			require.Error(t, err, "nobody listens there any more")
			s.Stop() // as the end of the test does
		}
	}
}
