package account

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/semaphore"

	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/question"
)

// ReturnPath is the path of the public address to which the provider sends browsers back.
const ReturnPath = "/api/v1/auth/oidc/callback"

// Provider is an OpenID Connect provider, at which people say who they are. It is safe for use by
// many goroutines. Every method gives up when ctx ends. Unavailable: the provider is away, or does
// not accept this server.
type Provider interface {
	// URL gives where a browser goes for an attempt.
	URL(ctx context.Context, a Attempt) (string, error)

	// Person gives who has logged in, for the code that the browser brings back. BadAttempt: the
	// code is none, or what the provider signed is not for this attempt and this server.
	Person(ctx context.Context, a Attempt, code string) (Person, error)
}

// Person is somebody of whom a provider tells.
type Person struct {
	Identity        // both texts are there
	Email    string // empty: the provider does not tell
	Verified bool   // the provider says that the address is the person's
	Name     string // may be empty
}

const (
	// maxAsking is how many requests wait for the provider at once. Others are refused.
	maxAsking = 32
	// askingWait is after what they try again.
	askingWait = time.Second
)

// Elsewhere logs people in who say at a provider who they are. It is safe for use by many
// goroutines.
type Elsewhere struct {
	*Service
	provider Provider
	attempts *attempts
	asking   *semaphore.Weighted
}

// NewElsewhere makes log-ins by a provider to the accounts of a service, with the key of their
// sessions. now is time.Now but in tests.
func NewElsewhere(s *Service, p Provider, key []byte, now func() time.Time) *Elsewhere {
	return &Elsewhere{s, p, newAttempts(key, now), semaphore.NewWeighted(maxAsking)}
}

// Begin gives where a browser goes to log in, and a ticket that the browser keeps until it comes
// back, and shows nobody else. Unavailable: as Provider, or too many log in at once.
func (e *Elsewhere) Begin(ctx context.Context) (to, ticket string, err error) {
	a, ticket := e.attempts.begin()
	err = e.ask(func() (err error) {
		to, err = e.provider.URL(ctx, a)
		return err
	})
	return to, ticket, err
}

// Return is what a browser brings back from a provider.
type Return struct {
	Ticket string // that Begin gave
	State  string
	Code   string
	Error  string // why the provider let nobody in; empty: it did
}

// Finish gives a session to the person who comes back. Errors: BadAttempt, Refused, Unproven, and
// Unavailable as Begin.
func (e *Elsewhere) Finish(ctx context.Context, r Return) (Session, error) {
	a, err := e.attempts.resume(r.Ticket, r.State)
	switch {
	case err != nil:
		return Session{}, err
	case r.Error != "":
		return Session{}, fault.Errorf(Refused, "the provider let nobody in")
	case r.Code == "":
		return Session{}, fault.Errorf(BadAttempt, "the provider's code is missing")
	}
	var p Person
	err = e.ask(func() (err error) {
		p, err = e.provider.Person(ctx, a, r.Code)
		return err
	})
	if err != nil {
		return Session{}, err
	}
	return e.logInAs(ctx, p)
}

// ask runs what waits for the provider.
func (e *Elsewhere) ask(f func() error) error {
	if !e.asking.TryAcquire(1) {
		return &fault.Error{
			Code: fault.Unavailable, Detail: "too many people log in at once: try it again",
			Wait: askingWait,
		}
	}
	defer e.asking.Release(1)
	return f()
}

// logInAs gives a session of the account of a provider's person.
func (e *Elsewhere) logInAs(ctx context.Context, p Person) (Session, error) {
	a, err := e.accountOf(ctx, p)
	if fault.Is(err, fault.Conflict) { // another request has just written the account
		a, err = e.accountOf(ctx, p)
	}
	if err != nil {
		return Session{}, err
	}
	return e.sessions.Give(a)
}

// accountOf finds the account of a provider's person by who they are there. Else it is the one with
// their address, and if there is none, a new one. An address counts that the provider says is
// theirs.
func (e *Elsewhere) accountOf(ctx context.Context, p Person) (Account, error) {
	a, err := e.store.ByIdentity(ctx, p.Identity)
	if !fault.Is(err, fault.NotFound) {
		return a, err
	}
	email, err := CleanEmail(p.Email)
	if err != nil || !p.Verified {
		return Account{}, fault.Errorf(Unproven,
			"the provider does not say that an e-mail address is yours")
	}
	a, err = e.store.Link(ctx, email, p.Identity)
	if !fault.Is(err, fault.NotFound) {
		e.sessions.Forget(a.ID)
		return a, err
	}
	if a, err = New(nameOf(p.Name, email), email); err != nil {
		return Account{}, err
	}
	a.Identity, a.Verified = p.Identity, true
	return a, e.store.Create(ctx, a)
}

// nameOf gives a name that an account can have: the one that a provider tells, or what stands
// before the "@".
func nameOf(told, email string) string {
	before, _, _ := strings.Cut(email, "@")
	for _, name := range []string{told, before} {
		if len(name) > utf8.UTFMax*MaxUsername {
			name = strings.ToValidUTF8(name[:utf8.UTFMax*MaxUsername], "")
		}
		if runes := []rune(name); len(runes) > MaxUsername {
			name = string(runes[:MaxUsername])
		}
		if clean, err := question.CleanLine("username", name, MaxUsername); err == nil {
			return clean
		}
	}
	return "?"
}
