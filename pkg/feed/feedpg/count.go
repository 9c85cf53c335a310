package feedpg

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/plenary-live/plenary/pkg/feed"
	"github.com/plenary-live/plenary/pkg/postgres"
)

// Count implements feed.Store, in four round trips with BEGIN and COMMIT, however much it counts.
func (s *Store) Count(
	ctx context.Context, rules feed.Rules, partitions []int, batches []feed.Batch,
) (o feed.Outcome, err error) {
	err = s.db.Write(ctx, "count_answers", func(tx *sqlx.Tx) error {
		ledger := feed.NewLedger(rules, batches)
		if err := claim(ctx, tx, ledger, partitions); err != nil {
			return err
		}
		var settled feed.Settled
		settled, o = ledger.Settle()
		return settle(ctx, tx, &settled, partitions[0])
	})
	if err != nil {
		return feed.Outcome{}, err
	}
	return o, nil
}

// The functions of the schema that counting is made of (0015_feeds.up.sql of migrations/postgres).
const (
	claimCall  = `SELECT * FROM feeds_claim_1($1, $2, $3, $4, $5, $6, $7)`
	settleCall = `SELECT * FROM feeds_settle_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
		$13, $14, $15, $16, $17, $18, $19, $20)`
)

type memberRow struct {
	Account   uuid.UUID `json:"account_id" db:"account_id"`
	Partition int
	Day       int64
	Used      int
	Undone    int64
}

type countedRow struct {
	ID       uuid.UUID
	Closed   bool
	ClosesAt *int64 `json:"closes_at"`
	Votes    []int64
	Skips    int64
	Revision int64
}

// claim locks and reads what counting needs, and has the ledger walk through it.
func claim(ctx context.Context, tx *sqlx.Tx, ledger *feed.Ledger, partitions []int) error {
	ids, keys := ledger.IDs(), ledger.Keys()
	var found struct {
		Fresh, Known         postgres.UUIDs
		Members, Polls       []byte
		Places, Given, Times postgres.Int64s
		Kept                 uuid.UUID
	}
	err := tx.GetContext(ctx, &found, claimCall,
		postgres.Int64Array(len(partitions), func(i int) int64 { return int64(partitions[i]) }),
		idArray(ids), idArray(ledger.Keyed()), idArray(ledger.Members()), idArray(ledger.Polls()),
		postgres.UUIDArray(len(keys), func(i int) uuid.UUID { return keys[i].Account }),
		postgres.UUIDArray(len(keys), func(i int) uuid.UUID { return keys[i].PollID }))
	if err != nil {
		return err
	}
	isNew := make(map[uuid.UUID]bool, len(found.Fresh))
	for _, id := range found.Fresh {
		isNew[id] = true
	}
	ledger.Walk(isNew, found.Kept)
	for _, id := range found.Known {
		ledger.Know(id)
	}
	var members []memberRow
	if err := json.Unmarshal(found.Members, &members); err != nil {
		return err
	}
	for _, m := range members {
		ledger.Member(feed.Member(m))
	}
	var polls []countedRow
	if err := json.Unmarshal(found.Polls, &polls); err != nil {
		return err
	}
	for i := range polls {
		ledger.Poll(polls[i].counted())
	}
	for i, place := range found.Places { // they count from 1
		ledger.Old(feed.Answer{
			Key: keys[place-1], Option: int(found.Given[i]), At: found.Times[i],
		})
	}
	return nil
}

func (r *countedRow) counted() feed.Counted {
	c := feed.Counted{
		PollID: r.ID, Options: len(r.Votes), Closed: r.Closed, Revision: r.Revision,
		Tally: feed.Tally{Votes: r.Votes, Skips: r.Skips},
	}
	if r.ClosesAt != nil {
		c.ClosesAt = *r.ClosesAt
	}
	return c
}

