package live

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestStreamsKeepWhatFeaturesAreToldOfThem has the bounds that tests of features know as numbers.
// Those of polls are in frame_test.go, lookout_test.go and seats_test.go, and change with these.
func TestStreamsKeepWhatFeaturesAreToldOfThem(t *testing.T) {
	require.Equal(t, 24<<10, paceViewerBytes, "bytes a second to one of a crowd")
	require.Equal(t, 16<<20, paceBytes, "bytes a second to all of it")
	require.Equal(t, 250*time.Millisecond, lookEvery)
	require.Equal(t, time.Second, quietLeast)
	require.Equal(t, 15*time.Second, quietMost)
	require.Equal(t, 15*time.Second, heartbeatEvery)
	require.Equal(t, 100, rows, "in which a crowd sits")
	require.Equal(t, 10*time.Millisecond, paceMoment, "in which several are written to")
}
