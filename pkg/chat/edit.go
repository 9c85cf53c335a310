package chat

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/queue"
)

// Create checks an application, and writes it under an id and a token of its own. One with a
// subject has no token. Errors: Invalid, and Conflict where the subject has one already.
func (s *Service) Create(
	ctx context.Context, a Application,
) (created Application, token string, err error) {
	if err := a.Check(); err != nil {
		return Application{}, "", err
	}
	a.ID, a.Epoch, a.Chats, a.TokenHash = commit.NewID(), 0, 0, [32]byte{}
	a.Partition = queue.Partition(a.ID, s.spine.Spread)
	if a.Subject == uuid.Nil {
		token, a.TokenHash = access.NewToken()
	}
	if err := s.Store.Create(ctx, a); err != nil {
		return Application{}, "", err
	}
	return a, token, nil
}

// Find gives the application of a token, as it was at most a Lease ago. NotFound.
func (s *Service) Find(ctx context.Context, token string) (Application, error) {
	return s.apps.ofToken(ctx, sha256.Sum256([]byte(token)))
}

// Of gives the application of a subject, as it was at most a Lease ago. NotFound.
func (s *Service) Of(ctx context.Context, subject uuid.UUID) (Application, error) {
	return s.apps.ofSubject(ctx, subject)
}

// Application gives an application as it was at most a Lease ago. NotFound.
func (s *Service) Application(ctx context.Context, id uuid.UUID) (Application, error) {
	return s.apps.app(ctx, id)
}

// Edit has change change an application's name or reactions, and tells everybody. NotFound,
// Invalid.
func (s *Service) Edit(
	ctx context.Context, id uuid.UUID, change func(*Application) error,
) (Application, error) {
	a, err := s.Store.Edit(ctx, id, func(a *Application) error {
		if err := change(a); err != nil {
			return err
		}
		return a.Check()
	})
	return a, s.edited(ctx, id, err)
}

// Rotate gives an application another token, and ends the one of before and its members' within a
// Lease. Its chats stay. NotFound, and Conflict where it has no token.
func (s *Service) Rotate(
	ctx context.Context, id uuid.UUID,
) (a Application, token string, err error) {
	token, hash := access.NewToken()
	a, err = s.Store.Edit(ctx, id, func(a *Application) error {
		if a.TokenHash == [32]byte{} {
			return fault.Errorf(fault.Conflict, "this application has no token")
		}
		a.TokenHash = hash
		a.Epoch++
		return nil
	})
	return a, token, s.edited(ctx, id, err)
}

// Delete deletes an application with its chats, and tells everybody. NotFound.
func (s *Service) Delete(ctx context.Context, id uuid.UUID) error {
	return s.edited(ctx, id, s.Store.Delete(ctx, id))
}

// Adjust has change change a chat's settings, and tells everybody. NotFound, Invalid.
func (s *Service) Adjust(
	ctx context.Context, p Place, change func(*Chat) error,
) (Chat, error) {
	c, err := s.Store.Adjust(ctx, p, func(c *Chat) error {
		if err := change(c); err != nil {
			return err
		}
		return c.Check()
	})
	if err == nil {
		s.announce(ctx, changeOf(&c))
	}
	return c, err
}

// Admit gives a member a token of an application. Invalid.
func (s *Service) Admit(a Application, m Member) (admitted Member, token string, err error) {
	if err := m.Check(); err != nil {
		return Member{}, "", err
	}
	if m.App, m.Epoch = a.ID, a.Epoch; m.ID == uuid.Nil {
		m.ID = commit.NewID()
	}
	token = s.members.Give(&m, time.Now())
	return m, token, nil
}

// Member gives the member of a token and its application, as that was at most a Lease ago. Errors:
// BadMember, OldMember, EndedMember, Unavailable.
func (s *Service) Member(ctx context.Context, token string) (Member, Application, error) {
	m, err := s.members.Open(token, time.Now())
	if err != nil {
		return Member{}, Application{}, err
	}
	a, err := s.apps.app(ctx, m.App)
	if fault.Is(err, fault.NotFound) || err == nil && a.Epoch != m.Epoch {
		err = fault.Errorf(EndedMember, "this member's token was ended")
	}
	if err != nil {
		return Member{}, Application{}, err
	}
	return m, a, nil
}

// edited tells everybody unless the application is what it was. One whose fate is unknown may be
// another.
func (s *Service) edited(ctx context.Context, id uuid.UUID, err error) error {
	if err == nil || fault.Is(err, fault.Unavailable) {
		s.announce(ctx, changeOfApp(id))
	}
	return err
}

// announceTimeout bounds an announcement, which may be lost.
const announceTimeout = time.Second

// announce drops what this replica knows, and tells the others.
func (s *Service) announce(ctx context.Context, change bus.Change) {
	s.Heard(change)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceTimeout)
	defer cancel()
	if err := s.spine.Bus.Announce(ctx, change); err != nil {
		s.spine.Logger.Warn("a change of chats was not announced; replicas learn of it later",
			"error", err)
	}
}

// Heard takes note of what others have announced.
func (s *Service) Heard(c bus.Change) { s.apps.heard(c) }
