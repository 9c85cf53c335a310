package stage

import (
	"context"
	"log/slog"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/access"
	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/question"
	"github.com/plenary-live/plenary/pkg/queue"
)

// Stage is the presenter's side: it changes what is displayed and has the poll that voting ended
// for sealed, and it edits. Whatever it changes it announces. It is a life.Service.
type Stage struct {
	store  writer
	bus    bus.Bus
	cache  *Cache
	sealer *sealer
	log    *slog.Logger
}

// writer is the part of poll.Store that the stage needs.
type writer interface {
	Transit(ctx context.Context, id uuid.UUID, m poll.Move, ifMatch *int64) (poll.Turn, error)
	Edit(ctx context.Context, id uuid.UUID, e poll.Edit) (poll.Edited, error)
	Hide(ctx context.Context, presentationID, pollID uuid.UUID, text string,
		hidden bool) (question.WordCount, poll.Edited, error)
	Delete(ctx context.Context, id uuid.UUID, seen poll.Seen) error
	SetAccess(ctx context.Context, id uuid.UUID, presenter [32]byte, a access.Tokens) error
	SetJoinCode(ctx context.Context, id uuid.UUID, code string) error
}

// New makes a stage. Stop it before the log.
func New(store writer, b bus.Bus, log queue.Publisher, cache *Cache, logger *slog.Logger) *Stage {
	return &Stage{store: store, bus: b, cache: cache, sealer: newSealer(log, logger), log: logger}
}

// Move does a transition and gives what is displayed after it. ifMatch, if not nil, is the version
// that the presenter saw. After a nil error every replica that the announcement reaches refuses
// votes at once for the poll that left or was closed. The others refuse them within a lease.
// Errors: as poll.Store.Transit; after Unavailable the transition may have happened.
func (s *Stage) Move(ctx context.Context, id uuid.UUID, m poll.Move,
	ifMatch *int64) (poll.Display, error) {
	mark := s.cache.mark(id)
	turn, err := s.store.Transit(ctx, id, m, ifMatch)
	if err != nil { // it may have happened
		s.cache.Drop(id)
		return turn.Display, err
	}
	s.cache.keep(id, turn.Display, mark)
	if !turn.Changed {
		return turn.Display, err
	}
	changes := []bus.Change{{Thing: id, Version: turn.Version}}
	if turn.Ended != nil {
		changes = append(changes,
			bus.Change{Thing: id, Part: turn.Ended.PollID, Version: turn.Ended.Version})
		s.sealer.add(turn.Partition, *turn.Ended)
	}
	s.announce(ctx, changes...)
	return turn.Display, nil
}

// Edit makes an edit. Errors: as poll.Store.Edit; after Unavailable it may have happened.
func (s *Stage) Edit(ctx context.Context, id uuid.UUID, e poll.Edit) (poll.Edited, error) {
	edited, err := s.store.Edit(ctx, id, e)
	s.edited(ctx, id, edited, err)
	return edited, err
}

// Hide hides an answer in free text, or shows it again. Errors: as poll.Store.Hide; after
// Unavailable it may have happened.
func (s *Stage) Hide(ctx context.Context, id, pollID uuid.UUID, text string,
	hidden bool) (question.WordCount, error) {
	word, edited, err := s.store.Hide(ctx, id, pollID, text, hidden)
	s.edited(ctx, id, edited, err)
	return word, err
}

// edited has everybody read anew what an edit has changed.
func (s *Stage) edited(ctx context.Context, id uuid.UUID, edited poll.Edited, err error) {
	s.cache.Drop(id) // also after an error: it may have happened
	if err != nil || !edited.Changed {
		return
	}
	changes := []bus.Change{{Thing: id}}
	if q := edited.Poll; q != nil {
		changes = append(changes,
			bus.Change{Thing: id, Part: q.ID, Version: edited.State.Opened,
				Revision: edited.State.Revision})
	}
	s.announce(ctx, changes...)
}

// Delete removes a presentation. Within a lease every replica refuses votes for it. Errors: as
// poll.Store.Delete; after Unavailable it may have happened.
func (s *Stage) Delete(ctx context.Context, id uuid.UUID, seen poll.Seen) error {
	return s.changed(ctx, id, s.store.Delete(ctx, id, seen))
}

// SetAccess puts other tokens in the place of a presentation's. Streams that were opened with one
// that is none any more end where the announcement arrives, the others within a lease. Errors: as
// poll.Store.SetAccess; after Unavailable it may have happened.
func (s *Stage) SetAccess(ctx context.Context, id uuid.UUID, presenter [32]byte,
	a access.Tokens) error {
	return s.changed(ctx, id, s.store.SetAccess(ctx, id, presenter, a))
}

// SetJoinCode gives a presentation another join code. Errors: as poll.Store.SetJoinCode; after
// Unavailable it may have happened.
func (s *Stage) SetJoinCode(ctx context.Context, id uuid.UUID, code string) error {
	return s.changed(ctx, id, s.store.SetJoinCode(ctx, id, code))
}

// changed has everybody read a presentation anew of which something but the version may have
// changed.
func (s *Stage) changed(ctx context.Context, id uuid.UUID, err error) error {
	s.cache.Drop(id)
	if err == nil {
		s.announce(ctx, bus.Change{Thing: id})
	}
	return err
}

// announce says what has changed of a presentation.
func (s *Stage) announce(ctx context.Context, changes ...bus.Change) {
	if err := s.bus.Announce(ctx, changes...); err != nil {
		s.log.Warn("change not announced; other replicas learn of it when their lease ends",
			"presentation_id", changes[0].Thing, "version", changes[0].Version, "error", err)
	}
}

// Start is the promise of life.Service. Nothing runs before the first transition.
func (s *Stage) Start() error { return s.sealer.start() }

// Stop waits until what voting has ended for is sealed, at most poll.SealDelay and what the log
// takes, or ctx ends. It does not try again what the log refuses. What is not sealed then, and what
// moves later, a worker seals some ten seconds later.
func (s *Stage) Stop(ctx context.Context) error {
	s.sealer.stop(ctx)
	return nil
}
