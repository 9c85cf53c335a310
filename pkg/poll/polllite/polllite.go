// Package polllite keeps presentations, votes and tallies in an SQLite file.
package polllite

import (
	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// Store implements poll.Store.
type Store struct{ db *sqlite.DB }

var _ poll.Store = (*Store)(nil)

// New makes the store that is kept by an engine.
func New(db *sqlite.DB) *Store { return &Store{db} }
