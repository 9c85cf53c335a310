-- A large feed, for measuring. :polls polls of 20 days in each of ten months before now, with a tag of 50 and a word of 2,000. A
-- thousandth of as many accounts has seen the newest 5,000 of them, or half of all where there are fewer. Others have seen five for
-- each poll, at random.
CREATE FUNCTION pg_temp.poll(i bigint, polls bigint) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM date_trunc('day', now())) * 1000)::bigint - (polls - i) * (200 * 86400000::bigint / polls)), 12, '0')
        || '70008' || lpad(to_hex(i), 15, '0'))::uuid
$$;

CREATE FUNCTION pg_temp.account(i bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5(i::text)::uuid $$;

SELECT feeds_month_1(pg_temp.poll(m * :polls / 20, :polls)) FROM generate_series(1, 20) m;

INSERT INTO feed_polls (id, author, title, options, tags, words, results, votes)
SELECT pg_temp.poll(i, :polls), pg_temp.account(-i % 1000), 'Number ' || i, '{yes,no}', ARRAY['tag' || i % 50],
    'number ' || i || ' of word' || i % 2000 || E'\nyes\nno', 'always', '{0,0}'
FROM generate_series(1, :polls) i;

INSERT INTO feed_tags (tag, poll_id, until)
SELECT tag, pg_temp.poll(i, :polls), 9223372036854775807
FROM generate_series(1, :polls) i CROSS JOIN LATERAL (VALUES (''), ('tag' || i % 50)) AS t (tag) ORDER BY 1, 2;

INSERT INTO feed_answers (account_id, poll_id, option, at)
SELECT pg_temp.account(a), pg_temp.poll(:polls - i, :polls), i % 3 - 1, 0
FROM generate_series(1, :polls / 1000) a CROSS JOIN generate_series(0, least(5000, :polls / 2) - 1) i ORDER BY 1, 2;

INSERT INTO feed_answers (account_id, poll_id, option, at)
SELECT account, pg_temp.poll(1 + (i * 7919::bigint * 31 + i / :polls * 13) % :polls, :polls), i % 3 - 1, 0
FROM generate_series(1, 5 * :polls::bigint) i CROSS JOIN LATERAL (SELECT pg_temp.account(1000000 + i / 500) AS account) a
ORDER BY 1, 2 ON CONFLICT DO NOTHING;
