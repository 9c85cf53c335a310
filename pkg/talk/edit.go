package talk

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
	"github.com/plenary-live/plenary/pkg/queue"
)

// codeTries is how many codes are tried. With a million talks stored one in 400 codes is taken.
const codeTries = 10

// Create checks a talk, and writes it under an id, a code and a token of its own. Invalid.
func (s *Service) Create(ctx context.Context, t Talk) (created Talk, token string, err error) {
	if err := t.Check(); err != nil {
		return Talk{}, "", err
	}
	s.place(&t)
	token, t.TokenHash = access.NewToken()
	for range codeTries {
		t.Code = access.NewCode()
		if err = s.Store.Create(ctx, t); !fault.Is(err, fault.Conflict) {
			break
		}
	}
	if err != nil {
		return Talk{}, "", err
	}
	s.announce(ctx, t.ID, 0)
	return t, token, nil
}

// place gives a new talk its id, and where its ratings travel.
func (s *Service) place(t *Talk) {
	t.ID = commit.NewID()
	t.Partition = queue.Partition(t.ID, s.spine.Spread)
}

// Edit has change change a talk, if it is one of the edits that its owner saw, and tells everybody.
// None of them says that any will do. Stale, NotFound, Invalid.
func (s *Service) Edit(
	ctx context.Context, id uuid.UUID, seen []int64, change func(*Talk) error,
) (Talk, error) {
	t, err := s.Store.Edit(ctx, id, func(t *Talk) error {
		if err := isSeen(t.Edits, seen); err != nil {
			return err
		}
		if err := change(t); err != nil {
			return err
		}
		return t.Check()
	})
	if err != nil {
		return Talk{}, err
	}
	s.announce(ctx, id, 0)
	return t, nil
}

func isSeen(edits int64, seen []int64) error {
	if len(seen) == 0 {
		return nil
	}
	for _, e := range seen {
		if e == edits {
			return nil
		}
	}
	return fault.Errorf(fault.Stale, "the talk was edited meanwhile")
}

// Delete deletes a talk with its ratings, and tells everybody. NotFound.
func (s *Service) Delete(ctx context.Context, id uuid.UUID) error {
	err := s.Store.Delete(ctx, id)
	if err == nil {
		s.announce(ctx, id, 0)
	}
	return err
}

// Hide hides a comment or shows it again, and tells those who watch. NotFound.
func (s *Service) Hide(
	ctx context.Context, id, commentID uuid.UUID, hidden bool,
) (Comment, error) {
	c, revision, err := s.Store.Hide(ctx, id, commentID, hidden)
	if err == nil {
		s.announce(ctx, id, revision)
	}
	return c, err
}

// announceTimeout bounds an announcement, which may be lost.
const announceTimeout = time.Second

// announce drops what this replica knows, and tells the others.
func (s *Service) announce(ctx context.Context, id uuid.UUID, revision int64) {
	s.tell(ctx, Changes(id, revision))
}

func (s *Service) tell(ctx context.Context, changes []bus.Change) {
	for _, c := range changes {
		s.cache.heard(c)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceTimeout)
	defer cancel()
	if err := s.spine.Bus.Announce(ctx, changes...); err != nil {
		s.spine.Logger.Warn("a change of a talk was not announced; replicas learn of it later",
			"talk_id", changes[0].Thing, "error", err)
	}
}

// Heard takes note of what others have announced.
func (s *Service) Heard(change bus.Change) { s.cache.heard(change) }
