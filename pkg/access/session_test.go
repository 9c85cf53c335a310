package access

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestAnAccountOwnsWhatIsItsOwnAndTheTokenGoesOnWorking(t *testing.T) {
	account := uuid.New()
	token, hash := NewToken()
	a := Tokens{TokenHash: hash, Account: account}
	require.Equal(t, Owner, a.Holds(OfAccount(account)))
	require.Equal(t, Owner, a.RoleOf(token))
	require.Equal(t, Anybody, a.Holds(OfAccount(uuid.New())))
	require.Equal(t, Anybody, a.RoleOf(string(account[:])), "an account's id is no token")
	require.Equal(t, Anybody, a.RoleOf(account.String()))
	nobodys := Tokens{TokenHash: hash}
	require.Equal(
		t,
		Anybody,
		nobodys.Holds(OfAccount(uuid.Nil)),
		"no account owns what has no account",
	)
}

func TestASessionIsToldFromATokenByItsForm(t *testing.T) {
	require.True(t, IsSession("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"))
	token, _ := NewToken()
	for _, other := range []string{"", token, "eyJ", "eyJ.", "eyJ.a.b.c", "a.b.c", ".eyJ."} {
		require.False(t, IsSession(other), "%q", other)
	}
}

func TestAVoterIsToldApartAtLeastAsThePresentationAsks(t *testing.T) {
	for v, admitted := range map[Voters][]Identity{
		Anyone:    {ByClient, Passed, LoggedIn},
		ByPass:    {Passed, LoggedIn},
		ByAccount: {LoggedIn},
	} {
		for _, i := range []Identity{ByClient, Passed, LoggedIn} {
			found := false
			for _, a := range admitted {
				found = found || a == i
			}
			require.Equal(t, found, v.Admits(i), "%s in a room of %s", i, v)
		}
	}
	require.Equal(t, Passed, LoggedIn.Least(Passed))
	require.Equal(t, ByClient, ByClient.Least(LoggedIn))
}

func TestWhoMustLogInNeedsNoPasscodeAndHasNoLimit(t *testing.T) {
	a, err := Admission{Voters: ByAccount}.Check()
	require.NoError(t, err)
	require.Equal(t, Admission{Voters: ByAccount}, a)
	_, err = Admission{Voters: ByAccount, MaxVoters: 3}.Check()
	require.ErrorContains(t, err, "max_voters")
	_, err = Admission{Voters: ByAccount, Passcode: "GARDEN"}.Check()
	require.ErrorContains(t, err, "passcode")
}
