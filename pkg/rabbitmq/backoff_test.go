package rabbitmq

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheWaitBeforeConnectingAgainDoublesUpToABoundAndIsSpread(t *testing.T) {
	for _, spread := range []float64{0, 0.5, 0.999} {
		c, err := Config{URLs: []string{"amqp://a/"}, Partitions: 1,
			Rand: func() float64 { return spread }}.check()
		require.NoError(t, err)
		for n, bound := range map[int]time.Duration{
			0: 100 * time.Millisecond, 1: 200 * time.Millisecond, 5: 3200 * time.Millisecond,
			6: 5 * time.Second, 1000: 5 * time.Second,
		} {
			require.Equal(t, time.Duration(spread*float64(bound)), c.backoff(n))
		}
	}
}
