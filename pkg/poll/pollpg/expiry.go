package pollpg

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/poll"
	"github.com/plenary-live/plenary/pkg/postgres"
)

// unnoted says of a presentation p that its use was noted too long ago.
var unnoted = fmt.Sprintf(`p.used_at < now() - interval '%d seconds'`, int(poll.UseNoted.Seconds()))

// noteUse is the assignment of an UPDATE of presentations p that notes their use. A value that
// stays the same touches no index.
var noteUse = `used_at = CASE WHEN ` + unnoted + ` THEN now() ELSE p.used_at END`

// use notes that a presentation is used. NotFound.
func (s *Store) use(ctx context.Context, id uuid.UUID) error {
	return s.updateOne(ctx, "use", `UPDATE presentations SET used_at = now() WHERE id = $1`, id)
}

// Unused implements poll.Store.
func (s *Store) Unused(ctx context.Context, age time.Duration,
	limit int) (ids []uuid.UUID, err error) {
	err = s.db.Read(ctx, "unused", func(q postgres.Queryer) error {
		return q.SelectContext(ctx, &ids, `
			SELECT id FROM presentations WHERE used_at <= now() - make_interval(secs => $1)
				ORDER BY used_at LIMIT $2`,
			age.Seconds(), limit)
	})
	return ids, err
}

// Expire implements poll.Store. The locks are those of Delete. A call that waits for the
// presentation's lock is about to use it. So its lock is not waited for, and its use is read again
// under it.
func (s *Store) Expire(ctx context.Context, id uuid.UUID, age time.Duration) (bool, error) {
	expired := false
	err := s.db.Write(ctx, "expire", func(tx *sqlx.Tx) error {
		err := tx.GetContext(ctx, &expired, `
			SELECT true FROM presentations WHERE id = $1 AND used_at <= now() - make_interval(secs => $2) FOR UPDATE SKIP LOCKED`, id, age.Seconds())
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		var polls []uuid.UUID
		if err := tx.SelectContext(ctx, &polls, `SELECT id FROM polls WHERE presentation_id = $1`,
			id); err != nil {
			return err
		}
		if _, err := lockStates(ctx, tx, polls); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO erasures (poll_id) SELECT unnest($1::uuid[])`,
			postgres.UUIDArray(len(polls), func(i int) uuid.UUID { return polls[i] }))
		if err != nil {
			return err
		}
		return deletePresentation(ctx, tx, id, polls)
	})
	return expired && err == nil, err
}

// erasedAtOnce is how many polls one call of Erase looks at.
const erasedAtOnce = 100

// Erase implements poll.Store. Nothing is counted for polls that have no state, so their votes
// become fewer only.
func (s *Store) Erase(ctx context.Context, limit int) (n int, err error) {
	err = s.db.Write(ctx, "erase", func(tx *sqlx.Tx) error {
		n = 0
		var polls []uuid.UUID
		err := tx.SelectContext(ctx, &polls,
			`SELECT poll_id FROM erasures ORDER BY poll_id LIMIT $1 FOR UPDATE SKIP LOCKED`,
			min(limit, erasedAtOnce))
		if err != nil || len(polls) == 0 {
			return err
		}
		arg := postgres.UUIDArray(len(polls), func(i int) uuid.UUID { return polls[i] })
		for _, statement := range []string{
			`DELETE FROM votes WHERE ctid = ANY(ARRAY(SELECT ctid FROM votes WHERE poll_id = ` +
				`ANY($1::uuid[]) LIMIT $2))`,
			`DELETE FROM words WHERE ctid = ANY(ARRAY(SELECT ctid FROM words WHERE poll_id = ` +
				`ANY($1::uuid[]) LIMIT $2))`,
			`DELETE FROM spellings WHERE ctid = ANY(ARRAY(SELECT ctid FROM spellings WHERE ` +
				`poll_id = ANY($1::uuid[]) LIMIT $2))`,
			// Where this one has its turn, the others have left nothing.
			`DELETE FROM erasures WHERE poll_id = ANY(ARRAY(SELECT unnest($1::uuid[]) LIMIT $2))`,
		} {
			if n == limit {
				return nil
			}
			result, err := tx.ExecContext(ctx, statement, arg, limit-n)
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
