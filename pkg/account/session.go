package account

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/gather"
)

const (
	// Lease is how long a read of an account's epoch is trusted, from before it began. A session
	// that was ended works no longer than that.
	Lease = time.Second
	// maxLeases bounds the accounts whose epochs are known. Another one is read again.
	maxLeases = 10_000
	// readAtOnce is of how many sessions one read is, and readTimeout bounds it.
	readAtOnce  = 1000
	readTimeout = 2 * time.Second
	// maxToken is how many bytes of a token are looked at.
	maxToken = 1 << 10
	// issuer is what a token's issuer and audience are: no other token with this key is a session.
	issuer = "plenary"
)

// Session is what a log-in gives.
type Session struct {
	Token   string
	Expires time.Time
}

// Sessions gives and checks sessions: JWTs (RFC 7519), signed with HMAC-SHA-256. Whoever has the
// key accepts what any other has given. It implements access.Sessions.
type Sessions struct {
	key    []byte
	life   time.Duration
	epochs epochs
	parser *jwt.Parser
	now    func() time.Time

	leases  *lru.Cache[uuid.UUID, leased]
	reading *gather.Reader[asked, leased]
}

var _ access.Sessions = (*Sessions)(nil)

// epochs is the part of Store that is needed here.
type epochs interface {
	Epochs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]int64, error)
}

// leased is an epoch as of a read that began at since.
type leased struct {
	epoch int64
	since time.Time
}

// asked is a session of an account, whose epoch is to be known.
type asked struct {
	id    uuid.UUID
	epoch int64 // of the session
}

// forgotten stands for an epoch that is to be read anew. Every session's is higher.
const forgotten = -1

// claims are what a token says.
type claims struct {
	Epoch int64 `json:"epoch"`
	jwt.RegisteredClaims
}

// NewSessions makes sessions that last as long as life, of a key of at least 32 bytes, the same in
// every replica. now is time.Now but in tests.
func NewSessions(store epochs, key []byte, life time.Duration, now func() time.Time) *Sessions {
	leases, err := lru.New[uuid.UUID, leased](maxLeases)
	if err != nil { // the size is positive
		panic(err)
	}
	s := &Sessions{
		key: key, life: life, epochs: store, now: now, leases: leases,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithIssuer(issuer),
			jwt.WithAudience(issuer), jwt.WithExpirationRequired(), jwt.WithTimeFunc(now),
			jwt.WithStrictDecoding(),
		),
	}
	s.reading = gather.New(readAtOnce, readTimeout, s.read)
	return s
}

// Give gives an account a session of its present epoch.
func (s *Sessions) Give(a Account) (Session, error) {
	expires := s.now().Add(s.life).Truncate(time.Second)
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{a.Epoch, jwt.RegisteredClaims{
		Issuer: issuer, Audience: jwt.ClaimStrings{issuer}, Subject: a.ID.String(),
		ExpiresAt: jwt.NewNumericDate(expires),
	}}).SignedString(s.key)
	return Session{token, expires}, err
}

// Account implements access.Sessions. It reads the store at most once in a Lease for each account,
// however many ask.
func (s *Sessions) Account(ctx context.Context, token string) (uuid.UUID, error) {
	id, epoch, err := s.parse(token)
	if err != nil {
		return uuid.Nil, err
	}
	ask := asked{id, epoch}
	known, ok := s.known(ask, s.now())
	if !ok {
		if known, ok, err = s.reading.Read(ctx, ask); err != nil {
			return uuid.Nil, err
		}
	}
	switch {
	case !ok:
		return uuid.Nil, fault.Errorf(access.EndedSession, "the account of this session is gone")
	case known.epoch != epoch:
		return uuid.Nil, fault.Errorf(access.EndedSession, "this session was ended: log in again")
	}
	return id, nil
}

// Holder implements access.Sessions.
func (s *Sessions) Holder(token string) uuid.UUID {
	id, epoch, err := s.parse(token)
	if err != nil {
		return uuid.Nil
	}
	// An epoch only rises. So what is known of it ends a session however long ago it was read.
	if known, ok := s.leases.Peek(id); ok && known.epoch > epoch {
		return uuid.Nil
	}
	return id
}

// known gives what is known of an account's epoch, if that is not too old. A session may be newer
// than what is known.
func (s *Sessions) known(ask asked, now time.Time) (l leased, ok bool) {
	l, ok = s.leases.Get(ask.id)
	return l, ok && now.Sub(l.since) < Lease && l.epoch >= ask.epoch
}

// read reads the epochs of accounts that no read before it has brought. An account that is gone is
// missing.
func (s *Sessions) read(ctx context.Context, asks []asked) (map[asked]leased, error) {
	now, found := s.now(), make(map[asked]leased, len(asks))
	var ids []uuid.UUID
	for _, ask := range asks {
		if l, ok := s.known(ask, now); ok {
			found[ask] = l
		} else {
			ids = append(ids, ask.id)
		}
	}
	if len(ids) == 0 {
		return found, nil
	}
	epochs, err := s.epochs.Epochs(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, ask := range asks {
		epoch, ok := epochs[ask.id]
		if !ok {
			continue
		}
		l := leased{epoch, now}
		found[ask] = l
		if known, ok := s.leases.Peek(ask.id); !ok || !known.since.After(now) {
			s.leases.Add(ask.id, l)
		}
	}
	return found, nil
}

// Forget has the next request of an account's read its epoch anew: it was raised here. A read that
// is under way may have the one of before, and what it gives is not kept.
func (s *Sessions) Forget(id uuid.UUID) {
	s.leases.Add(id, leased{forgotten, s.now()})
}

// parse gives whose a token is, and of which epoch. Errors: BadSession, OldSession.
func (s *Sessions) parse(token string) (id uuid.UUID, epoch int64, err error) {
	wrong := fault.Errorf(access.BadSession, "this is no token that log-in gave")
	if len(token) > maxToken || strings.ContainsAny(token, "\r\n") { // a decoder skips line breaks
		return uuid.Nil, 0, wrong
	}
	var c claims
	_, err = s.parser.ParseWithClaims(
		token,
		&c,
		func(*jwt.Token) (any, error) { return s.key, nil },
	)
	switch {
	case errors.Is(err, jwt.ErrTokenExpired): // its signature is right, else that would be said
		return uuid.Nil, 0, fault.Errorf(access.OldSession, "the session is over: log in again")
	case err != nil:
		return uuid.Nil, 0, wrong
	}
	if id, err = uuid.Parse(c.Subject); err != nil || id == uuid.Nil {
		return uuid.Nil, 0, wrong
	}
	return id, c.Epoch, nil
}