// settle writes what counting changes.
func settle(ctx context.Context, tx *sqlx.Tx, s *feed.Settled, partition int) (err error) {
	answers, gone, members, polls, hours := s.Answers, s.Gone, s.Members, s.Polls, s.Hours
	if len(answers)+len(gone)+len(members)+len(polls)+len(s.IDs) == 0 {
		return nil
	}
	votes := make([]string, len(polls))
	for i := range polls {
		if votes[i], err = postgres.TextOf(postgres.Int64s(polls[i].Votes)); err != nil {
			return err
		}
	}
	n, m, k, h := len(answers), len(members), len(polls), len(hours)
	_, err = tx.ExecContext(ctx, settleCall,
		postgres.UUIDArray(n, func(i int) uuid.UUID { return answers[i].Account }),
		postgres.UUIDArray(n, func(i int) uuid.UUID { return answers[i].PollID }),
		postgres.Int64Array(n, func(i int) int64 { return int64(answers[i].Option) }),
		postgres.Int64Array(n, func(i int) int64 { return answers[i].At }),
		postgres.UUIDArray(len(gone), func(i int) uuid.UUID { return gone[i].Account }),
		postgres.UUIDArray(len(gone), func(i int) uuid.UUID { return gone[i].PollID }),
		postgres.UUIDArray(m, func(i int) uuid.UUID { return members[i].Account }),
		postgres.Int64Array(m, func(i int) int64 { return int64(members[i].Partition) }),
		postgres.Int64Array(m, func(i int) int64 { return members[i].Day }),
		postgres.Int64Array(m, func(i int) int64 { return int64(members[i].Used) }),
		postgres.Int64Array(m, func(i int) int64 { return members[i].Undone }),
		postgres.UUIDArray(k, func(i int) uuid.UUID { return polls[i].PollID }),
		texts(votes),
		postgres.Int64Array(k, func(i int) int64 { return polls[i].Skips }),
		postgres.Int64Array(k, func(i int) int64 { return polls[i].Revision }),
		postgres.UUIDArray(h, func(i int) uuid.UUID { return hours[i].PollID }),
		postgres.Int64Array(h, func(i int) int64 { return hours[i].At }),
		postgres.Int64Array(h, func(i int) int64 { return hours[i].Votes }),
		idArray(s.IDs), partition)
	return err
}

// Join implements feed.Store.
//
// Most accounts that a replica does not know are members. So it looks first, and writes the others
// in the order in which counting locks them.
func (s *Store) Join(
	ctx context.Context, accounts []uuid.UUID, partitions []int,
) (map[uuid.UUID]feed.Member, error) {
	members, err := s.joined(ctx, accounts)
	if err != nil || len(members) == len(accounts) {
		return members, err
	}
	err = s.db.Write(ctx, "join_feed", func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO feed_accounts (account_id, partition)
			SELECT * FROM unnest($1::uuid[], $2::bigint[]) AS u (account_id, partition)
			ORDER BY account_id ON CONFLICT DO NOTHING`,
			idArray(accounts), postgres.Int64Array(len(partitions),
				func(i int) int64 { return int64(partitions[i]) }))
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.joined(ctx, accounts)
}

// joined reads those accounts that are members.
func (s *Store) joined(
	ctx context.Context, accounts []uuid.UUID,
) (map[uuid.UUID]feed.Member, error) {
	var rows []memberRow
	err := s.db.Read(ctx, "members", func(q postgres.Queryer) error {
		return q.SelectContext(ctx, &rows, selectMembers, idArray(accounts))
	})
	members := make(map[uuid.UUID]feed.Member, len(rows))
	for _, r := range rows {
		members[r.Account] = feed.Member(r)
	}
	return members, err
}

const selectMembers = `
	SELECT account_id, partition, day, used, undone FROM feed_accounts
	WHERE account_id = ANY($1::uuid[])`

// Member implements feed.Store.
func (s *Store) Member(ctx context.Context, account uuid.UUID) (feed.Member, error) {
	members, err := s.joined(ctx, []uuid.UUID{account})
	m := members[account]
	m.Account = account // also of one that has not acted yet
	return m, err
}
