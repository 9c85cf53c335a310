// Package accounttest is the conformance suite of the accounts' store: what account.Store promises,
// claim by claim. Every adapter passes it. The cases share a store, and look at accounts of their
// own.
package accounttest

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/fault"
)

// Run proves the port's promises on an empty store that open gives. open has it closed.
func Run(t *testing.T, open func(t *testing.T) account.Store) {
	s := suite{open(t)}
	t.Run("an account is read as it was written", s.read)
	t.Run("an e-mail address and an identity are one account's", s.unique)
	t.Run("what nobody has is not found", s.missing)
	t.Run("an account is renamed", s.rename)
	t.Run("another password raises the epoch", s.password)
	t.Run("of many who change a password one does", s.passwordAtOnce)
	t.Run("sessions end when the epoch rises", s.raise)
	t.Run("a reset works once, for a while, and only the last one", s.reset)
	t.Run("of many who use a reset one does", s.resetAtOnce)
	t.Run("another address and a link say what is proven of an account", s.verified)
	t.Run("a provider's person gets the account with their address", s.link)
	t.Run("an account keeps what only its person can have written", s.linkKeeps)
	t.Run("of many who link an account each gets it", s.linkAtOnce)
	t.Run("a deleted account leaves nothing", s.deleted)
	t.Run("a call whose context has ended is unavailable", s.contexts)
}

type suite struct{ account.Store }

// created makes an account and writes it.
func (s suite) created(t *testing.T) account.Account {
	t.Helper()
	a := newAccount(t)
	require.NoError(t, s.Create(t.Context(), a))
	return a
}

func newAccount(t *testing.T) account.Account {
	t.Helper()
	a, err := account.New("Anna Ünal 🎈", strings.ToLower(uuid.NewString())+"@Example.org")
	require.NoError(t, err)
	a.Password = "$argon2id$a hash"
	return a
}

func (s suite) requireSame(t *testing.T, want account.Account) {
	t.Helper()
	got, err := s.Account(t.Context(), want.ID)
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = s.ByEmail(t.Context(), want.Email)
	require.NoError(t, err)
	require.Equal(t, want, got)
	epochs, err := s.Epochs(t.Context(), []uuid.UUID{want.ID, uuid.New(), want.ID})
	require.NoError(t, err)
	require.Equal(t, map[uuid.UUID]int64{want.ID: want.Epoch}, epochs)
}

func requireKind(t *testing.T, want fault.Code, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, fault.CodeOf(err), "%v", err)
}

func (s suite) read(t *testing.T) {
	s.requireSame(t, s.created(t))
	known := newAccount(t)
	known.Password, known.Identity = "", account.Identity{
		Issuer:  "https://id.example",
		Subject: uuid.NewString(),
	}
	require.NoError(t, s.Create(t.Context(), known))
	s.requireSame(t, known)
	got, err := s.ByIdentity(t.Context(), known.Identity)
	require.NoError(t, err)
	require.Equal(t, known, got)
}

func (s suite) unique(t *testing.T) {
	first := s.created(t)
	second := newAccount(t)
	second.Email = first.Email
	requireKind(t, account.EmailTaken, s.Create(t.Context(), second))
	s.requireSame(t, first)
	again := newAccount(t)
	again.ID = first.ID
	requireKind(t, fault.Conflict, s.Create(t.Context(), again))

	known, same := newAccount(t), newAccount(t)
	known.Identity = account.Identity{Issuer: "https://id.example", Subject: uuid.NewString()}
	same.Identity = known.Identity
	require.NoError(t, s.Create(t.Context(), known))
	requireKind(t, fault.Conflict, s.Create(t.Context(), same))

	var made, refused atomic.Int32
	email := newAccount(t).Email
	concurrently(8, func() {
		a := newAccount(t)
		a.Email = email
		switch err := s.Create(t.Context(), a); fault.CodeOf(err) {
		case account.EmailTaken:
			refused.Add(1)
		case fault.Code{}:
			made.Add(1)
		default:
			t.Error(err)
		}
	})
	require.EqualValues(t, 1, made.Load())
	require.EqualValues(t, 7, refused.Load())
}

