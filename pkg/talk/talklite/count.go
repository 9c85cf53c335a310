package talklite

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/sqlite"
	"github.com/plenary-live/plenary/pkg/talk"
)

// Count implements talk.Store. It is the only writer while it runs, so there is nothing to lock.
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
	arg, err := sqlite.Rows(len(ids), func(i int) []any { return []any{sqlite.Hex(ids[i])} })
	if err != nil {
		return err
	}
	var rows []struct {
		ID       uuid.UUID     `db:"id"`
		Comments talk.Comments `db:"comments"`
		tallyRow
		Revision int64 `db:"revision"`
		Weak     bool  `db:"weak"`
		Nameless bool  `db:"nameless"`
	}
	err = tx.SelectContext(
		ctx,
		&rows,
		`SELECT t.id, t.comments, `+tallyColumns+`, t.revision, t.weak, t.nameless
		FROM json_each(?1) u CROSS JOIN talks t ON t.id = unhex(u.value->>0)`,
		arg,
	)
	for i := range rows {
		r := &rows[i]
		ledger.Load(talk.Account{
			TalkID: r.ID, Moderated: r.Comments == talk.Moderated, Tally: r.tally(),
			Revision: r.Revision, Weak: r.Weak, Nameless: r.Nameless,
		})
	}
	return err
}

var givenKeys, keyWidth = sqlite.Given("talk_id id", "person id")

// CROSS JOIN says which table leads: the short one.
var selectOld = givenKeys + `
	SELECT given.row AS place, r.value, r.comment, r.comment_id, r.hidden
	FROM given CROSS JOIN ratings r ON r.talk_id = given.talk_id AND r.person = given.person`

// loadRatings brings the ledger the ratings that stand.
func loadRatings(ctx context.Context, tx *sqlx.Tx, ledger *talk.Ledger) error {
	keys := ledger.Keys()
	if len(keys) == 0 {
		return nil
	}
	given := sqlite.NewSet(len(keys), keyWidth)
	for i := range keys {
		given.ID(keys[i].TalkID)
		given.ID(keys[i].Person)
	}
	var rows []struct {
		Place     int        `db:"place"`
		Value     int        `db:"value"`
		Comment   string     `db:"comment"`
		CommentID *uuid.UUID `db:"comment_id"`
		Hidden    bool       `db:"hidden"`
	}
	err := tx.SelectContext(ctx, &rows, selectOld, given.Rows)
	for _, r := range rows {
		s := talk.Standing{Key: keys[r.Place], Value: r.Value}
		if r.CommentID != nil {
			s.Comment = talk.Comment{ID: *r.CommentID, Text: r.Comment, Hidden: r.Hidden}
		}
		ledger.Old(s)
	}
	return err
}

var givenRatings, ratingWidth = sqlite.Given("talk_id id", "person id", "value number",
	"comment text", "comment_id id", "hidden number")

var upsertRatings = givenRatings + `
	INSERT INTO ratings (talk_id, person, value, comment, comment_id, hidden)
	SELECT talk_id, person, value, comment, nullif(comment_id, zeroblob(16)), hidden
	FROM given WHERE true
	ON CONFLICT (talk_id, person) DO UPDATE SET value = excluded.value, comment = excluded.comment,
		comment_id = excluded.comment_id, hidden = excluded.hidden`

func writeRatings(ctx context.Context, tx *sqlx.Tx, all []talk.Standing) error {
	if len(all) == 0 {
		return nil
	}
	given := sqlite.NewSet(len(all), ratingWidth)
	for i := range all {
		r := &all[i]
		given.ID(r.TalkID)
		given.ID(r.Person)
		given.Number(int64(r.Value))
		given.Text(r.Comment.Text)
		given.ID(r.Comment.ID)
		given.Number(number(r.Comment.Hidden))
	}
	result, err := tx.ExecContext(ctx, upsertRatings, given.Rows, given.Texts)
	return sqlite.Exactly(len(all), "ratings", result, err)
}

func writeAccounts(ctx context.Context, tx *sqlx.Tx, all []talk.Account) error {
	for i := range all {
		a := &all[i]
		result, err := tx.ExecContext(ctx, `
			UPDATE talks SET ones = ?2, twos = ?3, threes = ?4, fours = ?5, fives = ?6,
				revision = ?7, weak = ?8, nameless = ?9 WHERE id = ?1`,
			a.TalkID[:], a.Tally[0], a.Tally[1], a.Tally[2], a.Tally[3], a.Tally[4],
			a.Revision, number(a.Weak), number(a.Nameless))
		if err := sqlite.Exactly(1, "talks", result, err); err != nil {
			return err
		}
	}
	return nil
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// HasCounted implements talk.Store.
func (s *Store) HasCounted(ctx context.Context, key uuid.UUID) (counted bool, err error) {
	err = s.db.Read(ctx, "has_counted", func(q sqlite.Queryer) error {
		return q.GetContext(ctx, &counted,
			`SELECT EXISTS (SELECT 1 FROM batches WHERE id = ?1)`, key[:])
	})
	return counted, err
}

// TalkIDs implements talk.Store.
func (s *Store) TalkIDs(
	ctx context.Context, after uuid.UUID, limit int,
) (ids []uuid.UUID, err error) {
	err = s.db.Read(ctx, "talk_ids", func(q sqlite.Queryer) error {
		return q.SelectContext(ctx, &ids,
			`SELECT id FROM talks WHERE id > ?1 ORDER BY id LIMIT ?2`, after[:], limit)
	})
	return ids, err
}

// Recount implements talk.Store.
func (s *Store) Recount(
	ctx context.Context, id uuid.UUID, repair bool,
) (tally, rows talk.Tally, err error) {
	err = s.db.Write(ctx, "recount_talk", func(tx *sqlx.Tx) error {
		t, err := find(ctx, tx, id)
		if err != nil {
			return err
		}
		var row tallyRow
		err = tx.GetContext(ctx, &row, `SELECT count(*) FILTER (WHERE value = 1) AS ones,
			count(*) FILTER (WHERE value = 2) AS twos, count(*) FILTER (WHERE value = 3) AS threes,
			count(*) FILTER (WHERE value = 4) AS fours, count(*) FILTER (WHERE value = 5) AS fives
			FROM ratings WHERE talk_id = ?1`, id[:])
		if tally, rows = t.Tally, row.tally(); err != nil || tally == rows || !repair {
			return err
		}
		return writeAccounts(ctx, tx, []talk.Account{
			{
				TalkID: id, Tally: rows, Revision: t.Revision + 1, Weak: t.Weak,
				Nameless: t.Nameless,
			},
		})
	})
	return tally, rows, err
}
