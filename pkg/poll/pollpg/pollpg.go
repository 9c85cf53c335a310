// Package pollpg keeps presentations, votes and tallies in PostgreSQL.
package pollpg

import (
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/postgres"
)

// Store implements poll.Store.
type Store struct{ db *postgres.DB }

var _ poll.Store = (*Store)(nil)

// New makes the store that is kept by an engine.
func New(db *postgres.DB) *Store { return &Store{db} }
