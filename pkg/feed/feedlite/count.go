package feedlite

import (
	"context"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/sqlite"
)

// Count implements feed.Store. It is the only writer while it runs, so there is nothing to lock.
func (s *Store) Count(
	ctx context.Context, rules feed.Rules, partitions []int, batches []feed.Batch,
) (o feed.Outcome, err error) {
	ledger := feed.NewLedger(rules, batches)
	count := func(tx *sqlx.Tx, isNew map[uuid.UUID]bool) error {
		var kept uuid.UUID
		if err := tx.GetContext(ctx, &kept, `SELECT from_id FROM feed_kept`); err != nil {
			return err
		}
		ledger.Walk(isNew, kept)
		if err := load(ctx, tx, ledger); err != nil {
			return err
		}
		var settled feed.Settled
		settled, o = ledger.Settle()
		return settle(ctx, tx, &settled, partitions[0])
	}
	err = s.db.Once(ctx, "count_answers", feed.Stream, partitions, ledger.IDs(), count)
	if err != nil {
		return feed.Outcome{}, err
	}
	return o, nil
}

// load brings the ledger what it asks for.
func load(ctx context.Context, tx *sqlx.Tx, ledger *feed.Ledger) error {
	var known []uuid.UUID
	err := selectEach(ctx, tx, &known, ledger.Keyed(), `SELECT b.id
		FROM json_each(?1) u CROSS JOIN batches b ON b.id = unhex(u.value->>0)`)
	if err != nil {
		return err
	}
	for _, id := range known {
		ledger.Know(id)
	}
	members, err := joined(ctx, tx, ledger.Members())
	if err != nil {
		return err
	}
	for _, m := range members {
		ledger.Member(m)
	}
	var polls []countedRow
	err = selectEach(ctx, tx, &polls, ledger.Polls(), `
		SELECT p.id, p.closed, coalesce(p.closes_at, 0) AS closes_at, p.votes, p.skips, p.revision
		FROM json_each(?1) u CROSS JOIN feed_polls p ON p.id = unhex(u.value->>0)`)
	if err != nil {
		return err
	}
	for i := range polls {
		r := &polls[i]
		ledger.Poll(feed.Counted{
			PollID: r.ID, Options: len(r.Votes), Closed: r.Closed, ClosesAt: r.ClosesAt,
			Tally: feed.Tally{Votes: r.Votes, Skips: r.Skips}, Revision: r.Revision,
		})
	}
	return loadAnswers(ctx, tx, ledger)
}

type memberRow struct {
	Account   uuid.UUID `db:"account_id"`
	Partition int       `db:"partition"`
	Day       int64     `db:"day"`
	Used      int       `db:"used"`
	Undone    int64     `db:"undone"`
}

type countedRow struct {
	ID       uuid.UUID          `db:"id"`
	Closed   bool               `db:"closed"`
	ClosesAt int64              `db:"closes_at"`
	Votes    sqlite.List[int64] `db:"votes"`
	Skips    int64              `db:"skips"`
	Revision int64              `db:"revision"`
}

// selectEach reads rows by ids, if there are any.
func selectEach(
	ctx context.Context, q sqlite.Queryer, into any, ids []uuid.UUID, query string,
) error {
	if len(ids) == 0 {
		return nil
	}
	arg, err := hexed(ids)
	if err != nil {
		return err
	}
	return q.SelectContext(ctx, into, query, arg)
}

var givenKeys, keyWidth = sqlite.Given("account_id id", "poll_id id")

// CROSS JOIN says which table leads: the short one.
var selectOld = givenKeys + `
	SELECT given.row AS place, a.option, a.at FROM given CROSS JOIN feed_answers a
		ON a.account_id = given.account_id AND a.poll_id = given.poll_id`

var deleteGone = givenKeys + `
	DELETE FROM feed_answers WHERE (account_id, poll_id) IN (SELECT account_id, poll_id FROM given)`

func keySet(keys []feed.Key) *sqlite.Set {
	given := sqlite.NewSet(len(keys), keyWidth)
	for i := range keys {
		given.ID(keys[i].Account)
		given.ID(keys[i].PollID)
	}
	return given
}

// loadAnswers brings the ledger the answers that stand.
func loadAnswers(ctx context.Context, tx *sqlx.Tx, ledger *feed.Ledger) error {
	keys := ledger.Keys()
	if len(keys) == 0 {
		return nil
	}
	var rows []struct {
		Place  int   `db:"place"`
		Option int   `db:"option"`
		At     int64 `db:"at"`
	}
	err := tx.SelectContext(ctx, &rows, selectOld, keySet(keys).Rows)
	for _, r := range rows {
		ledger.Old(feed.Answer{Key: keys[r.Place], Option: r.Option, At: r.At})
	}
	return err
}

