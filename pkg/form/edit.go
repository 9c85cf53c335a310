package form

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/queue"
)

// codeTries is how many codes are tried. With a million forms stored one in 400 codes is taken.
const codeTries = 10

// Create checks a form, and writes it under an id, a code and a token of its own. Invalid.
func (s *Service) Create(ctx context.Context, f Form) (created Form, token string, err error) {
	if err := f.Check(nil); err != nil {
		return Form{}, "", err
	}
	f.ID, f.Edits = commit.NewID(), 0
	f.Partition = queue.Partition(f.ID, s.spine.Spread)
	token, f.TokenHash = access.NewToken()
	for range codeTries {
		f.Code = access.NewCode()
		if err = s.Store.Create(ctx, f); !fault.Is(err, fault.Conflict) {
			break
		}
	}
	if err != nil {
		return Form{}, "", err
	}
	s.announce(ctx, change(f.ID, 0))
	return f, token, nil
}

// Form gives a form as it was at most a Lease ago. NotFound.
func (s *Service) Form(ctx context.Context, id uuid.UUID) (Form, error) {
	return s.forms.form(ctx, id)
}

// Edit has by change a form, if it is one of the edits that its owner saw, and tells everybody.
// None of them says that any will do. A question that has answers is closed instead of removed.
// Errors: fault.Stale, NotFound, Invalid, Answered.
func (s *Service) Edit(
	ctx context.Context, id uuid.UUID, seen []int64, by func(*Form) error,
) (Form, error) {
	f, err := s.Store.Edit(ctx, id, func(f *Form, answered map[uuid.UUID]int64) error {
		if len(seen) > 0 && !slices.Contains(seen, f.Edits) {
			return fault.Errorf(fault.Stale, "the form was edited meanwhile")
		}
		old := *f
		var err error
		if old.Definition, err = DecodeDefinition(f.Definition.Encode()); err != nil {
			return err
		}
		if err := by(f); err != nil {
			return err
		}
		if err := f.keep(&old.Definition, answered); err != nil {
			return err
		}
		return f.Check(&old)
	})
	return f, s.edited(ctx, id, err)
}

// Delete deletes a form with its responses, and tells everybody. NotFound.
func (s *Service) Delete(ctx context.Context, id uuid.UUID) error {
	return s.edited(ctx, id, s.Store.Delete(ctx, id))
}

// edited tells everybody unless the form is what it was. One whose fate is unknown may be another.
func (s *Service) edited(ctx context.Context, id uuid.UUID, err error) error {
	if err == nil || fault.Is(err, fault.Unavailable) {
		s.announce(ctx, change(id, 0))
	}
	return err
}

// announceTimeout bounds an announcement, which may be lost.
const announceTimeout = time.Second

// announce drops what this replica knows, and tells the others.
func (s *Service) announce(ctx context.Context, c bus.Change) {
	s.Heard(c)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceTimeout)
	defer cancel()
	if err := s.spine.Bus.Announce(ctx, c); err != nil {
		s.spine.Logger.Warn("a change of a form was not announced; replicas learn of it later",
			"form_id", c.Thing, "error", err)
	}
}

// Heard takes note of what others have announced.
func (s *Service) Heard(c bus.Change) { s.forms.heard(c) }

// change tells of a form. A revision of 0 says that anything of it may be another.
func change(id uuid.UUID, revision int64) bus.Change {
	if revision == 0 {
		return bus.Change{Thing: id}
	}
	return bus.Change{Thing: id, Part: id, Revision: revision}
}
