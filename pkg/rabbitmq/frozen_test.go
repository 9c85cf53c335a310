package rabbitmq_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/rabbitmq"
	"github.com/plenary-live/plenary/test/stack"
)

func TestThePartitionsOfAFrozenProcessGoToAnotherWithinThreeHeartbeats(t *testing.T) {
	t.Parallel() // it waits, and does nothing
	url := stack.RabbitMQURL(t)
	p := newProxy(t, url)
	frozen := open(t, rabbitmq.Config{URLs: []string{p.url}})
	defer frozen.Close()
	other := open(t, rabbitmq.Config{URLs: []string{url}})
	defer other.Close()
	_, err := frozen.Subscribe(t.Context(), 0)
	require.NoError(t, err)
	next, err := other.Subscribe(t.Context(), 0)
	require.NoError(t, err)
	p.StallIn() // its kernel still takes what comes
	begun := time.Now()
	require.NoError(t, other.Publish(t.Context(), 0, numbered(1), func(error) {}))
	receive(t, next.Deliveries())
	require.Less(t, time.Since(begun), 20*time.Second)
	t.Logf("after %s", time.Since(begun))
}
