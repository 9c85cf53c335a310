package feed

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/plenary-live/plenary/pkg/bus"
	"github.com/plenary-live/plenary/pkg/commit"
	"github.com/plenary-live/plenary/pkg/fault"
)

// Feed is the thing that a change of what is in the feed is announced of.
var Feed = uuid.MustParse("b3d1f0e8-62a7-8c15-9e40-71c5a90d4f26")

// Create checks a poll, and writes it under an id of its own. Invalid.
func (s *Service) Create(ctx context.Context, p Poll) (Poll, error) {
	now := time.Now()
	if err := p.Check(now); err != nil {
		return Poll{}, err
	}
	p.ID, p.Closed, p.Revision = commit.NewID(), false, 0
	p.Tally = Tally{Votes: make([]int64, len(p.Options))}
	if err := s.Store.Create(ctx, p); err != nil {
		return Poll{}, err
	}
	s.announce(ctx, bus.Change{Thing: Feed, Part: p.ID})
	return p, nil
}

// Poll gives a poll with its tally, as it was at most a Lease ago. NotFound.
func (s *Service) Poll(ctx context.Context, id uuid.UUID) (Poll, error) {
	return s.polls.poll(ctx, id)
}

// Close closes a poll for ever, and tells everybody. NotFound.
func (s *Service) Close(ctx context.Context, id uuid.UUID) error {
	return s.edited(ctx, id, s.Store.Close(ctx, id))
}

// Delete deletes a poll with its answers, and tells everybody. NotFound.
func (s *Service) Delete(ctx context.Context, id uuid.UUID) error {
	return s.edited(ctx, id, s.Store.Delete(ctx, id))
}

// edited tells everybody unless the poll is what it was. One whose fate is unknown may be another.
func (s *Service) edited(ctx context.Context, id uuid.UUID, err error) error {
	if err == nil || fault.Is(err, fault.Unavailable) {
		s.announce(ctx, change(id, 0), bus.Change{Thing: Feed, Part: id})
	}
	return err
}

// announceTimeout bounds an announcement, which may be lost.
const announceTimeout = time.Second

// announce drops what this replica knows, and tells the others.
func (s *Service) announce(ctx context.Context, changes ...bus.Change) {
	for _, c := range changes {
		s.Heard(c)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceTimeout)
	defer cancel()
	if err := s.spine.Bus.Announce(ctx, changes...); err != nil {
		s.spine.Logger.Warn("a change of a poll was not announced; replicas learn of it later",
			"poll_id", changes[0].Thing, "error", err)
	}
}

// Heard takes note of what others have announced.
func (s *Service) Heard(c bus.Change) { s.polls.heard(c) }

// change tells of a poll. A revision of 0 says that anything of it may be another.
func change(id uuid.UUID, revision int64) bus.Change {
	if revision == 0 {
		return bus.Change{Thing: id}
	}
	return bus.Change{Thing: id, Part: id, Revision: revision}
}
