package sqlite

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/outbox"
	"github.com/plenary-live/plenary/pkg/outbox/outboxtest"
)

func TestOutbox(t *testing.T) {
	outboxtest.Run(t, outboxtest.Suite{
		Open: func(t *testing.T) outbox.Store {
			db, err := Open(t.Context(),
				Config{Path: filepath.Join(t.TempDir(), "plenary.db")})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			return NewOutbox(db)
		},
		Put: func(ctx context.Context, s outbox.Store, facts []outbox.Fact, undo error) error {
			return s.(*Outbox).db.Write(ctx, "test", func(tx *sqlx.Tx) error {
				if err := Put(ctx, tx, facts); err != nil {
					return err
				}
				return undo
			})
		},
		Wanted: func(
			ctx context.Context, s outbox.Store, things []uuid.UUID,
		) (found map[uuid.UUID]bool, err error) {
			err = s.(*Outbox).db.Write(ctx, "test", func(tx *sqlx.Tx) error {
				found, err = Wanted(ctx, tx, things)
				return err
			})
			return found, err
		},
	})
}
