package account_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/account/accountlite"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

const rightPassword = "correct horse battery"

func newService(t *testing.T) *account.Service {
	t.Helper()
	db, err := sqlite.Open(
		t.Context(),
		sqlite.Config{Path: filepath.Join(t.TempDir(), "plenary.db")},
	)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	s, err := account.NewService(accountlite.New(db), access.NewPassKey(), time.Hour)
	require.NoError(t, err)
	return s
}

// registered makes an account with the right password.
func registered(t *testing.T, s *account.Service) account.Account {
	t.Helper()
	a, err := s.Register(t.Context(), "Anna", uuid.NewString()+"@example.org", rightPassword)
	require.NoError(t, err)
	return a
}

// requireSession requires that a session is the account's, or gives the code.
func requireSession(
	t *testing.T,
	want fault.Code,
	s *account.Service,
	a account.Account,
	token string,
) {
	t.Helper()
	id, err := s.Sessions().Account(t.Context(), token)
	require.Equal(t, want, fault.CodeOf(err), "%v", err)
	if err == nil {
		require.Equal(t, a.ID, id)
	}
}

func TestWhoRegisteredLogsInUntilTheyLogOutEverywhere(t *testing.T) {
	s := newService(t)
	a := registered(t, s)
	require.NotContains(t, a.Password, rightPassword)
	require.Regexp(t, `^\$argon2id\$v=19\$m=19456,t=2,p=1\$`, a.Password)
	first, err := s.LogIn(t.Context(), " "+a.Email+" ", rightPassword)
	require.NoError(t, err)
	second, err := s.LogIn(t.Context(), a.Email, rightPassword)
	require.NoError(t, err)
	requireSession(t, fault.Code{}, s, a, first.Token)
	require.NoError(t, s.LogOut(t.Context(), a.ID))
	requireSession(t, access.EndedSession, s, a, first.Token)
	requireSession(t, access.EndedSession, s, a, second.Token)
	third, err := s.LogIn(t.Context(), a.Email, rightPassword)
	require.NoError(t, err)
	requireSession(t, fault.Code{}, s, a, third.Token)
}

func TestAWrongPasswordAndAnUnknownAddressAreAnsweredAlike(t *testing.T) {
	s := newService(t)
	a := registered(t, s)
	_, known := s.LogIn(t.Context(), a.Email, "another password")
	for _, email := range []string{"nobody@example.org", "no address", "", "\x00", "\xff"} {
		_, err := s.LogIn(t.Context(), email, rightPassword)
		require.Equal(t, known, err, "%q", email)
	}
	_, err := s.LogIn(t.Context(), a.Email, "short")
	require.Equal(t, known, err)
	require.Equal(t, access.WrongPassword, fault.CodeOf(known))
}

// distance is the largest difference of two samples' distributions (Kolmogorov and Smirnov).
func distance(a, b []time.Duration) (most float64) {
	slices.Sort(a)
	slices.Sort(b)
	share := func(sorted []time.Duration, d time.Duration) float64 {
		n, _ := slices.BinarySearch(sorted, d+1)
		return float64(n) / float64(len(sorted))
	}
	for _, d := range append(slices.Clone(a), b...) {
		most = max(most, share(a, d)-share(b, d), share(b, d)-share(a, d))
	}
	return most
}

func TestAWrongPasswordAndAnUnknownAddressTakeTheSameTime(t *testing.T) {
	s := newService(t)
	a := registered(t, s)
	const tries = 30
	// By chance, samples of one distribution are further apart once in ten thousand times.
	const apart = 0.58
	took := func(email, password string) time.Duration {
		begun := time.Now()
		_, err := s.LogIn(t.Context(), email, password)
		require.Equal(t, access.WrongPassword, fault.CodeOf(err))
		return time.Since(begun)
	}
	var known, unknown, none []time.Duration
	for range tries { // in an order that no noise follows
		for _, i := range rand.Perm(3) {
			switch i {
			case 0:
				known = append(known, took(a.Email, "another password"))
			case 1:
				unknown = append(unknown, took(uuid.NewString()+"@example.org", "another password"))
			case 2:
				none = append(none, took(a.Email, "short")) // which nothing is computed for
			}
		}
	}
	require.Greater(
		t,
		distance(known, none),
		apart,
		"the test sees a difference where there is one",
	)
	require.Less(t, distance(known, unknown), apart)
}

