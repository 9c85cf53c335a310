package account

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
)

var sessionKey = bytes.Repeat([]byte{7}, 32)

// oneAccount keeps the epoch of one account, and counts who reads it.
type oneAccount struct {
	id    uuid.UUID
	epoch atomic.Int64
	reads atomic.Int64
	away  atomic.Bool
	late  func() // runs between a read and its answer; nil: nothing does
}

func (o *oneAccount) Epochs(_ context.Context, ids []uuid.UUID) (map[uuid.UUID]int64, error) {
	o.reads.Add(1)
	switch {
	case o.away.Load():
		return nil, fault.Unavailablef(nil, "the database is away")
	case !slices.Contains(ids, o.id):
		return nil, nil
	}
	epoch := o.epoch.Load()
	if o.late != nil {
		o.late()
	}
	return map[uuid.UUID]int64{o.id: epoch}, nil
}

// clock is a time that a test moves.
type clock struct{ nanos atomic.Int64 }

func (c *clock) now() time.Time { return time.Unix(1_800_000_000, c.nanos.Load()).UTC() }

func (c *clock) pass(d time.Duration) { c.nanos.Add(int64(d)) }

func newTestSessions() (*Sessions, *oneAccount, *clock) {
	o, c := &oneAccount{id: uuid.New()}, &clock{}
	o.epoch.Store(1)
	return NewSessions(o, sessionKey, 24*time.Hour, c.now), o, c
}

func given(t *testing.T, s *Sessions, o *oneAccount) string {
	t.Helper()
	session, err := s.Give(Account{ID: o.id, Epoch: o.epoch.Load()})
	require.NoError(t, err)
	return session.Token
}

func requireRefused(t *testing.T, want fault.Code, s *Sessions, token string) {
	t.Helper()
	id, err := s.Account(t.Context(), token)
	require.Equal(t, want, fault.CodeOf(err), "%.60q: %v", token, err)
	require.Equal(t, uuid.Nil, id)
	if want == access.BadSession || want == access.OldSession {
		require.Equal(t, uuid.Nil, s.Holder(token), "%.60q", token)
	}
}

func TestASessionIsItsAccountsWhereverTheKeyIsKnown(t *testing.T) {
	s, o, c := newTestSessions()
	token := given(t, s, o)
	require.True(t, access.IsSession(token))
	id, err := NewSessions(o, sessionKey, time.Hour, c.now).Account(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, o.id, id)
}

func TestASessionEndsWithItsTime(t *testing.T) {
	s, o, c := newTestSessions()
	token := given(t, s, o)
	c.pass(24*time.Hour - time.Second)
	_, err := s.Account(t.Context(), token)
	require.NoError(t, err)
	c.pass(time.Second)
	requireRefused(t, access.OldSession, s, token)
}

func TestASessionThatWasEndedWorksNoLongerThanALease(t *testing.T) {
	s, o, c := newTestSessions()
	token := given(t, s, o)
	_, err := s.Account(t.Context(), token)
	require.NoError(t, err)
	o.epoch.Add(1) // by another replica
	c.pass(Lease)
	requireRefused(t, access.EndedSession, s, token)
	next := given(t, s, o)
	_, err = s.Account(t.Context(), next)
	require.NoError(t, err)

	o.epoch.Add(1) // by this one
	s.Forget(o.id)
	requireRefused(t, access.EndedSession, s, next)
	o.id = uuid.New() // it was deleted
	s.Forget(o.id)
	requireRefused(t, access.EndedSession, s, given(t, s, &oneAccount{id: uuid.New()}))
}

func TestALogOutEndsASessionHereAtOnceThoughAReadIsUnderWay(t *testing.T) {
	s, o, c := newTestSessions()
	token := given(t, s, o)
	read, answer := make(chan struct{}), make(chan struct{})
	o.late = func() { close(read); <-answer }
	early := make(chan error)
	go func() {
		_, err := s.Account(t.Context(), token)
		early <- err
	}()
	<-read
	c.pass(time.Millisecond)
	o.late = nil
	o.epoch.Add(1)
	s.Forget(o.id)
	requireRefused(t, access.EndedSession, s, token)
	close(answer)
	require.NoError(t, <-early, "it came before the log-out")
	requireRefused(t, access.EndedSession, s, token)
	require.EqualValues(t, 2, o.reads.Load(), "and what was read then stands")
}

func TestANewSessionWorksWhereAnOlderEpochIsKnown(t *testing.T) {
	s, o, _ := newTestSessions()
	_, err := s.Account(t.Context(), given(t, s, o))
	require.NoError(t, err)
	o.epoch.Add(1) // another replica set a password, and gave a session
	_, err = s.Account(t.Context(), given(t, s, o))
	require.NoError(t, err)
}

