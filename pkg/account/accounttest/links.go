package accounttest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/fault"
)

// newIdentity is of somebody whom nobody has seen.
func newIdentity() account.Identity {
	return account.Identity{Issuer: "https://id.example", Subject: uuid.NewString()}
}

// proven makes an account whose address a provider told of, and gives it a password.
func (s suite) proven(t *testing.T) account.Account {
	t.Helper()
	a := newAccount(t)
	a.Identity, a.Verified = newIdentity(), true
	require.NoError(t, s.Create(t.Context(), a))
	return a
}

// byLink sets an account's password by a link.
func (s suite) byLink(t *testing.T, a account.Account, hash string) {
	t.Helper()
	_, link := access.NewToken()
	require.NoError(t, s.SetReset(t.Context(), a.ID, link, time.Hour))
	id, err := s.Reset(t.Context(), link, hash)
	require.NoError(t, err)
	require.Equal(t, a.ID, id)
}

func (s suite) verified(t *testing.T) {
	a := s.proven(t)
	s.requireSame(t, a)
	a.Username = "Another"
	require.NoError(t, s.Rename(t.Context(), a.ID, a.Username, a.Email))
	s.requireSame(t, a)
	s.byLink(t, a, "next")
	a.Password, a.Epoch = "next", a.Epoch+1
	s.requireSame(t, a)

	a.Email, a.Verified = newAccount(t).Email, false
	require.NoError(t, s.Rename(t.Context(), a.ID, a.Username, a.Email))
	s.requireSame(t, a)
	before := a.Identity
	s.byLink(t, a, "a third one")
	a.Password, a.Epoch, a.Verified, a.Identity = "a third one", a.Epoch+1, true, account.Identity{}
	s.requireSame(t, a)
	_, err := s.ByIdentity(t.Context(), before)
	requireKind(t, fault.NotFound, err)
}

// requireLinked links an account, and requires that it is as Linked says.
func (s suite) requireLinked(t *testing.T, a account.Account, i account.Identity) account.Account {
	t.Helper()
	want := a.Linked(i)
	got, err := s.Link(t.Context(), a.Email, i)
	require.NoError(t, err)
	require.Equal(t, want, got)
	s.requireSame(t, want)
	got, err = s.ByIdentity(t.Context(), i)
	require.NoError(t, err)
	require.Equal(t, want, got)
	return want
}

func (s suite) link(t *testing.T) {
	a, other := s.created(t), s.proven(t)
	_, link := access.NewToken()
	require.NoError(t, s.SetReset(t.Context(), a.ID, link, time.Hour))
	linked := s.requireLinked(t, a, newIdentity())
	require.Empty(t, linked.Password)
	require.Greater(t, linked.Epoch, a.Epoch)
	_, err := s.Reset(t.Context(), link, "x")
	requireKind(t, account.BadReset, err)

	_, err = s.Link(t.Context(), linked.Email, other.Identity)
	requireKind(t, fault.Conflict, err)
	s.requireSame(t, linked)
	s.requireSame(t, other)

	moved := newAccount(t).Email
	require.NoError(t, s.Rename(t.Context(), other.ID, other.Username, moved))
	_, err = s.Link(t.Context(), other.Email, newIdentity())
	requireKind(t, fault.NotFound, err)
}

func (s suite) linkKeeps(t *testing.T) {
	a := s.created(t)
	s.byLink(t, a, "next")
	a.Password, a.Epoch, a.Verified = "next", a.Epoch+1, true
	_, link := access.NewToken()
	require.NoError(t, s.SetReset(t.Context(), a.ID, link, time.Hour))
	i := newIdentity()
	linked := s.requireLinked(t, a, i)
	require.Equal(t, "next", linked.Password)
	require.Equal(t, a.Epoch, linked.Epoch)
	require.Equal(t, linked, s.requireLinked(t, linked, i), "a second time changes nothing")
	_, err := s.Reset(t.Context(), link, "by the link")
	require.NoError(t, err)

	linked.Password, linked.Epoch = "by the link", linked.Epoch+1
	another := s.requireLinked(t, linked, newIdentity())
	require.Empty(t, another.Password, "the address has gone to somebody else")
	_, err = s.ByIdentity(t.Context(), i)
	requireKind(t, fault.NotFound, err)
}

func (s suite) linkAtOnce(t *testing.T) {
	a, i := s.created(t), newIdentity()
	concurrently(8, func() {
		got, err := s.Link(t.Context(), a.Email, i)
		if err != nil || got != a.Linked(i) {
			t.Errorf("%v, %v", got, err)
		}
	})
	s.requireSame(t, a.Linked(i))
}
