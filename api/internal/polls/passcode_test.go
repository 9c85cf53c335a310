package polls

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/life/lifetest"
	"github.com/plenary-live/plenary/pkg/poll"
)

// generous has room for everybody.
type generous struct{}

func (generous) Grant(_ context.Context, _ uuid.UUID, n int) (int, error) { return n, nil }

// A page that has not heard of a passcode asks without one. A hall that does so at once must not
// use up its address's guesses.
func TestToAskWithoutAPasscodeIsNoGuess(t *testing.T) {
	e := newEntrance(access.NewPasses(access.NewPassKey()), generous{}, 0,
		newGuesses(wrongPasscodes, time.Now))
	defer lifetest.Stop(t, e)
	d := poll.Display{PresentationID: uuid.New(),
		Admission: access.Admission{Voters: access.ByPass, Passcode: "GARDEN"}}
	enter := func(passcode string) error {
		_, _, err := e.enter(t.Context(), always(d), passcode, uuid.Nil,
			netip.MustParseAddr("192.0.2.7"))
		return err
	}
	for range 2 * wrongPasscodes {
		for _, none := range []string{"", " ", "-"} {
			require.Equal(t, access.BadPasscode, fault.CodeOf(enter(none)))
		}
	}
	require.NoError(t, enter("gar-den"))
	for range wrongPasscodes {
		require.Equal(t, access.BadPasscode, fault.CodeOf(enter("meadow")))
	}
	require.Equal(t, fault.Busy, fault.CodeOf(enter("meadow")))
	require.Equal(t, access.BadPasscode, fault.CodeOf(enter("")))
}

// An address whose guesses are used up learns nothing more: neither from an answer, nor from the
// time that a read of the store takes.
func TestAGuessThatIsNotAllowedReadsNothing(t *testing.T) {
	e := newEntrance(access.NewPasses(access.NewPassKey()), generous{}, 0, newGuesses(2, time.Now))
	defer lifetest.Stop(t, e)
	reads := 0
	enter := func(passcode string) fault.Code {
		_, _, err := e.enter(t.Context(), func(since time.Time) (poll.Display, error) {
			if !since.IsZero() {
				reads++
			}
			return poll.Display{PresentationID: aTalk,
				Admission: access.Admission{Voters: access.ByPass, Passcode: "GARDEN"}}, nil
		}, passcode, uuid.Nil, netip.MustParseAddr("192.0.2.7"))
		return fault.CodeOf(err)
	}
	for range 2 {
		require.Equal(t, access.BadPasscode, enter("meadow"))
	}
	require.Equal(t, 2, reads, "a wrong one may be right by now")
	for _, passcode := range []string{"meadow", "garden"} {
		require.Equal(t, fault.Busy, enter(passcode))
	}
	require.Equal(t, 2, reads)
}

func TestANewPasscodeIsTakenAlsoByAReplicaThatHasNotHeardOfIt(t *testing.T) {
	e := newEntrance(access.NewPasses(access.NewPassKey()), generous{}, 0, newGuesses(2, time.Now))
	defer lifetest.Stop(t, e)
	for range 9 {
		_, _, err := e.enter(t.Context(), func(since time.Time) (poll.Display, error) {
			d := poll.Display{PresentationID: aTalk,
				Admission: access.Admission{Voters: access.ByPass, Passcode: "GARDEN"}}
			if !since.IsZero() {
				d.Passcode = "MEADOW"
			}
			return d, nil
		}, "meadow", uuid.Nil, netip.MustParseAddr("192.0.2.7"))
		require.NoError(t, err)
	}
}

// Who guesses at a room of their own must not use up the tries of a hall at the same address.
func TestGuessesAtOneRoomTakeNothingFromAnother(t *testing.T) {
	e := newEntrance(access.NewPasses(access.NewPassKey()), generous{}, 0, newGuesses(2, time.Now))
	defer lifetest.Stop(t, e)
	enter := func(id uuid.UUID, passcode string) fault.Code {
		d := poll.Display{PresentationID: id,
			Admission: access.Admission{Voters: access.ByPass, Passcode: "GARDEN"}}
		_, _, err := e.enter(t.Context(), always(d), passcode, uuid.Nil,
			netip.MustParseAddr("192.0.2.7"))
		return fault.CodeOf(err)
	}
	another := uuid.New()
	for range 2 {
		require.Equal(t, access.BadPasscode, enter(another, "meadow"))
	}
	require.Equal(t, fault.Busy, enter(another, "meadow"))
	require.Empty(t, enter(aTalk, "garden"))
}
