package talkpg

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/pkg/talk"
)

// Count implements talk.Store. The order of statements is part of its correctness: nothing is read
// in a statement that waits for a lock but the locked rows.
func (s *Store) Count(
	ctx context.Context, partitions []int, batches []talk.Batch,
) (o talk.Outcome, err error) {
	ledger := talk.NewLedger(batches)
	count := func(tx *sqlx.Tx, isNew map[uuid.UUID]bool) error {
		ledger.Walk(isNew)
		if err := loadTalks(ctx, tx, ledger); err != nil {
			return err
		}
		if err := loadRatings(ctx, tx, ledger); err != nil {
			return err
		}
		var ratings []talk.Standing
		var accounts []talk.Account
		ratings, accounts, o = ledger.Settle()
		if err := writeRatings(ctx, tx, ratings); err != nil {
			return err
		}
		return writeAccounts(ctx, tx, accounts)
	}
	err = s.db.Once(ctx, "count_ratings", talk.Stream, partitions, ledger.IDs(), count)
	if err != nil {
		return talk.Outcome{}, err
	}
	return o, nil
}

func loadTalks(ctx context.Context, tx *sqlx.Tx, ledger *talk.Ledger) error {
	ids := ledger.Talks()
	if len(ids) == 0 {
		return nil
	}
	var rows []struct {
		ID       uuid.UUID     `db:"id"`
		Comments talk.Comments `db:"comments"`
		tallyRow
		Revision int64 `db:"revision"`
		Weak     bool  `db:"weak"`
	}
	err := tx.SelectContext(ctx, &rows, `SELECT id, comments, `+tallyColumns+`, revision, weak
		FROM talks WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`, idArray(ids))
	for i := range rows {
		r := &rows[i]
		ledger.Load(talk.Account{
			TalkID: r.ID, Moderated: r.Comments == talk.Moderated, Tally: r.tally(),
			Revision: r.Revision, Weak: r.Weak,
		})
	}
	return err
}

// loadRatings brings the ledger the ratings that stand. Without
// OFFSET 0 the planner makes a plain join while ratings are few, and plans to read all of them.
func loadRatings(ctx context.Context, tx *sqlx.Tx, ledger *talk.Ledger) error {
	keys := ledger.Keys()
	if len(keys) == 0 {
		return nil
	}
	var rows []struct {
		Place     int        `db:"place"`
		Value     int        `db:"value"`
		Comment   string     `db:"comment"`
		CommentID *uuid.UUID `db:"comment_id"`
		Hidden    bool       `db:"hidden"`
	}
	err := tx.SelectContext(ctx, &rows, `
		SELECT u.place, r.value, r.comment, r.comment_id, r.hidden
		FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS u (talk_id, person, place)
		CROSS JOIN LATERAL (
			SELECT value, comment, comment_id, hidden FROM ratings
			WHERE talk_id = u.talk_id AND person = u.person OFFSET 0) r`,
		postgres.UUIDArray(len(keys), func(i int) uuid.UUID { return keys[i].TalkID }),
		postgres.UUIDArray(len(keys), func(i int) uuid.UUID { return keys[i].Person }))
	for _, r := range rows {
		s := talk.Standing{Key: keys[r.Place-1], Value: r.Value}
		if r.CommentID != nil {
			s.Comment = talk.Comment{ID: *r.CommentID, Text: r.Comment, Hidden: r.Hidden}
		}
		ledger.Old(s)
	}
	return err
}

func writeRatings(ctx context.Context, tx *sqlx.Tx, all []talk.Standing) error {
	n := len(all)
	if n == 0 {
		return nil
	}
	result, err := tx.ExecContext(ctx, `
		INSERT INTO ratings (talk_id, person, value, comment, comment_id, hidden)
		SELECT talk_id, person, value, comment,
			nullif(comment_id, '00000000-0000-0000-0000-000000000000'), hidden <> 0
		FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::uuid[], $6::bigint[])
			AS u (talk_id, person, value, comment, comment_id, hidden)
		ON CONFLICT (talk_id, person) DO UPDATE SET value = excluded.value,
			comment = excluded.comment, comment_id = excluded.comment_id, hidden = excluded.hidden`,
		postgres.UUIDArray(n, func(i int) uuid.UUID { return all[i].TalkID }),
		postgres.UUIDArray(n, func(i int) uuid.UUID { return all[i].Person }),
		postgres.Int64Array(n, func(i int) int64 { return int64(all[i].Value) }),
		postgres.TextArray(n, func(i int) string { return all[i].Comment.Text }),
		postgres.UUIDArray(n, func(i int) uuid.UUID { return all[i].Comment.ID }),
		postgres.Int64Array(n, func(i int) int64 { return number(all[i].Comment.Hidden) }))
	return postgres.Exactly(n, "ratings", result, err)
}

func writeAccounts(ctx context.Context, tx *sqlx.Tx, all []talk.Account) error {
	n := len(all)
	if n == 0 {
		return nil
	}
	counts := func(value int) []byte {
		return postgres.Int64Array(n, func(i int) int64 { return all[i].Tally[value-talk.Least] })
	}
	result, err := tx.ExecContext(ctx, `
		UPDATE talks t SET ones = u.ones, twos = u.twos, threes = u.threes, fours = u.fours,
			fives = u.fives, revision = u.revision, weak = u.weak <> 0
		FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
			$6::bigint[], $7::bigint[], $8::bigint[])
			AS u (id, ones, twos, threes, fours, fives, revision, weak)
		WHERE t.id = u.id`,
		postgres.UUIDArray(n, func(i int) uuid.UUID { return all[i].TalkID }),
		counts(1), counts(2), counts(3), counts(4), counts(5),
		postgres.Int64Array(n, func(i int) int64 { return all[i].Revision }),
		postgres.Int64Array(n, func(i int) int64 { return number(all[i].Weak) }))
	return postgres.Exactly(n, "talks", result, err)
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// HasCounted implements talk.Store.
func (s *Store) HasCounted(ctx context.Context, key uuid.UUID) (counted bool, err error) {
	err = s.db.Read(ctx, "has_counted", func(q postgres.Queryer) error {
		return q.GetContext(ctx, &counted,
			`SELECT EXISTS (SELECT FROM batches WHERE id = $1)`, key)
	})
	return counted, err
}

// Recount implements talk.Store.
func (s *Store) Recount(
	ctx context.Context, id uuid.UUID, repair bool,
) (tally, rows talk.Tally, err error) {
	err = s.db.Write(ctx, "recount_talk", func(tx *sqlx.Tx) error {
		t, err := lock(ctx, tx, id)
		if err != nil {
			return err
		}
		var row tallyRow
		err = tx.GetContext(ctx, &row, `SELECT count(*) FILTER (WHERE value = 1) AS ones,
			count(*) FILTER (WHERE value = 2) AS twos, count(*) FILTER (WHERE value = 3) AS threes,
			count(*) FILTER (WHERE value = 4) AS fours, count(*) FILTER (WHERE value = 5) AS fives
			FROM ratings WHERE talk_id = $1`, id)
		if tally, rows = t.Tally, row.tally(); err != nil || tally == rows || !repair {
			return err
		}
		return writeAccounts(ctx, tx, []talk.Account{
			{TalkID: id, Tally: rows, Revision: t.Revision + 1, Weak: t.Weak},
		})
	})
	return tally, rows, err
}
