package account

import (
	"context"

	"github.com/plenary-live/plenary/pkg/question"
)

var notInEmail = question.NotInEmail

// HoldHashes takes n turns at hashing until release is called.
func (s *Service) HoldHashes(n int) (release func()) {
	if err := s.hasher.turns.Acquire(context.Background(), int64(n)); err != nil {
		panic(err)
	}
	return func() { s.hasher.turns.Release(int64(n)) }
}

// NewReset is NewReset for an account of the service's store.
func (s *Service) NewReset(ctx context.Context, email string) (token string, err error) {
	return NewReset(ctx, s.store, email)
}
