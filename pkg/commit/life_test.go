package commit

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/commit/committest"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
)

// TestAGroupLives with items that wait for their results, and a log that confirms all but one.
func TestAGroupLives(t *testing.T) {
	log := committest.Open(4)
	defer log.Close()
	lifetest.Run(t, func(t *testing.T) lifetest.Made {
		b := &bench{Group: New(log, config())}
		return lifetest.Made{Service: b, Work: func() {
			h := newHearing()
			require.NoError(t, b.try(context.Background(), itemOf(1, "A"), false, h))
			(<-log.Entries).Confirm(nil)
			require.NoError(t, b.try(context.Background(), itemOf(2, "B"), true, newHearing()))
			<-log.Entries
			t.Cleanup(func() { require.EqualValues(t, 1, h.told.Load()) })
		}}
	})
}
