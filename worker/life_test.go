package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/inproc"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/queue"
	"github.com/plenary-live/plenary/pkg/telemetry"
)

func TestWhatRunsBesideTheCountingLives(t *testing.T) {
	log, err := inproc.Open(inproc.Config{Streams: []string{poll.Stream}, Partitions: 1})
	require.NoError(t, err)
	defer func() { require.NoError(t, log.Close()) }()
	votes, err := log.Stream(poll.Stream)
	require.NoError(t, err)
	lifetest.Run(t, func(*testing.T) lifetest.Made {
		watch := newWatch(telemetry.NewMetrics())
		return lifetest.Made{Service: beside([]queue.Stream{votes}, watch, quiet)}
	})
}
