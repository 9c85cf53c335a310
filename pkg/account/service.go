package account

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/fault"
)

// Service is what people do with their accounts. It is safe for use by many goroutines. Errors are
// the store's, and Unavailable where too many passwords are being checked.
type Service struct {
	store    Store
	hasher   *hasher
	sessions *Sessions
	guard    Guard
}

// Guard runs a check of a password, or refuses it with an error of its own. The check's turn has
// come then. So a guard has no more checks at once than a process has processors.
type Guard func(check func() error) error

// unguarded runs every check.
func unguarded(check func() error) error { return check() }

// NewService makes a service whose sessions last as long as life, with a key as NewSessions takes
// it.
func NewService(store Store, key []byte, life time.Duration) (*Service, error) {
	hasher, err := newHasher()
	return &Service{store, hasher, NewSessions(store, key, life, time.Now), unguarded}, err
}

// Guarded gives the same service, where a guard is asked before each check of a password.
func (s *Service) Guarded(g Guard) *Service {
	guarded := *s
	guarded.guard = g
	return &guarded
}

// Sessions gives those of the service's accounts.
func (s *Service) Sessions() *Sessions { return s.sessions }

// Register makes an account. Errors: Invalid, which names all fields that are wrong, and
// EmailTaken, which takes as long as a new account.
func (s *Service) Register(ctx context.Context, username, email, password string) (Account, error) {
	a, password, err := newcomer(username, email, password)
	if err != nil {
		return Account{}, err
	}
	if a.Password, err = s.hasher.hash(ctx, password); err != nil {
		return Account{}, err
	}
	return a, s.store.Create(ctx, a)
}

// LogIn gives a session for an e-mail address and its password. WrongPassword: there is no such
// account, or that is not its password. Both take the same time.
func (s *Service) LogIn(ctx context.Context, email, password string) (Session, error) {
	var a Account
	err := s.check(ctx, password, func() (hash string, err error) {
		a, err = s.byEmail(ctx, email)
		if fault.Is(err, fault.NotFound) {
			err = nil
		}
		return a.Password, err
	})
	if err != nil {
		return Session{}, err
	}
	return s.sessions.Give(a)
}

// byEmail finds an account by an e-mail address as it was typed. NotFound: also of what is none.
func (s *Service) byEmail(ctx context.Context, email string) (Account, error) {
	email, err := CleanEmail(email)
	if err != nil {
		return Account{}, fault.Errorf(
			fault.NotFound,
			"there is no account with this e-mail address",
		)
	}
	return s.store.ByEmail(ctx, email)
}

// check refuses what is not the password that has a hash. The hash is asked for when the guard lets
// the check run: a try that is over a bound reads nothing.
func (s *Service) check(
	ctx context.Context, password string, hash func() (string, error),
) error {
	wrong := fault.Errorf(
		access.WrongPassword,
		"there is no account with this e-mail address and password",
	)
	password, err := CleanPassword("password", password)
	if err != nil { // it is nobody's; what it costs says nothing of the account
		return s.guard(func() error { return wrong })
	}
	done, err := s.hasher.turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	return s.guard(func() error {
		known, err := hash()
		if err != nil {
			return err
		}
		ok, err := s.hasher.matches(password, known)
		if err == nil && !ok {
			err = wrong
		}
		return err
	})
}

// LogOut ends every session of an account: here at once, and at other replicas within a Lease.
func (s *Service) LogOut(ctx context.Context, id uuid.UUID) error {
	defer s.sessions.Forget(id)
	return s.store.Raise(ctx, id)
}

// Account gives an account. NotFound.
func (s *Service) Account(ctx context.Context, id uuid.UUID) (Account, error) {
	return s.store.Account(ctx, id)
}

// Change is what a person changes of their account. nil: stays.
type Change struct {
	Username, Email *string
	Password        string // the present one, which another e-mail address takes
}

// Change changes an account, and gives it as it is then. Errors: Invalid, WrongPassword,
// EmailTaken, NotFound.
func (s *Service) Change(ctx context.Context, id uuid.UUID, c Change) (Account, error) {
	a, err := s.store.Account(ctx, id)
	if err != nil {
		return Account{}, err
	}
	username, email := a.Username, a.Email
	if c.Username != nil {
		username = *c.Username
	}
	if c.Email != nil {
		email = *c.Email
	}
	next, err := New(username, email)
	if err != nil {
		return Account{}, err
	}
	if next.Email != a.Email {
		if err := s.check(ctx, c.Password, a.hash); err != nil {
			return Account{}, err
		}
	}
	a.Username, a.Email = next.Username, next.Email
	return a, s.store.Rename(ctx, id, a.Username, a.Email)
}

// SetPassword puts another password in the place of the present one, ends every session, and gives
// a new one. Errors: Invalid, WrongPassword, NotFound.
func (s *Service) SetPassword(
	ctx context.Context,
	id uuid.UUID,
	old, password string,
) (Session, error) {
	password, err := CleanPassword("new_password", password)
	if err != nil {
		return Session{}, err
	}
	a, err := s.store.Account(ctx, id)
	if err != nil {
		return Session{}, err
	}
	if err := s.check(ctx, old, a.hash); err != nil {
		return Session{}, err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return Session{}, err
	}
	defer s.sessions.Forget(id)
	a.Epoch, err = s.store.SetPassword(ctx, id, a.Password, hash)
	if fault.Is(err, fault.Stale) { // another request has just changed it
		err = fault.Errorf(access.WrongPassword, "this is not the account's password any more")
	}
	if err != nil {
		return Session{}, err
	}
	return s.sessions.Give(a)
}

// Delete removes an account, and with it everything that says who its person is.
func (s *Service) Delete(ctx context.Context, id uuid.UUID) error {
	defer s.sessions.Forget(id)
	return s.store.Delete(ctx, id)
}

// NewReset gives a token with which the password of an account can be set anew, once, within
// ResetLife. Errors: Invalid, NotFound, and the store's.
func NewReset(ctx context.Context, store Store, email string) (token string, err error) {
	email, err = CleanEmail(email)
	if err != nil {
		return "", err
	}
	a, err := store.ByEmail(ctx, email)
	if err != nil {
		return "", err
	}
	token, hash := access.NewToken()
	return token, store.SetReset(ctx, a.ID, hash, ResetLife)
}

// Reset sets a password anew with a token that NewReset gave, and ends every session. Errors:
// Invalid, BadReset.
func (s *Service) Reset(ctx context.Context, token, password string) error {
	password, err := CleanPassword("password", password)
	if err != nil {
		return err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	id, err := s.store.Reset(ctx, sha256.Sum256([]byte(token)), hash)
	if err == nil {
		s.sessions.Forget(id)
	}
	return err
}
