// Package accountlite keeps accounts in an SQLite file.
package accountlite

import (
	"github.com/plenary-live/plenary/pkg/account"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// Store implements account.Store.
type Store struct{ db *sqlite.DB }

var _ account.Store = (*Store)(nil)

// New makes the store that is kept by an engine.
func New(db *sqlite.DB) *Store { return &Store{db} }
