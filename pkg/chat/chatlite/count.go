package chatlite

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/chat"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// Count implements chat.Store. It is the only writer while it runs, so there is nothing to lock.
func (s *Store) Count(
	ctx context.Context, partitions []int, batches []chat.Batch,
) (o chat.Outcome, err error) {
	ledger := chat.NewLedger(batches)
	count := func(tx *sqlx.Tx, isNew map[uuid.UUID]bool) error {
		ledger.Walk(isNew)
		if err := load(ctx, tx, ledger); err != nil {
			return err
		}
		var settled chat.Settled
		settled, o = ledger.Settle()
		return settle(ctx, tx, &settled, partitions[0])
	}
	err = s.db.Once(ctx, "count_messages", chat.Stream, partitions, ledger.IDs(), count)
	if err != nil {
		return chat.Outcome{}, err
	}
	return o, nil
}

// load brings the ledger what it asks for.
func load(ctx context.Context, tx *sqlx.Tx, ledger *chat.Ledger) error {
	if err := loadKeyed(ctx, tx, ledger); err != nil {
		return err
	}
	var apps []struct {
		ID        uuid.UUID `db:"id"`
		Chats     int64     `db:"chats"`
		Reactions bool      `db:"reactions"`
	}
	err := selectEach(ctx, tx, &apps, ledger.Apps(), `SELECT a.id, a.chats, a.reactions
		FROM json_each(?1) u CROSS JOIN chat_apps a ON a.id = unhex(u.value->>0)`)
	if err != nil {
		return err
	}
	for _, a := range apps {
		ledger.App(chat.Counted(a))
	}
	places := ledger.Chats()
	chats, err := selectGiven[chatRow](ctx, tx, len(places), func(i int) []any {
		return []any{sqlite.Hex(places[i].App), places[i].Number}
	}, `SELECT c.* FROM json_each(?1) u CROSS JOIN chats c
		ON c.app_id = unhex(u.value->>0) AND c.number = u.value->>1`)
	if err != nil {
		return err
	}
	for i := range chats {
		ledger.Chat(chats[i].chat())
	}
	return loadMessages(ctx, tx, ledger)
}

func loadKeyed(ctx context.Context, tx *sqlx.Tx, ledger *chat.Ledger) error {
	ids := ledger.Keyed()
	var known []uuid.UUID
	err := selectEach(ctx, tx, &known, ids, `SELECT b.id
		FROM json_each(?1) u CROSS JOIN batches b ON b.id = unhex(u.value->>0)`)
	if err != nil {
		return err
	}
	for _, id := range known {
		ledger.Know(id)
	}
	var made []struct {
		ID     uuid.UUID `db:"id"`
		Number int64     `db:"number"`
	}
	err = selectEach(ctx, tx, &made, ids, `
		SELECT m.id, m.number FROM json_each(?1) u CROSS JOIN chat_messages m
			ON m.id = unhex(u.value->>0)
		UNION ALL
		SELECT c.id, c.number FROM json_each(?1) u CROSS JOIN chats c ON c.id = unhex(u.value->>0)`)
	for _, m := range made {
		ledger.Number(m.ID, m.Number)
	}
	return err
}

// placedRow is a message with its place in what was asked for.
type placedRow struct {
	Place int `db:"place"`
	messageRow
}

func loadMessages(ctx context.Context, tx *sqlx.Tx, ledger *chat.Ledger) error {
	targets, upvoters := ledger.Targets(), ledger.Upvoters()
	given := func(t chat.Target, more ...any) []any {
		return append([]any{sqlite.Hex(t.App), t.Number, t.Message}, more...)
	}
	rows, err := selectGiven[placedRow](ctx, tx, len(targets), func(i int) []any {
		return given(targets[i])
	}, `SELECT u.key AS place, `+messageColumns+` FROM json_each(?1) u CROSS JOIN chats c
			ON c.app_id = unhex(u.value->>0) AND c.number = u.value->>1
		CROSS JOIN chat_messages m ON m.chat_id = c.id AND m.number = u.value->>2`)
	if err != nil {
		return err
	}
	for _, r := range rows {
		ledger.Old(targets[r.Place], chat.Message(r.messageRow))
	}
	found, err := selectGiven[int](ctx, tx, len(upvoters), func(i int) []any {
		return given(upvoters[i].Target, sqlite.Hex(upvoters[i].Person))
	}, `SELECT u.key FROM json_each(?1) u CROSS JOIN chats c
			ON c.app_id = unhex(u.value->>0) AND c.number = u.value->>1
		CROSS JOIN chat_votes v ON v.chat_id = c.id AND v.number = u.value->>2
			AND v.person = unhex(u.value->>3)`)
	for _, place := range found {
		ledger.Upvoted(upvoters[place])
	}
	return err
}

// selectEach reads rows by ids, if there are any.
func selectEach(
	ctx context.Context, tx *sqlx.Tx, into any, ids []uuid.UUID, query string,
) error {
	if len(ids) == 0 {
		return nil
	}
	arg, err := hexed(ids)
	if err != nil {
		return err
	}
	return tx.SelectContext(ctx, into, query, arg)
}

// selectGiven reads rows by what is given as JSON, if anything is.
func selectGiven[R any](
	ctx context.Context, tx *sqlx.Tx, n int, row func(int) []any, query string,
) (found []R, err error) {
	if n == 0 {
		return nil, nil
	}
	arg, err := sqlite.Rows(n, row)
	if err != nil {
		return nil, err
	}
	err = tx.SelectContext(ctx, &found, query, arg)
	return found, err
}