func (s suite) missing(t *testing.T) {
	nobody := uuid.New()
	_, err := s.Account(t.Context(), nobody)
	requireKind(t, fault.NotFound, err)
	for _, email := range []string{"nobody@example.org", "", "%", "a\x00b", "\xff"} {
		_, err = s.ByEmail(t.Context(), email)
		requireKind(t, fault.NotFound, err)
	}
	_, err = s.ByIdentity(t.Context(), account.Identity{})
	requireKind(t, fault.NotFound, err)
	epochs, err := s.Epochs(t.Context(), []uuid.UUID{nobody})
	require.NoError(t, err)
	require.Empty(t, epochs)
	requireKind(t, fault.NotFound, s.Rename(t.Context(), nobody, "A", "a@example.org"))
	_, err = s.SetPassword(t.Context(), nobody, "", "x")
	requireKind(t, fault.NotFound, err)
	requireKind(t, fault.NotFound, s.Raise(t.Context(), nobody))
	_, err = s.Link(t.Context(), "nobody@example.org", newIdentity())
	requireKind(t, fault.NotFound, err)
	requireKind(t, fault.NotFound, s.Delete(t.Context(), nobody))
	requireKind(t, fault.NotFound, s.SetReset(t.Context(), nobody, [32]byte{1}, time.Hour))
	_, err = s.Reset(t.Context(), [32]byte{}, "x")
	requireKind(t, account.BadReset, err)
}

func (s suite) rename(t *testing.T) {
	a, other := s.created(t), s.created(t)
	_, link := access.NewToken()
	require.NoError(t, s.SetReset(t.Context(), a.ID, link, time.Hour))
	a.Username = "Another"
	require.NoError(t, s.Rename(t.Context(), a.ID, a.Username, a.Email))
	s.requireSame(t, a)
	requireKind(t, account.EmailTaken, s.Rename(t.Context(), a.ID, "X", other.Email))
	s.requireSame(t, a)
	before := a.Email
	a.Email = newAccount(t).Email
	require.NoError(t, s.Rename(t.Context(), a.ID, a.Username, a.Email))
	s.requireSame(t, a)
	_, err := s.ByEmail(t.Context(), before)
	requireKind(t, fault.NotFound, err)
	_, err = s.Reset(t.Context(), link, "x")
	requireKind(t, account.BadReset, err)
	s.requireSame(t, other)
}

func (s suite) password(t *testing.T) {
	a := s.created(t)
	_, link := access.NewToken()
	require.NoError(t, s.SetReset(t.Context(), a.ID, link, time.Hour))
	_, err := s.SetPassword(t.Context(), a.ID, "another", "next")
	requireKind(t, fault.Stale, err)
	s.requireSame(t, a)
	epoch, err := s.SetPassword(t.Context(), a.ID, a.Password, "next")
	require.NoError(t, err)
	require.Greater(t, epoch, a.Epoch)
	a.Password, a.Epoch = "next", epoch
	s.requireSame(t, a)
	_, err = s.Reset(t.Context(), link, "x")
	requireKind(t, account.BadReset, err)
}

func (s suite) passwordAtOnce(t *testing.T) {
	a := s.created(t)
	var changed atomic.Int32
	concurrently(8, func() {
		_, err := s.SetPassword(t.Context(), a.ID, a.Password, uuid.NewString())
		if err == nil {
			changed.Add(1)
		} else if fault.CodeOf(err) != fault.Stale {
			t.Error(err)
		}
	})
	require.EqualValues(t, 1, changed.Load())
}

func (s suite) raise(t *testing.T) {
	a, other := s.created(t), s.created(t)
	concurrently(5, func() {
		if err := s.Raise(t.Context(), a.ID); err != nil {
			t.Error(err)
		}
	})
	a.Epoch += 5
	s.requireSame(t, a)
	s.requireSame(t, other)
}

