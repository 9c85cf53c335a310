//go:build linux

package bench

import (
	"context"

	"github.com/lib/pq"

	"github.com/plenary-live/plenary/test/load/internal/report"
	"github.com/plenary-live/plenary/test/stack"
)

// usual starts the server that takes a transaction for each vote in the feed, beside the present
// Plenary and in its database.
func (b *Bench) usual(ctx context.Context) (c contestant, end func() error, err error) {
	s, err := stack.Start(ctx, stack.Config{
		Parts: stack.API, APIs: 1, APIBinary: b.binary("usual"), APIEnv: []string{
			"USUAL_DATABASE_URL=" + withDatabase(b.now.DatabaseAdminURL, "plenary"),
		},
	})
	if err != nil {
		return c, nil, err
	}
	p := b.now
	return contestant{
		name: report.Usual, url: s.URL, embedded: true,
		cpu: groups{"api": s.APIs, "postgresql": {p.Postgres}},
		quiet: func(ctx context.Context) error {
			return p.empty(ctx, "TRUNCATE usual.polls, usual.votes, usual.tallies, usual.days")
		},
		feed: func(ctx context.Context) (*feedLoad, error) {
			f := &feedLoad{}
			ids, _, err := p.members(ctx, 'b', feedVoters)
			if err != nil {
				return nil, err
			}
			for _, id := range ids {
				f.tokens = append(f.tokens, id.String())
			}
			rows, err := p.database.QueryContext(ctx, `INSERT INTO usual.polls
				SELECT gen_random_uuid(), 3, false FROM generate_series(1, $1)
				RETURNING id::text`, feedPolls)
			if err != nil {
				return nil, err
			}
			defer func() { _ = rows.Close() }()
			for rows.Next() {
				var id string
				if err := rows.Scan(&id); err != nil {
					return nil, err
				}
				f.polls = append(f.polls, id)
			}
			return f, rows.Err()
		},
		counted: func(ctx context.Context, rooms []room) (n int64, _ int, err error) {
			err = p.database.QueryRowContext(ctx, `SELECT coalesce(sum(count), 0)
				FROM usual.tallies WHERE poll_id = ANY($1::uuid[])`,
				pq.Array(rooms[0].Feed.polls)).Scan(&n)
			return n, 0, err
		},
		recount: func(ctx context.Context, rooms []room) error {
			return p.agree(ctx, `SELECT count(*) FROM usual.tallies t WHERE count <> (
				SELECT count(*) FROM usual.votes v
				WHERE v.poll_id = t.poll_id AND v.option = t.option)
				AND poll_id = ANY($1::uuid[])`, rooms)
		},
	}, s.Close, nil
}
