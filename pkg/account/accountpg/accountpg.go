// Package accountpg keeps accounts in PostgreSQL.
package accountpg

import (
	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/postgres"
)

// Store implements account.Store.
type Store struct{ db *postgres.DB }

var _ account.Store = (*Store)(nil)

// New makes the store that is kept by an engine.
func New(db *postgres.DB) *Store { return &Store{db} }