func TestAPasswordIsChangedByWhoKnowsItAndEndsAllSessions(t *testing.T) {
	s := newService(t)
	a := registered(t, s)
	old, err := s.LogIn(t.Context(), a.Email, rightPassword)
	require.NoError(t, err)
	_, err = s.SetPassword(t.Context(), a.ID, "another password", "the next one")
	require.Equal(t, access.WrongPassword, fault.CodeOf(err))
	_, err = s.SetPassword(t.Context(), a.ID, rightPassword, "short")
	require.ErrorContains(t, err, "new_password")
	requireSession(t, fault.Code{}, s, a, old.Token)
	next, err := s.SetPassword(t.Context(), a.ID, rightPassword, "the next one")
	require.NoError(t, err)
	requireSession(t, access.EndedSession, s, a, old.Token)
	requireSession(t, fault.Code{}, s, a, next.Token)
	_, err = s.LogIn(t.Context(), a.Email, rightPassword)
	require.Equal(t, access.WrongPassword, fault.CodeOf(err))
	_, err = s.LogIn(t.Context(), a.Email, "the next one")
	require.NoError(t, err)
}

func TestAnotherAddressTakesThePassword(t *testing.T) {
	s := newService(t)
	a, other := registered(t, s), registered(t, s)
	email := uuid.NewString() + "@example.org"
	_, err := s.Change(t.Context(), a.ID, account.Change{Email: &email})
	require.Equal(t, access.WrongPassword, fault.CodeOf(err))
	_, err = s.Change(
		t.Context(),
		a.ID,
		account.Change{Email: &other.Email, Password: rightPassword},
	)
	require.Equal(t, account.EmailTaken, fault.CodeOf(err))
	name := "Berta"
	changed, err := s.Change(t.Context(), a.ID, account.Change{Username: &name, Email: &a.Email})
	require.NoError(t, err)
	require.Equal(t, "Berta", changed.Username)
	_, err = s.Change(t.Context(), a.ID, account.Change{Email: &email, Password: rightPassword})
	require.NoError(t, err)
	_, err = s.LogIn(t.Context(), email, rightPassword)
	require.NoError(t, err)
	_, err = s.LogIn(t.Context(), a.Email, rightPassword)
	require.Equal(t, access.WrongPassword, fault.CodeOf(err))
}

func TestALinkSetsAPasswordOnceAndEndsAllSessions(t *testing.T) {
	s := newService(t)
	a := registered(t, s)
	old, err := s.LogIn(t.Context(), a.Email, rightPassword)
	require.NoError(t, err)
	_, err = s.NewReset(t.Context(), "nobody@example.org")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	link, err := s.NewReset(t.Context(), a.Email)
	require.NoError(t, err)
	require.ErrorContains(t, s.Reset(t.Context(), link, "short"), "password")
	for _, wrong := range []string{"", link[1:], link + "x", "\x00", a.ID.String()} {
		require.Equal(
			t,
			account.BadReset,
			fault.CodeOf(s.Reset(t.Context(), wrong, "the next one")),
		)
	}
	require.NoError(t, s.Reset(t.Context(), link, "the next one"))
	requireSession(t, access.EndedSession, s, a, old.Token)
	require.Equal(t, account.BadReset, fault.CodeOf(s.Reset(t.Context(), link, "a third one")))
	_, err = s.LogIn(t.Context(), a.Email, "the next one")
	require.NoError(t, err)
}

func TestADeletedAccountLogsInNoMore(t *testing.T) {
	s := newService(t)
	a := registered(t, s)
	session, err := s.LogIn(t.Context(), a.Email, rightPassword)
	require.NoError(t, err)
	require.NoError(t, s.Delete(t.Context(), a.ID))
	requireSession(t, access.EndedSession, s, a, session.Token)
	_, err = s.LogIn(t.Context(), a.Email, rightPassword)
	require.Equal(t, access.WrongPassword, fault.CodeOf(err))
}

func TestPasswordsAreCheckedAsManyAtOnceAsThereAreProcessorsAndOthersWaitASecond(t *testing.T) {
	s := newService(t)
	a := registered(t, s)
	release := s.HoldHashes(runtime.GOMAXPROCS(0))
	begun := time.Now()
	_, err := s.LogIn(t.Context(), a.Email, rightPassword)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	require.GreaterOrEqual(t, time.Since(begun), time.Second)
	require.Less(t, time.Since(begun), 10*time.Second)
	require.Equal(t, time.Second, err.(*fault.Error).Wait) //nolint:errorlint // it is one
	_, err = s.Register(t.Context(), "Anna", "anna@example.org", rightPassword)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	release()
	_, err = s.LogIn(t.Context(), a.Email, rightPassword)
	require.NoError(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.LogIn(ended, a.Email, rightPassword)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
}
