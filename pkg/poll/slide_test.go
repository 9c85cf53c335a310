package poll

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASlideComesBackFromAStoreAsItWasKept(t *testing.T) {
	for _, s := range []Slide{
		{Index: -1},
		{Version: 7, Index: 2},
		{Version: 7, Index: 2, Displayed: true},
		{Version: 7, Index: 2, Displayed: true, Closed: true},
	} {
		open, closed := s.Kept()
		require.Equal(t, s, KeptSlide(s.Version, s.Index, open, closed))
	}
}

func TestWhatAnEarlierVersionClosedDoesNotCount(t *testing.T) {
	require.Equal(t, Slide{Version: 8, Index: 2}, KeptSlide(8, 2, false, 7))
	require.Equal(t, Slide{Version: 8, Index: 2, Displayed: true}, KeptSlide(8, 2, true, 7))
}