func (s suite) reset(t *testing.T) {
	a, other := s.created(t), s.created(t)
	_, first := access.NewToken()
	_, second := access.NewToken()
	_, old := access.NewToken()
	require.NoError(t, s.SetReset(t.Context(), a.ID, first, time.Hour))
	require.NoError(t, s.SetReset(t.Context(), a.ID, second, time.Hour))
	_, err := s.Reset(t.Context(), first, "x")
	requireKind(t, account.BadReset, err)
	id, err := s.Reset(t.Context(), second, "next")
	require.NoError(t, err)
	require.Equal(t, a.ID, id)
	a.Password, a.Epoch, a.Verified = "next", a.Epoch+1, true
	s.requireSame(t, a)
	_, err = s.Reset(t.Context(), second, "x")
	requireKind(t, account.BadReset, err)
	require.NoError(t, s.SetReset(t.Context(), other.ID, old, -time.Second))
	_, err = s.Reset(t.Context(), old, "x")
	requireKind(t, account.BadReset, err)
	s.requireSame(t, other)
}

func (s suite) resetAtOnce(t *testing.T) {
	a := s.created(t)
	_, link := access.NewToken()
	require.NoError(t, s.SetReset(t.Context(), a.ID, link, time.Hour))
	var done atomic.Int32
	concurrently(8, func() {
		_, err := s.Reset(t.Context(), link, uuid.NewString())
		if err == nil {
			done.Add(1)
		} else if fault.CodeOf(err) != account.BadReset {
			t.Error(err)
		}
	})
	require.EqualValues(t, 1, done.Load())
}

func (s suite) deleted(t *testing.T) {
	a, other := s.created(t), s.created(t)
	_, link := access.NewToken()
	require.NoError(t, s.SetReset(t.Context(), a.ID, link, time.Hour))
	require.NoError(t, s.Delete(t.Context(), a.ID))
	_, err := s.Account(t.Context(), a.ID)
	requireKind(t, fault.NotFound, err)
	_, err = s.ByEmail(t.Context(), a.Email)
	requireKind(t, fault.NotFound, err)
	epochs, err := s.Epochs(t.Context(), []uuid.UUID{a.ID})
	require.NoError(t, err)
	require.Empty(t, epochs)
	_, err = s.Reset(t.Context(), link, "x")
	requireKind(t, account.BadReset, err)
	s.requireSame(t, other)
	again := newAccount(t)
	again.Email = a.Email
	require.NoError(t, s.Create(t.Context(), again), "the address is free")
}

func (s suite) contexts(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	id := s.created(t).ID
	_, err := s.Account(ctx, id)
	requireKind(t, fault.Unavailable, err)
	_, err = s.ByEmail(ctx, "a@example.org")
	requireKind(t, fault.Unavailable, err)
	_, err = s.ByIdentity(ctx, account.Identity{Issuer: "i", Subject: "s"})
	requireKind(t, fault.Unavailable, err)
	_, err = s.Epochs(ctx, []uuid.UUID{id})
	requireKind(t, fault.Unavailable, err)
	_, err = s.SetPassword(ctx, id, "", "")
	requireKind(t, fault.Unavailable, err)
	_, err = s.Reset(ctx, [32]byte{1}, "")
	requireKind(t, fault.Unavailable, err)
	_, err = s.Link(ctx, "a@example.org", newIdentity())
	requireKind(t, fault.Unavailable, err)
	for _, err := range []error{
		s.Create(ctx, newAccount(t)), s.Rename(ctx, id, "A", "a@example.org"), s.Raise(ctx, id),
		s.Delete(ctx, id), s.SetReset(ctx, id, [32]byte{1}, time.Hour),
	} {
		requireKind(t, fault.Unavailable, err)
	}
}

// concurrently runs f n times at once.
func concurrently(n int, f func()) {
	var all sync.WaitGroup
	for range n {
		all.Go(f)
	}
	all.Wait()
}
