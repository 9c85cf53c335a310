package talklite

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/sqlite"
	"github.com/plenary-live/plenary/pkg/talk"
)

// Owned implements talk.Store.
func (s *Store) Owned(
	ctx context.Context, by talk.Importer, before uuid.UUID, limit int,
) ([]talk.Talk, error) {
	if before == uuid.Nil {
		before = uuid.Max
	}
	hash := by.Hash()
	var rows []talkRow
	err := s.db.Read(ctx, "owned_talks", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &rows, `SELECT `+talkColumns+` FROM talks
			WHERE `+owned+` AND id < ?3 ORDER BY id DESC LIMIT ?4`,
			hash[:], accountID(by.Account), before[:], limit)
	})
	return talks(rows), err
}

// owned is what is so of an importer's talks, by its hash and account.
const owned = `(importer = ?1 OR account_id = ?2)`

// Import implements talk.Store. A transaction that writes keeps every other writer out.
func (s *Store) Import(
	ctx context.Context, by talk.Importer, sources []string,
	merge func(found []talk.Talk) (made, edited []talk.Talk, err error),
) error {
	given, err := sqlite.Rows(len(sources), func(i int) []any { return []any{sources[i]} })
	if err != nil {
		return err
	}
	hash := by.Hash()
	return s.db.Write(ctx, "import_talks", func(tx *sqlx.Tx) error {
		var rows []talkRow
		err := tx.SelectContext(ctx, &rows, `SELECT `+talkColumns+` FROM talks
			WHERE `+owned+` AND source IN (SELECT value->>0 FROM json_each(?3))
			ORDER BY coalesce(importer = ?1, 0) DESC, id`,
			hash[:], accountID(by.Account), given)
		if err != nil {
			return err
		}
		made, edited, err := merge(talks(rows))
		if err != nil {
			return err
		}
		for i := range edited {
			if err := update(ctx, tx, &edited[i]); err != nil {
				return err
			}
		}
		return insert(ctx, tx, made)
	})
}
