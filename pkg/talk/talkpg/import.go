package talkpg

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/postgres"
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
	err := s.db.Read(ctx, "owned_talks", func(q postgres.Queryer) error {
		return q.SelectContext(ctx, &rows, `SELECT `+talkColumns+` FROM talks
			WHERE `+owned+` AND id < $3 ORDER BY id DESC LIMIT $4`,
			hash[:], accountID(by.Account), before, limit)
	})
	return talks(rows), err
}

// owned is what is so of an importer's talks, by its hash and account.
const owned = `(importer = $1 OR account_id = $2)`

// Import implements talk.Store. The rows are locked in the order of their ids, as counting does.
func (s *Store) Import(
	ctx context.Context, by talk.Importer, sources []string,
	merge func(found []talk.Talk) (made, edited []talk.Talk, err error),
) error {
	hash := by.Hash()
	given := postgres.TextArray(len(sources), func(i int) string { return sources[i] })
	return s.db.Write(ctx, "import_talks", func(tx *sqlx.Tx) error {
		var rows []talkRow
		err := tx.SelectContext(ctx, &rows, `SELECT `+talkColumns+` FROM talks
			WHERE `+owned+` AND source = ANY($3::text[]) ORDER BY id FOR UPDATE`,
			hash[:], accountID(by.Account), given)
		if err != nil {
			return err
		}
		found := talks(rows)
		slices.SortStableFunc(found, func(a, b talk.Talk) int {
			return int(number(b.Importer == hash) - number(a.Importer == hash))
		})
		made, edited, err := merge(found)
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
