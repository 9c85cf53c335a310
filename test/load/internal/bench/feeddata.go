//go:build linux

package bench

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// feedFunctions give ids. One is of a time and of a number that no other has, as UUIDv7. One is of
// the i-th account of a letter.
const feedFunctions = `
	CREATE OR REPLACE FUNCTION bench_id(millis bigint, i bigint) RETURNS uuid
	LANGUAGE sql IMMUTABLE AS
	$$ SELECT (lpad(to_hex(millis), 12, '0') || '7' || lpad(to_hex(i & 4095), 3, '0') || '8' ||
		lpad(to_hex(i), 15, '0'))::uuid $$;
	CREATE OR REPLACE FUNCTION bench_account(letter text, i bigint) RETURNS uuid
	LANGUAGE sql IMMUTABLE AS
	$$ SELECT (letter || '0000000-0000-4000-8000-' || lpad(to_hex(i), 12, '0'))::uuid $$`

// feedReaders read the feed. Each has answered the newest polls.
const feedReaders = 20

// feedData is what a database has of the feed before it is measured.
type feedData struct {
	polls, seen int
	answers     int // of all accounts; 0: readers' alone
}

// What is looked for: one of a hundred polls has a tag, and one of five hundred a word.
const (
	feedTag    = "t7"
	feedTags   = 100
	feedSearch = "45fcee" // of the MD5 of "7", which is 8f14e45fceea167a5a36dedd4bea2543
	feedWords  = 500
)

// fill makes a feed. Polls are made a tenth of a second after each other, the last one an hour ago.
// Readers have answered the newest ones, and others a thousand each. Tallies are those of the
// answers. Indexes are made at last.
func (p *plenary) fill(ctx context.Context, d feedData) error {
	const each = 1000
	others := max(0, d.answers-feedReaders*d.seen) / each
	statements := strings.NewReplacer(
		"$POLLS", fmt.Sprint(d.polls), "$SEEN", fmt.Sprint(d.seen),
		"$READERS", fmt.Sprint(feedReaders), "$OTHERS", fmt.Sprint(others),
		"$EACH", fmt.Sprint(min(each, d.polls)), "$TAGS", fmt.Sprint(feedTags),
		"$WORDS", fmt.Sprint(feedWords),
	).Replace(feedFill)
	for statement := range strings.SplitSeq(feedFunctions+";--\n"+statements, ";--\n") {
		if _, err := p.database.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%.60s: %w", strings.TrimSpace(statement), err)
		}
	}
	return nil
}

// feedFill is for one connection at a time, and for any: it keeps nothing in a session.
const feedFill = `
	DO $$ BEGIN
		EXECUTE format('CREATE OR REPLACE FUNCTION bench_poll(i bigint) RETURNS uuid LANGUAGE sql
			IMMUTABLE AS ''SELECT bench_id(%s + i * 100, i)''',
			(extract(epoch FROM now()) * 1000)::bigint - 3600000 - 100 * $POLLS);
	END $$;--
	SELECT feeds_month_1(bench_poll(1));--
	DROP INDEX feed_polls_words;--
	DROP INDEX feed_answers_poll;--
	INSERT INTO feed_answers (account_id, poll_id, option, at)
	SELECT bench_account('a', r), bench_poll($POLLS - k), k % 4 - 1, 1700000000000
	FROM generate_series(1, $READERS) AS r, generate_series(0, $SEEN - 1) AS k;--
	INSERT INTO feed_answers (account_id, poll_id, option, at)
	SELECT bench_account('c', o), bench_poll(1 + (o * 7919 + k * 997) % $POLLS), k % 4 - 1,
		1700000000000
	FROM generate_series(1, $OTHERS) AS o, generate_series(1, $EACH) AS k;--
	CREATE INDEX feed_answers_poll ON feed_answers (poll_id);--
	INSERT INTO feed_polls (id, author, title, options, tags, words, results, votes, skips)
	SELECT bench_poll(i), bench_account('d', i), title, '{A,B,C}', ARRAY['t' || i % $TAGS],
		title || E'\na\nb\nc', 'after_vote',
		ARRAY[coalesce(a, 0), coalesce(b, 0), coalesce(c, 0)], coalesce(skips, 0)
	FROM generate_series(1, $POLLS) AS i
	CROSS JOIN LATERAL (SELECT 'which of ' || md5((i % $WORDS)::text) || ' is it?' AS title) t
	LEFT JOIN (
		SELECT poll_id, count(*) FILTER (WHERE option = 0) AS a,
			count(*) FILTER (WHERE option = 1) AS b, count(*) FILTER (WHERE option = 2) AS c,
			count(*) FILTER (WHERE option = -1) AS skips
		FROM feed_answers GROUP BY poll_id) n ON n.poll_id = bench_poll(i);--
	INSERT INTO feed_hours (poll_id, at, votes)
	SELECT id, 1700000000000 - 1700000000000 % 3600000, v FROM (
		SELECT id, votes[1] + votes[2] + votes[3] AS v FROM feed_polls) p WHERE v > 0;--
	INSERT INTO feed_tags (tag, poll_id, until)
	SELECT tag, id, 9223372036854775807 FROM (
		SELECT id, '' AS tag FROM feed_polls UNION ALL SELECT id, tags[1] FROM feed_polls) t
	ORDER BY tag, id;--
	CREATE INDEX feed_polls_words ON feed_polls USING gin (words gin_trgm_ops);--
	VACUUM ANALYZE feed_polls, feed_tags, feed_answers, feed_hours;--
	CHECKPOINT`

// newestUnseen gives the first poll of a reader's feed.
func (p *plenary) newestUnseen(ctx context.Context, d feedData) (id uuid.UUID, err error) {
	return id, p.database.QueryRowContext(ctx, `SELECT bench_poll($1)`, d.polls-d.seen).Scan(&id)
}