func TestWhoHoldsASessionIsToldWithoutALookUpUntilItsEndIsKnown(t *testing.T) {
	s, o, c := newTestSessions()
	token := given(t, s, o)
	o.away.Store(true)
	require.Equal(t, o.id, s.Holder(token))
	require.Zero(t, o.reads.Load())
	o.away.Store(false)

	o.epoch.Add(1) // by another replica
	next := given(t, s, o)
	require.Equal(t, o.id, s.Holder(token), "nobody here knows of that yet")
	_, err := s.Account(t.Context(), next)
	require.NoError(t, err)
	c.pass(time.Hour)
	require.Equal(t, uuid.Nil, s.Holder(token), "what is ended stays ended")
	require.Equal(t, o.id, s.Holder(next))
	require.EqualValues(t, 1, o.reads.Load())
}

func TestAnAccountsEpochIsReadOnceALeaseHoweverManyAsk(t *testing.T) {
	s, o, c := newTestSessions()
	token := given(t, s, o)
	for lease := range 3 {
		var all sync.WaitGroup
		_, err := s.Account(t.Context(), token)
		require.NoError(t, err)
		for range 50 {
			all.Go(func() {
				if _, err := s.Account(t.Context(), token); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, lease+1, o.reads.Load())
		c.pass(Lease)
	}
}

func TestTheEpochsThatAreKnownAreBounded(t *testing.T) {
	s, _, _ := newTestSessions()
	for range maxLeases + 100 {
		s.leases.Add(uuid.New(), leased{})
	}
	require.Equal(t, maxLeases, s.leases.Len())
}

func TestASessionIsNotRefusedWhereNobodyKnows(t *testing.T) {
	s, o, _ := newTestSessions()
	o.away.Store(true)
	requireRefused(t, fault.Unavailable, s, given(t, s, o))
}

func TestWhatNoLogInGaveIsNoSession(t *testing.T) {
	s, o, c := newTestSessions()
	good := claims{1, jwt.RegisteredClaims{
		Issuer: issuer, Audience: jwt.ClaimStrings{issuer}, Subject: o.id.String(),
		ExpiresAt: jwt.NewNumericDate(c.now().Add(time.Hour)),
	}}
	signed := func(m jwt.SigningMethod, key any, change func(*claims)) string {
		own := good
		if change != nil {
			change(&own)
		}
		token, err := jwt.NewWithClaims(m, own).SignedString(key)
		require.NoError(t, err)
		return token
	}
	hs := jwt.SigningMethodHS256
	_, err := s.Account(t.Context(), signed(hs, sessionKey, nil))
	require.NoError(t, err, "what is changed below is right otherwise")
	token := signed(hs, sessionKey, nil)
	parts := strings.Split(token, ".")
	for name, wrong := range map[string]string{
		"no signature":      signed(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
		"another algorithm": signed(jwt.SigningMethodHS512, sessionKey, nil),
		"another key":       signed(hs, bytes.Repeat([]byte{8}, 32), nil),
		"another issuer":    signed(hs, sessionKey, func(c *claims) { c.Issuer = "else" }),
		"another audience": signed(hs, sessionKey, func(c *claims) {
			c.Audience = jwt.ClaimStrings{"oidc"}
		}),
		"no end":   signed(hs, sessionKey, func(c *claims) { c.ExpiresAt = nil }),
		"nobody's": signed(hs, sessionKey, func(c *claims) { c.Subject = "" }),
		"the nil account's": signed(hs, sessionKey, func(c *claims) {
			c.Subject = uuid.Nil.String()
		}),
		"not yet": signed(hs, sessionKey, func(own *claims) {
			own.NotBefore = jwt.NewNumericDate(c.now().Add(time.Minute))
		}),
		"empty":            "",
		"dots":             "eyJ..",
		"cut":              token[:len(token)-1],
		"longer":           token + "A",
		"padded":           token + "=",
		"without the rest": parts[0] + "." + parts[1] + ".",
		"a line break":     token + "\n",
		"broken UTF-8":     "eyJ\xff." + parts[1] + "." + parts[2],
		"far too long":     "eyJ" + strings.Repeat("A", 1<<20) + ".A.A",
	} {
		t.Run(name, func(t *testing.T) { requireRefused(t, access.BadSession, s, wrong) })
	}
	requireRefused(t, access.OldSession, s, signed(hs, sessionKey, func(own *claims) {
		own.ExpiresAt = jwt.NewNumericDate(c.now().Add(-time.Second))
	}))
	requireRefused(
		t,
		access.EndedSession,
		s,
		signed(hs, sessionKey, func(c *claims) { c.Epoch = 0 }),
	)
	requireRefused(
		t,
		access.EndedSession,
		s,
		signed(hs, sessionKey, func(c *claims) { c.Epoch = 9 }),
	)
	requireRefused(
		t,
		access.EndedSession,
		s,
		signed(hs, sessionKey, func(c *claims) { c.Subject = uuid.NewString() }),
	)
}

func FuzzSession(f *testing.F) {
	s, o, _ := newTestSessions()
	session, err := s.Give(Account{ID: o.id, Epoch: 1})
	require.NoError(f, err)
	for _, token := range []string{
		session.Token, "", "eyJ.e30.", session.Token[1:], session.Token + ".",
	} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		id, err := s.Account(t.Context(), token)
		if token == session.Token {
			require.NoError(t, err)
			require.Equal(t, o.id, id)
			return
		}
		require.Equal(t, access.BadSession, fault.CodeOf(err), "%q", token)
	})
}
