package httpapi

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/poll"
)

// generous has room for everybody.
type generous struct{}

func (generous) Grant(_ context.Context, _ uuid.UUID, n int) (int, error) { return n, nil }

// A page that has not heard of a passcode asks without one. A hall that does so at once must not use up its address's guesses.
func TestToAskWithoutAPasscodeIsNoGuess(t *testing.T) {
	e := newEntrance(poll.NewPasses(poll.NewPassKey()), generous{}, 0, newGuesses(wrongPasscodes, time.Now))
	defer e.close()
	d := poll.Display{PresentationID: uuid.New(), Admission: poll.Admission{Voters: poll.ByPass, Passcode: "GARDEN"}}
	enter := func(passcode string) error {
		_, _, err := e.enter(t.Context(), d, passcode, uuid.Nil, netip.MustParseAddr("192.0.2.7"))
		return err
	}
	for range 2 * wrongPasscodes {
		for _, none := range []string{"", " ", "-"} {
			require.Equal(t, poll.BadPasscode, poll.KindOf(enter(none)))
		}
	}
	require.NoError(t, enter("gar-den"))
	for range wrongPasscodes {
		require.Equal(t, poll.BadPasscode, poll.KindOf(enter("meadow")))
	}
	require.Equal(t, poll.Busy, poll.KindOf(enter("meadow")))
	require.Equal(t, poll.BadPasscode, poll.KindOf(enter("")))
}