var givenAnswers, answerWidth = sqlite.Given("account_id id", "poll_id id", "option number",
	"at number")

var upsertAnswers = givenAnswers + `
	INSERT INTO feed_answers (account_id, poll_id, option, at)
	SELECT account_id, poll_id, option, at FROM given WHERE true
	ON CONFLICT (account_id, poll_id) DO UPDATE SET option = excluded.option, at = excluded.at`

// settle writes what counting changes.
func settle(ctx context.Context, tx *sqlx.Tx, s *feed.Settled, partition int) error {
	if n := len(s.Answers); n > 0 {
		given := sqlite.NewSet(n, answerWidth)
		for _, a := range s.Answers {
			given.ID(a.Account)
			given.ID(a.PollID)
			given.Number(int64(a.Option))
			given.Number(a.At)
		}
		result, err := tx.ExecContext(ctx, upsertAnswers, given.Rows)
		if err := sqlite.Exactly(n, "answers", result, err); err != nil {
			return err
		}
	}
	if n := len(s.Gone); n > 0 {
		result, err := tx.ExecContext(ctx, deleteGone, keySet(s.Gone).Rows)
		if err := sqlite.Exactly(n, "answers that go", result, err); err != nil {
			return err
		}
	}
	for _, m := range s.Members {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO feed_accounts (account_id, partition, day, used, undone)
			VALUES (?1, ?2, ?3, ?4, ?5)
			ON CONFLICT (account_id) DO UPDATE SET
				day = excluded.day, used = excluded.used, undone = excluded.undone`,
			m.Account[:], m.Partition, m.Day, m.Used, m.Undone)
		if err != nil {
			return err
		}
	}
	for i := range s.Polls {
		p := &s.Polls[i]
		if err := write(ctx, tx, p.PollID, p.Tally, p.Revision); err != nil {
			return err
		}
	}
	for _, h := range s.Hours {
		if err := writeHours(ctx, tx, h.PollID, h.Hour); err != nil {
			return err
		}
	}
	for _, id := range s.IDs {
		_, err := tx.ExecContext(ctx, `INSERT INTO batches (id, partition) VALUES (?1, ?2)`,
			id[:], partition)
		if err != nil {
			return err
		}
	}
	return nil
}

// write writes a poll's tally.
func write(
	ctx context.Context, tx *sqlx.Tx, id uuid.UUID, tally feed.Tally, revision int64,
) error {
	result, err := tx.ExecContext(ctx,
		`UPDATE feed_polls SET votes = ?2, skips = ?3, revision = ?4 WHERE id = ?1`,
		id[:], list(tally.Votes), tally.Skips, revision)
	return sqlite.Exactly(1, "polls", result, err)
}

// writeHours moves the votes of hours of a poll by what they say.
func writeHours(ctx context.Context, tx *sqlx.Tx, poll uuid.UUID, hours ...feed.Hour) error {
	for _, h := range hours {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO feed_hours (poll_id, at, votes) VALUES (?1, ?2, ?3)
			ON CONFLICT (poll_id, at) DO UPDATE SET votes = votes + excluded.votes`,
			poll[:], h.At, h.Votes)
		if err != nil {
			return err
		}
	}
	return nil
}

// Join implements feed.Store.
func (s *Store) Join(
	ctx context.Context, accounts []uuid.UUID, partitions []int,
) (members map[uuid.UUID]feed.Member, err error) {
	err = s.db.Write(ctx, "join_feed", func(tx *sqlx.Tx) error {
		for i, id := range accounts {
			_, err := tx.ExecContext(ctx, `INSERT INTO feed_accounts (account_id, partition)
				VALUES (?1, ?2) ON CONFLICT DO NOTHING`, id[:], partitions[i])
			if err != nil {
				return err
			}
		}
		members, err = joined(ctx, tx, accounts)
		return err
	})
	return members, err
}

// joined reads those accounts that are members.
func joined(
	ctx context.Context, q sqlite.Queryer, accounts []uuid.UUID,
) (map[uuid.UUID]feed.Member, error) {
	var rows []memberRow
	err := selectEach(ctx, q, &rows, accounts, `
		SELECT m.account_id, m.partition, m.day, m.used, m.undone
		FROM json_each(?1) u CROSS JOIN feed_accounts m ON m.account_id = unhex(u.value->>0)`)
	members := make(map[uuid.UUID]feed.Member, len(rows))
	for _, r := range rows {
		members[r.Account] = feed.Member(r)
	}
	return members, err
}

// Member implements feed.Store.
func (s *Store) Member(ctx context.Context, account uuid.UUID) (m feed.Member, err error) {
	err = s.db.Read(ctx, "member", func(q sqlite.Queryer) error {
		members, err := joined(ctx, q, []uuid.UUID{account})
		m = members[account]
		return err
	})
	m.Account = account // also of one that has not acted yet
	return m, err
}
