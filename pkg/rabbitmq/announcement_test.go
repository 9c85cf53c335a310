package rabbitmq

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/bus"
)

func FuzzAnnouncement(f *testing.F) {
	whole := announcement{[8]byte{1}, 300,
		[]bus.Change{{Thing: uuid.UUID{2}, Part: uuid.UUID{3}, Version: 4, Revision: 1 << 40},
			{}}}.encode()
	for n := range whole {
		f.Add(whole[:n])
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := decodeAnnouncement(data)
		if err != nil {
			require.Empty(t, a)
			return
		}
		again, err := decodeAnnouncement(a.encode())
		require.NoError(t, err)
		require.Equal(t, a, again)
	})
}

func TestAGapInASendersNumbersIsNoticedAndNothingElseIs(t *testing.T) {
	heard := gaps{}
	one, other := [8]byte{1}, [8]byte{2}
	for _, step := range []struct {
		from   [8]byte
		number uint64
		missed bool
	}{
		{one, 7, false}, {one, 8, false}, {other, 1, false}, {one, 10, true}, {one, 9, false},
		{one, 11, false}, {other, 4, true},
	} {
		require.Equal(t, step.missed,
			heard.missed(announcement{from: step.from, number: step.number}), "%v", step)
	}
	for i := range maxSenders {
		heard.missed(announcement{from: [8]byte{3, byte(i), byte(i >> 8)}, number: 1})
	}
	require.LessOrEqual(t, len(heard), maxSenders)
}
