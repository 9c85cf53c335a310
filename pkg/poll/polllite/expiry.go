package polllite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// now is the present time as it is stored.
const now = `strftime('%Y-%m-%dT%H:%M:%fZ')`

// unnoted says of a presentation p that its use was noted too long ago.
var unnoted = fmt.Sprintf(`p.used_at < strftime('%%Y-%%m-%%dT%%H:%%M:%%fZ', 'now', '%s')`,
	sqlite.Ago(poll.UseNoted))

// noteUse is the assignment of an UPDATE of presentations p that notes their use.
var noteUse = `used_at = CASE WHEN ` + unnoted + ` THEN ` + now + ` ELSE p.used_at END`

// unused says of presentations that their use was noted last so long ago. A process from before the
// column writes none (”).
const unused = `used_at > '' AND used_at <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?)`

// use notes that a presentation is used. NotFound.
func (s *Store) use(ctx context.Context, id uuid.UUID) error {
	return s.updateOne(ctx, "use", `UPDATE presentations SET used_at = `+now+` WHERE id = ?`, id[:])
}

// Unused implements poll.Store.
func (s *Store) Unused(ctx context.Context, age time.Duration,
	limit int) (ids []uuid.UUID, err error) {
	err = s.db.Read(ctx, "unused", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &ids, `SELECT id FROM presentations WHERE `+unused+
			` ORDER BY used_at LIMIT ?`,
			sqlite.Ago(age), limit)
	})
	return ids, err
}

// Expire implements poll.Store. There is one writer, so it keeps out all others by being it.
func (s *Store) Expire(ctx context.Context, id uuid.UUID, age time.Duration) (bool, error) {
	expired := false
	err := s.db.Write(ctx, "expire", func(tx *sqlx.Tx) error {
		err := tx.GetContext(ctx, &expired, `SELECT true FROM presentations WHERE id = ? AND `+
			unused, id[:], sqlite.Ago(age))
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return deleteOf(ctx, tx, id, append([]string{
			`INSERT INTO erasures (poll_id) SELECT id FROM polls WHERE presentation_id = ?`,
			`DELETE FROM poll_states WHERE poll_id IN (SELECT id FROM polls WHERE ` +
				`presentation_id = ?)`,
			`DELETE FROM polls WHERE presentation_id = ?`,
		}, presentationOf...)...)
	})
	return expired && err == nil, err
}

// Erase implements poll.Store.
func (s *Store) Erase(ctx context.Context, limit int) (n int, err error) {
	err = s.db.Write(ctx, "erase", func(tx *sqlx.Tx) error {
		n = 0
		for _, statement := range []string{
			`DELETE FROM votes WHERE (poll_id, voter_id) IN (
				SELECT poll_id, voter_id FROM votes WHERE poll_id IN (SELECT poll_id FROM erasures) LIMIT ?)`,
			`DELETE FROM words WHERE (poll_id, word) IN (
				SELECT poll_id, word FROM words WHERE poll_id IN (SELECT poll_id FROM erasures) LIMIT ?)`,
			`DELETE FROM spellings WHERE (poll_id, word, spelling) IN (
				SELECT poll_id, word, spelling FROM spellings WHERE poll_id IN (SELECT poll_id FROM erasures) LIMIT ?)`,
			// Where this one has its turn, the others have left nothing.
			`DELETE FROM erasures WHERE poll_id IN (SELECT poll_id FROM erasures LIMIT ?)`,
		} {
			if n == limit {
				return nil
			}
			result, err := tx.ExecContext(ctx, statement, limit-n)
			if err != nil {
				return err
			}
			deleted, err := result.RowsAffected()
			if err != nil {
				return err
			}
			n += int(deleted)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
