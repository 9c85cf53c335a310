package chatpg

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/postgres"
)

// Count implements chat.Store. It locks and reads in one round trip, however much it numbers. It
// writes messages in two more, and their chats in a fourth one.
func (s *Store) Count(
	ctx context.Context, partitions []int, batches []chat.Batch,
) (o chat.Outcome, err error) {
	err = s.db.Write(ctx, "count_messages", func(tx *sqlx.Tx) error {
		ledger := chat.NewLedger(batches)
		if err := claim(ctx, tx, ledger, partitions); err != nil {
			return err
		}
		var settled chat.Settled
		settled, o = ledger.Settle()
		return settle(ctx, tx, &settled, partitions[0])
	})
	if err != nil {
		return chat.Outcome{}, err
	}
	return o, nil
}

// claimCall calls a function of the schema (chats.up.sql of migrations/postgres).
const claimCall = `SELECT * FROM chats_claim_1(
	$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`

// claim locks and reads what numbering needs, and has the ledger walk through it.
func claim(ctx context.Context, tx *sqlx.Tx, ledger *chat.Ledger, partitions []int) error {
	chats, targets, upvoters := ledger.Chats(), ledger.Targets(), ledger.Upvoters()
	edits := ledger.Edits()
	var found struct {
		Fresh, Known          postgres.UUIDs
		MadeIDs               postgres.UUIDs  `db:"made_ids"`
		MadeNumbers           postgres.Int64s `db:"made_numbers"`
		Apps, Chats, Messages []byte
		Upvoted               postgres.Int64s
	}
	err := tx.GetContext(ctx, &found, claimCall,
		numbersOf(partitions, func(p int) int64 { return int64(p) }),
		idArray(ledger.IDs()), idArray(ledger.Keyed()), idArray(ledger.Apps()),
		idsOf(chats, func(p chat.Place) uuid.UUID { return p.App }),
		numbersOf(chats, func(p chat.Place) int64 { return p.Number }),
		idsOf(targets, func(t chat.Target) uuid.UUID { return t.App }),
		numbersOf(targets, func(t chat.Target) int64 { return t.Number }),
		numbersOf(targets, func(t chat.Target) int64 { return t.Message }),
		numbersOf(targets, func(t chat.Target) int64 { return flag(edits[t]) }),
		idsOf(upvoters, func(u chat.Upvoter) uuid.UUID { return u.App }),
		numbersOf(upvoters, func(u chat.Upvoter) int64 { return u.Number }),
		numbersOf(upvoters, func(u chat.Upvoter) int64 { return u.Message }),
		idsOf(upvoters, func(u chat.Upvoter) uuid.UUID { return u.Person }))
	if err != nil {
		return err
	}
	isNew := make(map[uuid.UUID]bool, len(found.Fresh))
	for _, id := range found.Fresh {
		isNew[id] = true
	}
	ledger.Walk(isNew)
	for _, id := range found.Known {
		ledger.Know(id)
	}
	for i, id := range found.MadeIDs {
		ledger.Number(id, found.MadeNumbers[i])
	}
	if err := bring(ledger, found.Apps, found.Chats, found.Messages, targets); err != nil {
		return err
	}
	for _, place := range found.Upvoted { // they count from 1
		ledger.Upvoted(upvoters[place-1])
	}
	return nil
}

// bring brings the ledger the rows that came as JSON, which nothing is where there are none.
func bring(ledger *chat.Ledger, apps, chats, messages []byte, targets []chat.Target) error {
	var counted []chat.Counted
	if err := json.Unmarshal(apps, &counted); err != nil {
		return err
	}
	for _, a := range counted {
		ledger.App(a)
	}
	var rows []chatRow
	if err := json.Unmarshal(chats, &rows); err != nil {
		return err
	}
	for i := range rows {
		ledger.Chat(rows[i].chat())
	}
	if messages == nil {
		return nil
	}
	var placed []struct {
		messageRow
		Place int
	}
	if err := json.Unmarshal(messages, &placed); err != nil {
		return err
	}
	for _, m := range placed {
		ledger.Old(targets[m.Place-1], chat.Message(m.messageRow))
	}
	return nil
}

// write writes rows, if there are any, and fails where it wrote fewer or more: the numbers would be
// wrong.
func write(ctx context.Context, tx *sqlx.Tx, n int, what, query string, args ...any) error {
	if n == 0 {
		return nil
	}
	result, err := tx.ExecContext(ctx, query, args...)
	return postgres.Exactly(n, what, result, err)
}

// settle writes what numbering changes.
func settle(ctx context.Context, tx *sqlx.Tx, s *chat.Settled, partition int) error {
	for _, f := range []func(context.Context, *sqlx.Tx, *chat.Settled) error{
		writeApps, writeMade, writePosted, writeChats, writeChanged, writeRewritten,
		writeVersions, writeVotes, writeReactions,
	} {
		if err := f(ctx, tx, s); err != nil {
			return err
		}
	}
	return write(ctx, tx, len(s.IDs), "ids of items", `
		INSERT INTO batches (id, partition) SELECT id, $2 FROM unnest($1::uuid[]) AS u (id)`,
		idArray(s.IDs), partition)
}
