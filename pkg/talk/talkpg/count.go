package talkpg

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/postgres"
	"github.com/plenary-live/plenary/pkg/talk"
)

// Count implements talk.Store, in four round trips with BEGIN and COMMIT, however much it counts.
func (s *Store) Count(
	ctx context.Context, partitions []int, batches []talk.Batch,
) (o talk.Outcome, err error) {
	err = s.db.Write(ctx, "count_ratings", func(tx *sqlx.Tx) error {
		ledger := talk.NewLedger(batches)
		if err := claim(ctx, tx, ledger, partitions); err != nil {
			return err
		}
		var ratings []talk.Standing
		var accounts []talk.Account
		ratings, accounts, o = ledger.Settle()
		return settle(ctx, tx, ratings, accounts)
	})
	if err != nil {
		return talk.Outcome{}, err
	}
	return o, nil
}

// The functions of the schema that counting is made of (0012_talks.up.sql of migrations/postgres).
const (
	claimCall  = `SELECT * FROM ratings_claim_1($1, $2, $3, $4, $5)`
	settleCall = `SELECT * FROM ratings_settle_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
		$13, $14, $15)`
)

type accountRow struct {
	ID       uuid.UUID
	Comments talk.Comments
	tallyRow
	Revision int64
	Weak     bool
	Nameless bool
}

// claim locks and reads what counting needs, and has the ledger walk through it.
func claim(ctx context.Context, tx *sqlx.Tx, ledger *talk.Ledger, partitions []int) error {
	ids, talks, keys := ledger.IDs(), ledger.Talks(), ledger.Keys()
	var found struct {
		Accounts             []byte
		Fresh                postgres.UUIDs
		Places, Given, Hides postgres.Int64s
		Texts                postgres.Texts
		TextIDs              postgres.UUIDs `db:"text_ids"`
	}
	err := tx.GetContext(ctx, &found, claimCall,
		postgres.Int64Array(len(partitions), func(i int) int64 { return int64(partitions[i]) }),
		idArray(ids), idArray(talks),
		postgres.UUIDArray(len(keys), func(i int) uuid.UUID { return keys[i].TalkID }),
		postgres.UUIDArray(len(keys), func(i int) uuid.UUID { return keys[i].Person }))
	if err != nil {
		return err
	}
	isNew := make(map[uuid.UUID]bool, len(found.Fresh))
	for _, id := range found.Fresh {
		isNew[id] = true
	}
	ledger.Walk(isNew)
	var accounts []accountRow
	if err := json.Unmarshal(found.Accounts, &accounts); err != nil {
		return err
	}
	for i := range accounts {
		a := &accounts[i]
		ledger.Load(talk.Account{
			TalkID: a.ID, Moderated: a.Comments == talk.Moderated, Tally: a.tally(),
			Revision: a.Revision, Weak: a.Weak, Nameless: a.Nameless,
		})
	}
	for i, place := range found.Places { // they count from 1
		s := talk.Standing{Key: keys[place-1], Value: int(found.Given[i])}
		if id := found.TextIDs[i]; id != uuid.Nil {
			s.Comment = talk.Comment{ID: id, Text: found.Texts[i], Hidden: found.Hides[i] != 0}
		}
		ledger.Old(s)
	}
	return nil
}

// settle writes ratings that stand now, and what counting changes of their talks. No rating changes
// without its talk.
func settle(
	ctx context.Context, tx *sqlx.Tx, ratings []talk.Standing, accounts []talk.Account,
) error {
	n, m := len(ratings), len(accounts)
	if m == 0 {
		return nil
	}
	counts := func(value int) []byte {
		return postgres.Int64Array(m, func(i int) int64 {
			return accounts[i].Tally[value-talk.Least]
		})
	}
	_, err := tx.ExecContext(ctx, settleCall,
		postgres.UUIDArray(n, func(i int) uuid.UUID { return ratings[i].TalkID }),
		postgres.UUIDArray(n, func(i int) uuid.UUID { return ratings[i].Person }),
		postgres.Int64Array(n, func(i int) int64 { return int64(ratings[i].Value) }),
		postgres.TextArray(n, func(i int) string { return ratings[i].Comment.Text }),
		postgres.UUIDArray(n, func(i int) uuid.UUID { return ratings[i].Comment.ID }),
		postgres.Int64Array(n, func(i int) int64 { return number(ratings[i].Comment.Hidden) }),
		postgres.UUIDArray(m, func(i int) uuid.UUID { return accounts[i].TalkID }),
		counts(1), counts(2), counts(3), counts(4), counts(5),
		postgres.Int64Array(m, func(i int) int64 { return accounts[i].Revision }),
		postgres.Int64Array(m, func(i int) int64 { return number(accounts[i].Weak) }),
		postgres.Int64Array(m, func(i int) int64 { return number(accounts[i].Nameless) }))
	return err
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

// TalkIDs implements talk.Store.
func (s *Store) TalkIDs(
	ctx context.Context, after uuid.UUID, limit int,
) (ids []uuid.UUID, err error) {
	err = s.db.Read(ctx, "talk_ids", func(q postgres.Queryer) error {
		return q.SelectContext(ctx, &ids,
			`SELECT id FROM talks WHERE id > $1 ORDER BY id LIMIT $2`, after, limit)
	})
	return ids, err
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
		return settle(ctx, tx, nil, []talk.Account{
			{
				TalkID: id, Tally: rows, Revision: t.Revision + 1, Weak: t.Weak,
				Nameless: t.Nameless,
			},
		})
	})
	return tally, rows, err
}
