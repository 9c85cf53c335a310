package account_test

import (
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
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

func TestAGuardHasNoMoreChecksAtOnceThanThereAreProcessors(t *testing.T) {
	s := newService(t)
	a := registered(t, s)
	var now, most, asked atomic.Int64
	guarded := s.Guarded(func(check func() error) error {
		asked.Add(1)
		n := now.Add(1)
		defer now.Add(-1)
		for seen := most.Load(); n > seen && !most.CompareAndSwap(seen, n); seen = most.Load() {
		}
		return check()
	})
	var served atomic.Int64
	var all sync.WaitGroup
	for range 8 * runtime.GOMAXPROCS(0) {
		all.Go(func() {
			_, err := guarded.LogIn(t.Context(), a.Email, rightPassword)
			switch {
			case err == nil:
				served.Add(1)
			case !fault.Is(err, fault.Unavailable): // its turn had not come after a second
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Equal(t, served.Load(), asked.Load(), "who waited in vain was not guarded")
	require.NotZero(t, served.Load())
	require.LessOrEqual(t, most.Load(), int64(runtime.GOMAXPROCS(0)))
}

func TestAGuardRefusesWithoutACheckAndHearsOfEveryPassword(t *testing.T) {
	s := newService(t)
	a := registered(t, s)
	no := fault.Errorf(fault.Busy, "no more")
	refusing := s.Guarded(func(func() error) error { return no })
	var heard []error
	hearing := s.Guarded(func(check func() error) error {
		heard = append(heard, check())
		return heard[len(heard)-1]
	})
	email := uuid.NewString() + "@example.org"
	for _, ask := range []func(*account.Service, string) error{
		func(s *account.Service, password string) error {
			_, err := s.LogIn(t.Context(), a.Email, password)
			return err
		},
		func(s *account.Service, password string) error {
			_, err := s.SetPassword(t.Context(), a.ID, password, rightPassword)
			return err
		},
		func(s *account.Service, password string) error {
			c := account.Change{Email: &email, Password: password}
			_, err := s.Change(t.Context(), a.ID, c)
			return err
		},
	} {
		require.Equal(t, no, ask(refusing, rightPassword))
		for _, wrong := range []string{"another password", "short", ""} {
			heard = nil
			require.Equal(t, access.WrongPassword, fault.CodeOf(ask(hearing, wrong)), "%q", wrong)
			require.Len(t, heard, 1)
			require.Equal(t, access.WrongPassword, fault.CodeOf(heard[0]), "%q", wrong)
		}
		require.NoError(t, ask(hearing, rightPassword))
	}
	heard = nil
	_, err := hearing.Change(t.Context(), a.ID, account.Change{})
	require.NoError(t, err)
	require.Empty(t, heard, "that takes no password")
}

func TestATryThatIsRefusedReadsNothing(t *testing.T) {
	db, err := sqlite.Open(t.Context(),
		sqlite.Config{Path: filepath.Join(t.TempDir(), "plenary.db")})
	require.NoError(t, err)
	s, err := account.NewService(accountlite.New(db), access.NewPassKey(), time.Hour)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	no := fault.Errorf(fault.Busy, "no more")
	_, err = s.Guarded(func(func() error) error { return no }).
		LogIn(t.Context(), "anna@example.org", rightPassword)
	require.Equal(t, no, err)
	_, err = s.LogIn(t.Context(), "anna@example.org", rightPassword)
	require.Error(t, err)
	require.NotEqual(t, access.WrongPassword, fault.CodeOf(err), "nobody knows")
}
