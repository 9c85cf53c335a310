package account_test

import (
	"context"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/account/accountlite"
	"github.com/plenary-live/plenary/pkg/account/accountoidc"
	"github.com/plenary-live/plenary/pkg/account/accountoidc/oidctest"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

const redirect = "https://vote.example/api/v1/auth/oidc/callback"

// elsewhere is a service whose accounts log in at a provider, too.
type elsewhere struct {
	*account.Elsewhere
	store    account.Store
	provider *oidctest.Provider
}

func newElsewhere(t *testing.T) elsewhere {
	t.Helper()
	db, err := sqlite.Open(
		t.Context(),
		sqlite.Config{Path: filepath.Join(t.TempDir(), "plenary.db")},
	)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	store, key := accountlite.New(db), access.NewPassKey()
	s, err := account.NewService(store, key, time.Hour)
	require.NoError(t, err)
	there := oidctest.Start(t, redirect)
	return elsewhere{account.NewElsewhere(s, accountoidc.New(accountoidc.Config{
		Issuer: there.Issuer, ClientID: oidctest.ClientID, ClientSecret: oidctest.ClientSecret,
		Redirect: redirect,
	}), key, time.Now), store, there}
}

// email is what the provider tells of the person's address.
func (e elsewhere) email() string { return e.provider.Claims["email"].(string) }

// visit begins a log-in, and gives what the browser brings back from the provider.
func (e elsewhere) visit(t *testing.T) account.Return {
	t.Helper()
	to, ticket, err := e.Begin(t.Context())
	require.NoError(t, err)
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	browser := http.Client{
		CheckRedirect: stay, Transport: &http.Transport{DisableKeepAlives: true},
	}
	res, err := browser.Get(to)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	back, err := res.Location()
	require.NoError(t, err)
	q := back.Query()
	return account.Return{
		Ticket: ticket, State: q.Get("state"), Code: q.Get("code"), Error: q.Get("error"),
	}
}

// logIn logs the provider's person in, and gives the account.
func (e elsewhere) logIn(t *testing.T) (account.Account, account.Session) {
	t.Helper()
	session, err := e.Finish(t.Context(), e.visit(t))
	require.NoError(t, err)
	id, err := e.Sessions().Account(t.Context(), session.Token)
	require.NoError(t, err)
	a, err := e.Account(t.Context(), id)
	require.NoError(t, err)
	return a, session
}

// register makes an account with an address, and logs it in.
func (e elsewhere) register(t *testing.T, email string) (account.Account, account.Session) {
	t.Helper()
	a, err := e.Register(t.Context(), "Somebody", email, rightPassword)
	require.NoError(t, err)
	session, err := e.LogIn(t.Context(), email, rightPassword)
	require.NoError(t, err)
	return a, session
}

func TestAPersonOfTheProviderHasOneAccount(t *testing.T) {
	e := newElsewhere(t)
	first, _ := e.logIn(t)
	require.Equal(t, e.email(), first.Email)
	require.Equal(t, "Anna Ünal", first.Username)
	require.True(t, first.Verified)
	require.Empty(t, first.Password)
	e.provider.Claims["email"], e.provider.Claims["email_verified"] = "another@example.org", false
	second, _ := e.logIn(t)
	require.Equal(t, first, second, "who somebody is counts, and not their address")
	_, err := e.LogIn(t.Context(), first.Email, "")
	require.Equal(t, access.WrongPassword, fault.CodeOf(err), "nobody logs in without a password")

	require.NoError(t, e.Delete(t.Context(), first.ID))
	e.provider.Claims["email_verified"] = true
	third, _ := e.logIn(t)
	require.NotEqual(t, first.ID, third.ID, "nothing of the account was left")
}

func TestWhoRegisteredSomebodyElsesAddressIsLockedOutWhenThatPersonComes(t *testing.T) {
	e := newElsewhere(t)
	squatted, attackers := e.register(t, e.email())
	link, err := e.NewReset(t.Context(), e.email())
	require.NoError(t, err)
	a, persons := e.logIn(t)
	require.Equal(t, squatted.ID, a.ID, "an address has one account")
	requireSession(t, access.EndedSession, e.Service, squatted, attackers.Token)
	requireSession(t, fault.Code{}, e.Service, a, persons.Token)
	_, err = e.LogIn(t.Context(), e.email(), rightPassword)
	require.Equal(t, access.WrongPassword, fault.CodeOf(err))
	require.Equal(t, account.BadReset, fault.CodeOf(e.Reset(t.Context(), link, "a new password")))
}

func TestWhoMovedTheirAccountToSomebodyElsesAddressIsLockedOutToo(t *testing.T) {
	e := newElsewhere(t)
	victims, victim := e.email(), e.provider.Claims["sub"]
	e.provider.Claims["email"], e.provider.Claims["sub"] = "eve@example.org", "eve"
	eves, _ := e.logIn(t)
	link, err := e.NewReset(t.Context(), eves.Email)
	require.NoError(t, err)
	require.NoError(t, e.Reset(t.Context(), link, rightPassword))
	_, err = e.Change(t.Context(), eves.ID,
		account.Change{Email: &victims, Password: rightPassword})
	require.NoError(t, err)

	t.Run("the person comes by a link", func(t *testing.T) {
		link, err := e.NewReset(t.Context(), victims)
		require.NoError(t, err)
		require.NoError(t, e.Reset(t.Context(), link, "the victim's own"))
		again, _ := e.logIn(t)
		require.NotEqual(t, eves.ID, again.ID, "the provider's person has left that account")
	})
	t.Run("the person comes by the provider", func(t *testing.T) {
		e.provider.Claims["email"], e.provider.Claims["sub"] = victims, victim
		a, _ := e.logIn(t)
		require.Equal(t, eves.ID, a.ID)
		_, err := e.LogIn(t.Context(), victims, "the victim's own")
		require.NoError(t, err, "what was proven by the link stays")
	})
}

func TestAnAddressThatTheProviderDoesNotVouchForOpensNothing(t *testing.T) {
	e := newElsewhere(t)
	a, session := e.register(t, e.email())
	for _, change := range []func(map[string]any){
		func(c map[string]any) { c["email_verified"] = false },
		func(c map[string]any) { delete(c, "email_verified") },
		func(c map[string]any) { delete(c, "email") },
		func(c map[string]any) { c["email"] = "no address" },
		func(c map[string]any) { c["email"] = "Anna <" + e.email() + ">" },
		func(c map[string]any) { c["email"] = e.email() + "\r\nBcc: eve@example.org" },
	} {
		e.provider.Change = change
		_, err := e.Finish(t.Context(), e.visit(t))
		require.Equal(t, account.Unproven, fault.CodeOf(err))
	}
	requireSession(t, fault.Code{}, e.Service, a, session.Token)
}

func TestWhoHasProvenTheirAddressKeepsTheirPasswordBesideTheProvider(t *testing.T) {
	e := newElsewhere(t)
	a, _ := e.register(t, e.email())
	link, err := e.NewReset(t.Context(), e.email())
	require.NoError(t, err)
	require.NoError(t, e.Reset(t.Context(), link, "by the link"))
	for range 2 {
		linked, _ := e.logIn(t)
		require.Equal(t, a.ID, linked.ID)
		_, err = e.LogIn(t.Context(), e.email(), "by the link")
		require.NoError(t, err)
	}
}

func TestALogInIsFinishedByTheBrowserThatBeganIt(t *testing.T) {
	e := newElsewhere(t)
	mine, other := e.visit(t), e.visit(t)
	for name, wrong := range map[string]account.Return{
		"no ticket":         {State: mine.State, Code: mine.Code},
		"another's ticket":  {Ticket: other.Ticket, State: mine.State, Code: mine.Code},
		"a forged state":    {Ticket: mine.Ticket, State: "forged", Code: mine.Code},
		"another's state":   {Ticket: mine.Ticket, State: other.State, Code: mine.Code},
		"no code":           {Ticket: mine.Ticket, State: mine.State},
		"an error unasked":  {Ticket: mine.Ticket, State: other.State, Error: "access_denied"},
		"garbage for codes": {Ticket: mine.Ticket, State: mine.State, Code: "\x00☃"},
		"another's code":    {Ticket: mine.Ticket, State: mine.State, Code: other.Code},
	} {
		_, err := e.Finish(t.Context(), wrong)
		require.Equal(t, account.BadAttempt, fault.CodeOf(err), name)
	}
	_, err := e.Finish(t.Context(), mine)
	require.NoError(t, err)
	_, err = e.Finish(t.Context(), mine)
	require.Equal(t, account.BadAttempt, fault.CodeOf(err), "a code is good once")
	e.provider.Error = "access_denied"
	_, err = e.Finish(t.Context(), e.visit(t))
	require.Equal(t, account.Refused, fault.CodeOf(err))
}

func TestOfManyFirstLogInsAtOnceEachGetsTheOneAccount(t *testing.T) {
	e := newElsewhere(t)
	var all sync.WaitGroup
	ids := make([]uuid.UUID, 8)
	for i := range ids {
		back := e.visit(t)
		all.Go(func() {
			session, err := e.Finish(t.Context(), back)
			if err == nil {
				ids[i], err = e.Sessions().Account(t.Context(), session.Token)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
}

// slow is a provider that answers when a test lets it.
type slow struct {
	account.Provider
	asked chan struct{}
	let   chan struct{}
}

func (s slow) URL(context.Context, account.Attempt) (string, error) {
	s.asked <- struct{}{}
	<-s.let
	return (&url.URL{Scheme: "https", Host: "id.example"}).String(), nil
}

func TestAProviderThatIsSlowHoldsABoundedNumberOfRequests(t *testing.T) {
	const most = 32
	there := slow{asked: make(chan struct{}), let: make(chan struct{})}
	e := account.NewElsewhere(newService(t), there, access.NewPassKey(), time.Now)
	var all sync.WaitGroup
	for range most {
		all.Go(func() {
			if _, _, err := e.Begin(t.Context()); err != nil {
				t.Error(err)
			}
		})
		<-there.asked
	}
	_, _, err := e.Begin(t.Context())
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	require.NotZero(t, err.(*fault.Error).Wait) //nolint:errorlint // it is one
	close(there.let)
	all.Wait()
	go func() { <-there.asked }()
	_, _, err = e.Begin(t.Context())
	require.NoError(t, err)
}
