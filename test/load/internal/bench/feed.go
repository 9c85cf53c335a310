//go:build linux

package bench

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	_ "embed"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/plenary-live/plenary/pkg/queue"
)

//go:embed feed.lua
var feedScript []byte

// How many accounts vote in the feed, and on how many polls. Each votes on each of them once.
const (
	feedVoters = 1000
	feedPolls  = 1000
)

// anyNumber lets an account vote as often as it likes.
const anyNumber = "PLENARY_DAILY_VOTES=0"

// feedLoad is what wrk is to send.
type feedLoad struct {
	polls, tokens []string
	hot           bool   // all accounts vote on one poll at a time
	read          string // a path that is read in place of votes
}

// members makes so many accounts, unless they are there, and gives sessions of theirs. They have
// acted in the feed before. Their ids begin with a letter.
func (p *plenary) members(ctx context.Context, letter byte, n int) (
	ids []uuid.UUID, tokens []string, err error,
) {
	var key []byte
	const secret = "SELECT value FROM secrets WHERE name = 'accounts'' sessions'"
	if err := p.database.QueryRowContext(ctx, secret).Scan(&key); err != nil {
		return nil, nil, fmt.Errorf("the key of sessions: %w", err)
	}
	if _, err := p.database.ExecContext(ctx, feedFunctions); err != nil {
		return nil, nil, err
	}
	_, err = p.database.ExecContext(ctx, `
		INSERT INTO accounts (id, email, username, password, epoch, verified)
		SELECT bench_account($1, i), $1 || i || '@example.org', $1 || i, '', 1, false
		FROM generate_series(1, $2) AS i ON CONFLICT DO NOTHING`, string(letter), n)
	if err != nil {
		return nil, nil, err
	}
	rows, err := p.database.QueryContext(ctx,
		`SELECT bench_account($1, i) FROM generate_series(1, $2) AS i`, string(letter), n)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = rows.Close() }()
	expires := time.Now().Add(24 * time.Hour)
	for rows.Next() {
		var id uuid.UUID
		if err := rows.Scan(&id); err != nil {
			return nil, nil, err
		}
		ids, tokens = append(ids, id), append(tokens, session(key, id, expires))
	}
	if err := rows.Err(); err != nil {
		return nil, nil, err
	}
	return ids, tokens, p.join(ctx, ids)
}

// session gives an account's token as log-in does, without a password: a JWT (RFC 7519).
func session(key []byte, account uuid.UUID, expires time.Time) string {
	part := base64.RawURLEncoding.EncodeToString
	text := part([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + part(fmt.Appendf(nil,
		`{"epoch":1,"iss":"plenary","aud":["plenary"],"sub":"%s","exp":%d}`, account,
		expires.Unix()))
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte(text)) // a hash takes everything
	return text + "." + part(mac.Sum(nil))
}

// join has accounts be ones that have acted, each in a partition for ever.
func (p *plenary) join(ctx context.Context, ids []uuid.UUID) error {
	partitions, err := p.partitions(ctx)
	if err != nil {
		return err
	}
	accounts, places := make([]string, len(ids)), make([]int64, len(ids))
	for i, id := range ids {
		accounts[i], places[i] = id.String(), int64(queue.Partition(id, partitions))
	}
	_, err = p.database.ExecContext(ctx, `
		INSERT INTO feed_accounts (account_id, partition)
		SELECT * FROM unnest($1::uuid[], $2::bigint[]) ON CONFLICT DO NOTHING`,
		pq.Array(accounts), pq.Array(places))
	return err
}

// newPolls publishes polls that nobody has voted on. None is in the feed.
func (p *plenary) newPolls(ctx context.Context) (ids []string, err error) {
	rows, err := p.database.QueryContext(ctx, `
		INSERT INTO feed_polls (id, author, title, options, tags, words, results, votes)
		SELECT bench_id((extract(epoch FROM now()) * 1000)::bigint, (random() * 1e15)::bigint),
			gen_random_uuid(), 'Which?', '{A,B,C}', '{load}', E'which?\na\nb\nc', 'always',
			'{0,0,0}'
		FROM generate_series(1, $1) RETURNING id`, feedPolls)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// quietFeed is quiet for the feed, whose accounts stay.
func (p *plenary) quietFeed(ctx context.Context) error {
	return p.empty(ctx, `TRUNCATE votes, ratings, batches, feed_polls, feed_tags, feed_answers,
		feed_hours`)
}

// countedFeed is counted for the feed, of polls, which count as one room.
func (p *plenary) countedFeed(ctx context.Context, rooms []room) (n int64, _ int, err error) {
	err = p.database.QueryRowContext(ctx, `
		SELECT coalesce(sum(v), 0) FROM feed_polls, unnest(votes) AS v
		WHERE id = ANY($1::uuid[])`, pq.Array(rooms[0].Feed.polls)).Scan(&n)
	return n, 0, err
}

// recountFeed is an error if the tally of a poll is not what its answers say.
func (p *plenary) recountFeed(ctx context.Context, rooms []room) error {
	return p.agree(ctx, `SELECT count(*) FILTER (WHERE p.votes <> c.votes) FROM feed_polls p
		CROSS JOIN LATERAL (
			SELECT ARRAY[count(*) FILTER (WHERE option = 0), count(*) FILTER (WHERE option = 1),
				count(*) FILTER (WHERE option = 2)] AS votes
			FROM feed_answers WHERE poll_id = p.id) c
		WHERE p.id = ANY($1::uuid[])`, rooms)
}

// agree is an error if a query says that tallies differ.
func (p *plenary) agree(ctx context.Context, query string, rooms []room) error {
	var differ int
	err := p.database.QueryRowContext(ctx, query, pq.Array(rooms[0].Feed.polls)).Scan(&differ)
	if err == nil && differ > 0 {
		err = fmt.Errorf("the tallies of %d polls are not what a recount gives", differ)
	}
	return err
}

// agrees is what a worker says of a feed whose numbers are what its answers say.
var agrees = regexp.MustCompile(`(?m)^feed: \d+ compared, 0 differed,`)

// recount has a worker recount everything, and looks at the feed. Other parts have removed the rows
// of their votes by then, so a recount of those differs.
func (b *Bench) recount(ctx context.Context, p *plenary) error {
	cmd := exec.CommandContext(ctx, b.binary("worker"), "recount")
	cmd.Env = []string{"PLENARY_DATABASE_URL=" + p.DatabaseURL}
	said, err := cmd.CombinedOutput()
	if !agrees.Match(said) {
		return fmt.Errorf("worker recount: %w\n%s", cmp.Or(err, errors.New("no such line")), said)
	}
	return nil
}

// sendFeed has wrk vote in the feed, or read it.
func (b *Bench) sendFeed(ctx context.Context, url string, connections int, f *feedLoad) (
	loaded, error,
) {
	tokens, polls := filepath.Join(b.dir, "tokens"), filepath.Join(b.dir, "polls")
	err := errors.Join(
		os.WriteFile(tokens, []byte(strings.Join(f.tokens, "\n")+"\n"), 0o600),
		os.WriteFile(polls, []byte(strings.Join(f.polls, "\n")+"\n"), 0o600))
	if err != nil {
		return loaded{}, err
	}
	hot := "0"
	if f.hot {
		hot = "1"
	}
	return b.script(ctx, url, connections, "feed.lua", feedScript, "FEED_TOKENS="+tokens,
		"FEED_POLLS="+polls, "FEED_HOT="+hot, "FEED_READ="+f.read)
}
