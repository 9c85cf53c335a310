package chatlite

import (
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/chat/chattest"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	chattest.Run(t, chattest.Suite{
		Open: func(t *testing.T) chat.Store {
			path := filepath.Join(t.TempDir(), "plenary.db")
			db, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			require.NoError(t, db.Partitions(t.Context(), 8))
			return New(db)
		},
		Exec: func(t *testing.T, s chat.Store, statement string, id uuid.UUID) {
			err := s.(*Store).db.Write(t.Context(), "test", func(tx *sqlx.Tx) error {
				_, err := tx.Exec(statement, id[:])
				return err
			})
			require.NoError(t, err)
		},
	})
}
