package fault

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestACodeOfAFeaturesOwnIsOfItsKindAndOfNoOther(t *testing.T) {
	kinds := []Code{
		Invalid, Unauthenticated, Forbidden, NotFound, Conflict, Stale, TooLarge, Unsupported, Busy,
		Unavailable,
	}
	for i, kind := range kinds {
		own := kind.Named("own")
		err := fmt.Errorf("while it was tried: %w", Errorf(own, "no"))
		require.Equal(t, own, CodeOf(err))
		require.True(t, Is(err, own))
		require.False(t, Is(err, kind.Named("another")), "%s", kind)
		require.False(t, Is(Errorf(kind, "no"), own), "a kind is not each of its codes: %s", kind)
		for j, other := range kinds {
			require.Equal(t, i == j, Is(err, other), "%s and %s", kind, other)
			require.Equal(t, i == j, Is(Errorf(kind, "no"), other), "%s and %s", kind, other)
		}
	}
}

func TestAnErrorThatIsNoneOfTheDomainsHasNoCode(t *testing.T) {
	for _, err := range []error{nil, io.EOF, errors.Join(io.EOF, io.ErrClosedPipe)} {
		require.Zero(t, CodeOf(err))
		require.False(t, Is(err, Unavailable))
	}
}

func TestLogsSeeTheCauseOfAnErrorAndPeopleItsDetail(t *testing.T) {
	err := Unavailablef(io.EOF, "the %s is away", "database")
	require.ErrorIs(t, err, io.EOF)
	require.EqualError(t, err, "unavailable: the database is away: EOF")
	require.EqualError(t, Field("polls[2].kind", "must be %q", "choice"),
		`invalid: polls[2].kind: must be "choice"`)
	busy, ok := errors.AsType[*Error](BusyFor(3*time.Second, "later"))
	require.True(t, ok)
	require.Equal(t, Error{Code: Busy, Detail: "later", Wait: 3 * time.Second}, *busy)
}

func TestACodeThatAsksForSomethingIsOfItsKindAndKeepsItsName(t *testing.T) {
	asks := Unauthenticated.Named("own").Asking("Pass")
	require.Equal(t, Code{Kind: Unauthenticated.Kind, Name: "own", Challenge: "Pass"}, asks)
	require.True(t, Is(Errorf(asks, "no"), Unauthenticated))
	require.Empty(t, Unauthenticated.Challenge)
}
