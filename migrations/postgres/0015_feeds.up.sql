-- The feed. Times are milliseconds since 1970 in UTC. A poll's id is a UUIDv7: it begins with the time at which it was made.
--
-- Parts of words are found by their trigrams. The extension comes with PostgreSQL, and whoever may make tables may add it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Everything of a poll that counting changes is in its row: reading the numbers reads one row, and locking it locks the tally.
CREATE TABLE feed_polls (
    id        uuid     PRIMARY KEY,
    author    uuid     NOT NULL, -- no reference: who is gone owns nothing
    title     text     NOT NULL,
    options   text[]   NOT NULL,
    tags      text[]   NOT NULL, -- folded
    words     text     NOT NULL, -- the title and the options, folded, a line each
    closes_at bigint,
    closed    boolean  NOT NULL DEFAULT false,
    results   text     NOT NULL,
    votes     bigint[] NOT NULL, -- by option
    skips     bigint   NOT NULL DEFAULT 0,
    revision  bigint   NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

CREATE INDEX feed_polls_author ON feed_polls (author, id);
CREATE INDEX feed_polls_words ON feed_polls USING gin (words gin_trgm_ops);

-- The places of open polls in the feed: one for each tag, and one for the empty tag, which stands for the whole feed. A place
-- never changes. until is when the poll is over; 9223372036854775807: nobody has said when.
CREATE TABLE feed_tags (
    tag     text   NOT NULL,
    poll_id uuid   NOT NULL,
    until   bigint NOT NULL,
    PRIMARY KEY (tag, poll_id) INCLUDE (until)
);

CREATE INDEX feed_tags_until ON feed_tags (until) WHERE until < 9223372036854775807;

-- The accounts that have acted: where their items travel, and the votes of the last day on which they voted.
CREATE TABLE feed_accounts (
    account_id uuid    PRIMARY KEY,
    partition  integer NOT NULL, -- of the log, for ever
    day        bigint  NOT NULL DEFAULT 0, -- days since 1970, in UTC
    used       integer NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

-- One row for an account and a poll that it voted on or skipped (-1). The month in which a poll was made says where all answers
-- to it are: in the partition of that month, or among the rest if there was no partition when the first of them came. PostgreSQL
-- adds no partition for ids that the rest has. So the key is unique in all partitions together. No foreign key: the worker holds
-- the poll's row locked anyway.
CREATE TABLE feed_answers (
    account_id uuid     NOT NULL,
    poll_id    uuid     NOT NULL,
    option     smallint NOT NULL CHECK (option >= -1),
    at         bigint   NOT NULL,
    PRIMARY KEY (account_id, poll_id)
) PARTITION BY RANGE (poll_id);

CREATE INDEX feed_answers_poll ON feed_answers (poll_id);

CREATE TABLE feed_answers_rest PARTITION OF feed_answers DEFAULT;

-- How many votes of a poll stand by the hour in which they were given. It stays when answers go.
CREATE TABLE feed_hours (
    poll_id uuid   NOT NULL,
    at      bigint NOT NULL, -- when the hour begins
    votes   bigint NOT NULL,
    PRIMARY KEY (poll_id, at)
) WITH (fillfactor = 70);

-- The polls that were deleted while there were answers to them.
CREATE TABLE feed_gone (poll_id uuid PRIMARY KEY);

-- Its one row says from which id on answers are kept. Polls below it are closed.
CREATE TABLE feed_kept (from_id uuid NOT NULL);
INSERT INTO feed_kept VALUES ('00000000-0000-0000-0000-000000000000');

-- feeds_first_1 gives the id below which all polls were made before a time.
CREATE FUNCTION feeds_first_1(timestamptz) RETURNS uuid
LANGUAGE sql STABLE SECURITY INVOKER AS $function$
    SELECT (lpad(to_hex((extract(epoch FROM $1) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$function$;

-- feeds_month_1 makes the partition for the answers to the polls of a poll's month, unless it is there. Two calls at once make one.
-- It makes none where the rest has such answers, or where the role may make no tables.
CREATE FUNCTION feeds_month_1(uuid, OUT made boolean)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $function$
DECLARE
    since timestamptz := to_timestamp(('x' || substr(replace($1::text, '-', ''), 1, 12))::bit(48)::bigint / 1000.0);
    month timestamp := date_trunc('month', since AT TIME ZONE 'UTC');
    part text := 'feed_answers_' || to_char(month, 'YYYYMM');
BEGIN
    made := false;
    IF to_regclass(part) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('feed_answers'));
    IF to_regclass(part) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM set_config('lock_timeout', '1s', true);
    EXECUTE format('CREATE TABLE %I (LIKE feed_answers INCLUDING ALL)', part);
    EXECUTE format('ALTER TABLE feed_answers ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part,
        feeds_first_1(month AT TIME ZONE 'UTC'), feeds_first_1((month + interval '1 month') AT TIME ZONE 'UTC'));
    made := true;
EXCEPTION WHEN insufficient_privilege OR check_violation THEN
    made := false;
END $function$;

SELECT feeds_month_1(feeds_first_1(now()));

-- feeds_keep_1 closes the polls below an id.
CREATE FUNCTION feeds_keep_1(uuid, OUT moved boolean)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $function$
BEGIN
    UPDATE feed_kept SET from_id = $1 WHERE from_id < $1;
    moved := FOUND;
END $function$;

-- feeds_drop_1 drops the partitions that have answers to closed polls alone. It waits for whoever uses the table no longer than a
-- second, since others wait behind it. Whoever counts reads answers before it reads what is kept. So nobody counts an answer that
-- is dropped here: of the two one waits for the other. It drops none where the role may not: their rows are deleted one by one.
CREATE FUNCTION feeds_drop_1(OUT dropped bigint)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $function$
DECLARE
    part text;
BEGIN
    dropped := 0;
    FOR part IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'feed_answers'::regclass AND c.relname ~ '^feed_answers_[0-9]{6}$'
            AND feeds_first_1((to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month') AT TIME ZONE 'UTC')
                <= (SELECT from_id FROM feed_kept)
        ORDER BY c.relname
    LOOP
        IF dropped = 0 THEN
            PERFORM set_config('lock_timeout', '1s', true);
            LOCK TABLE feed_answers IN ACCESS EXCLUSIVE MODE;
        END IF;
        EXECUTE format('DROP TABLE IF EXISTS %I', part);
        dropped := dropped + 1;
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    dropped := 0;
END $function$;

-- feeds_claim_1 locks and reads what counting needs: $1 the partitions, $2 the ids of entries, $3 those of items with a key, $4
-- the accounts, $5 the polls, $6 and $7 the account and the poll of each answer that may stand before. It locks the partitions
-- first, then the accounts in order, then the polls in order. What it reads after that nobody changes.
--
-- The answers are read before it is read what is kept: see feeds_drop_1. OFFSET 0 keeps the planner from making a plain join of
-- the answers, for which it would plan to read all of them.
CREATE FUNCTION feeds_claim_1(bigint[], uuid[], uuid[], uuid[], uuid[], uuid[], uuid[],
    OUT fresh uuid[], OUT known uuid[], OUT members json, OUT polls json,
    OUT places bigint[], OUT given bigint[], OUT times bigint[], OUT kept uuid)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $function$
BEGIN
    SELECT c.fresh FROM entries_claim_1('feed', $1, $2) c INTO fresh;
    IF cardinality($3) > 0 THEN
        SELECT array_agg(id) FROM batches WHERE id = ANY($3) INTO known;
    END IF;
    SELECT coalesce(json_agg(m), '[]') FROM (
        SELECT a.account_id, a.partition, a.day, a.used
        FROM feed_accounts a WHERE a.account_id = ANY($4) ORDER BY a.account_id FOR UPDATE) m INTO members;
    SELECT coalesce(json_agg(q), '[]') FROM (
        SELECT p.id, p.closed, p.closes_at, p.votes, p.skips, p.revision
        FROM feed_polls p WHERE p.id = ANY($5) ORDER BY p.id FOR UPDATE) q INTO polls;
    SELECT array_agg(o.place), array_agg(o.option), array_agg(o.at) FROM (
        SELECT u.place, a.option::bigint AS option, a.at
        FROM unnest($6, $7) WITH ORDINALITY AS u (account_id, poll_id, place) CROSS JOIN LATERAL (
            SELECT option, at FROM feed_answers
            WHERE account_id = u.account_id AND poll_id = u.poll_id OFFSET 0) a) o
        INTO places, given, times;
    SELECT from_id FROM feed_kept INTO kept;
END $function$;

-- feeds_settle_1 writes: $1 to $4 the answers that stand now, $5 and $6 those that stand no more, $7 to $10 the accounts' days,
-- $11 to $14 what counting changes of polls, $15 to $17 by how much votes of hours move, $18 the ids of items with a key, $19 their
-- partition. It fails where a statement wrote fewer or more rows than it was given: the numbers would be wrong. Whoever writes hours
-- of a poll has locked the poll.
CREATE FUNCTION feeds_settle_1(uuid[], uuid[], bigint[], bigint[], uuid[], uuid[],
    uuid[], bigint[], bigint[], bigint[], uuid[], text[], bigint[], bigint[], uuid[], bigint[], bigint[],
    uuid[], bigint, OUT wrote bigint)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $function$
BEGIN
    INSERT INTO feed_answers (account_id, poll_id, option, at) SELECT * FROM unnest($1, $2, $3, $4)
    ON CONFLICT (account_id, poll_id) DO UPDATE SET option = excluded.option, at = excluded.at;
    GET DIAGNOSTICS wrote = ROW_COUNT;
    IF wrote <> cardinality($1) THEN
        RAISE 'wrote % answers, not %', wrote, cardinality($1);
    END IF;
    IF cardinality($5) > 0 THEN
        DELETE FROM feed_answers a USING unnest($5, $6) AS u (account_id, poll_id)
        WHERE a.account_id = u.account_id AND a.poll_id = u.poll_id;
        GET DIAGNOSTICS wrote = ROW_COUNT;
        IF wrote <> cardinality($5) THEN
            RAISE 'deleted % answers, not %', wrote, cardinality($5);
        END IF;
    END IF;
    INSERT INTO feed_accounts (account_id, partition, day, used) SELECT * FROM unnest($7, $8, $9, $10)
    ON CONFLICT (account_id) DO UPDATE SET day = excluded.day, used = excluded.used;
    GET DIAGNOSTICS wrote = ROW_COUNT;
    IF wrote <> cardinality($7) THEN
        RAISE 'wrote % accounts, not %', wrote, cardinality($7);
    END IF;
    UPDATE feed_polls p SET votes = u.votes::bigint[], skips = u.skips, revision = u.revision
    FROM unnest($11, $12, $13, $14) AS u (id, votes, skips, revision)
    WHERE p.id = u.id;
    GET DIAGNOSTICS wrote = ROW_COUNT;
    IF wrote <> cardinality($11) THEN
        RAISE 'wrote % polls, not %', wrote, cardinality($11);
    END IF;
    INSERT INTO feed_hours AS h (poll_id, at, votes) SELECT * FROM unnest($15, $16, $17)
    ON CONFLICT (poll_id, at) DO UPDATE SET votes = h.votes + excluded.votes;
    GET DIAGNOSTICS wrote = ROW_COUNT;
    IF wrote <> cardinality($15) THEN
        RAISE 'wrote % hours, not %', wrote, cardinality($15);
    END IF;
    IF cardinality($18) > 0 THEN
        INSERT INTO batches (id, partition) SELECT id, $19 FROM unnest($18) AS u (id);
    END IF;
END $function$;

-- feeds_seen_1 gives the newest polls, older than $2, that an account has answered: 10,000 at most, the newest first. All are of
-- one range of ids, in the order of the key.
CREATE FUNCTION feeds_seen_1(uuid, uuid) RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY INVOKER SET enable_sort = off SET enable_bitmapscan = off AS $function$
BEGIN
    RETURN ARRAY(
        SELECT poll_id FROM feed_answers WHERE account_id = $1 AND poll_id < $2 ORDER BY poll_id DESC LIMIT 10000);
END $function$;

-- feeds_unseen_1 finds polls of a tag ($2) that an account ($1) has not answered: those that are older than $3 and open at $4, the
-- newest first, at most $5. $6 is a pattern for their words; empty: any will do. rest is before which it goes on, or NULL if there
-- are no more.
--
-- It reads the account's answers and the places of the tag, both in descending order of ids, and takes out one from the other by
-- a hash. So it costs as much as the account has seen of what it looks at, however many polls there are. With a pattern it looks
-- at 2,000 polls that the account has not answered: where a part of a word is frequent, that is enough for a page.
CREATE FUNCTION feeds_unseen_1(uuid, text, uuid, bigint, bigint, text, OUT ids uuid[], OUT rest uuid)
LANGUAGE plpgsql STABLE SECURITY INVOKER
SET enable_sort = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $function$
DECLARE
    seen uuid[] := feeds_seen_1($1, $3);
    lowest uuid := greatest(seen[10000], (SELECT from_id FROM feed_kept));
    looked uuid[];
    most bigint := CASE WHEN $6 = '' THEN $5 ELSE 2000 END;
BEGIN
    looked := ARRAY(
        SELECT t.poll_id FROM feed_tags t
        WHERE t.tag = $2 AND t.poll_id < $3 AND t.poll_id >= lowest AND t.until > $4
            AND t.poll_id NOT IN (SELECT unnest(seen))
        ORDER BY t.poll_id DESC LIMIT most);
    rest := coalesce(looked[most], seen[10000]);
    ids := looked;
    IF $6 <> '' THEN
        ids := ARRAY(
            SELECT p.id FROM unnest(looked) WITH ORDINALITY AS l (id, place) JOIN feed_polls p ON p.id = l.id
            WHERE p.words LIKE $6 ORDER BY l.place LIMIT $5);
        rest := coalesce(ids[$5], rest);
    END IF;
END $function$;

-- feeds_found_1 goes on where feeds_unseen_1 has found too few, for a pattern that has trigrams: it looks them up, and puts what
-- it finds in order. What was frequent would have been found before. OFFSET 0 keeps the planner from reading the ids of all polls
-- beside that.
CREATE FUNCTION feeds_found_1(uuid, text, uuid, bigint, bigint, text, OUT ids uuid[], OUT rest uuid)
LANGUAGE plpgsql STABLE SECURITY INVOKER SET enable_indexscan = off SET enable_indexonlyscan = off AS $function$
DECLARE
    seen uuid[] := feeds_seen_1($1, $3);
    lowest uuid := greatest(seen[10000], (SELECT from_id FROM feed_kept));
BEGIN
    ids := ARRAY(
        SELECT p.id FROM (
            SELECT id, closed, closes_at, tags FROM feed_polls WHERE words LIKE $6 OFFSET 0) p
        WHERE p.id < $3 AND p.id >= lowest AND NOT p.closed
            AND (p.closes_at IS NULL OR p.closes_at > $4) AND ($2 = '' OR $2 = ANY (p.tags))
            AND p.id NOT IN (SELECT unnest(seen))
        ORDER BY p.id DESC LIMIT $5);
    rest := coalesce(ids[$5], seen[10000]);
END $function$;
