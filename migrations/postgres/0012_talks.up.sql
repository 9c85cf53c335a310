-- The programme. Times are milliseconds since 1970 in UTC. Everything of a talk that counting changes is in its row: reading the
-- ratings reads one row, and locking it locks the tally.
CREATE TABLE talks (
    id          uuid     PRIMARY KEY,
    code        text     NOT NULL UNIQUE,
    token_hash  bytea    NOT NULL,
    partition   integer  NOT NULL, -- of the log, for ever
    title       text     NOT NULL,
    speaker     text     NOT NULL,
    starts_at   bigint,
    ends_at     bigint,
    opens_at    bigint,
    closes_at   bigint,
    min_ratings integer  NOT NULL,
    comments    text     NOT NULL,
    voters      text     NOT NULL,
    edits       bigint   NOT NULL DEFAULT 0,
    ones        bigint   NOT NULL DEFAULT 0,
    twos        bigint   NOT NULL DEFAULT 0,
    threes      bigint   NOT NULL DEFAULT 0,
    fours       bigint   NOT NULL DEFAULT 0,
    fives       bigint   NOT NULL DEFAULT 0,
    revision    bigint   NOT NULL DEFAULT 0,
    weak        boolean  NOT NULL DEFAULT false,
    nameless    boolean  NOT NULL DEFAULT false,
    account_id  uuid,             -- whose it is, beside its token's holder; no reference: who is gone owns nothing
    importer    bytea,            -- of an imported one: a hash of who imported it, and what the file called it
    source      text
) WITH (fillfactor = 50);

-- In the order of the programme: talks that do not say when they start come last.
CREATE INDEX talks_programme ON talks (coalesce(starts_at, 9223372036854775807), id);

CREATE INDEX talks_account ON talks (account_id, id) WHERE account_id IS NOT NULL;

-- A file that comes twice at once makes its talks once.
CREATE UNIQUE INDEX talks_imported ON talks (importer, source) WHERE importer IS NOT NULL;

-- One row per person and talk: the rating that stands. No foreign key: the worker holds the talk's row locked anyway.
CREATE TABLE ratings (
    talk_id    uuid     NOT NULL,
    person     uuid     NOT NULL,
    value      smallint NOT NULL CHECK (value BETWEEN 1 AND 5),
    comment    text     NOT NULL,
    comment_id uuid,              -- of the rating that brought the comment; it begins with its time
    hidden     boolean  NOT NULL,
    PRIMARY KEY (talk_id, person)
) WITH (fillfactor = 90);

CREATE UNIQUE INDEX ratings_comments ON ratings (talk_id, comment_id) WHERE comment_id IS NOT NULL;

-- ratings_claim_1 locks and reads what counting ratings needs: $1 the partitions, $2 the ids of entries and the keys of ratings,
-- $3 the talks, $4 and $5 the talk and the person of each rating that may stand before. The partitions are locked first, and
-- then the talks in order. The ratings are read when their talks are locked, so nobody changes them.
--
-- OFFSET 0 keeps the planner from making a plain join of the ratings, for which it would plan to read all of them.
CREATE FUNCTION ratings_claim_1(bigint[], uuid[], uuid[], uuid[], uuid[],
    OUT accounts json, OUT fresh uuid[], OUT places bigint[], OUT given bigint[], OUT texts text[], OUT text_ids uuid[], OUT hides bigint[])
LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $function$
BEGIN
    SELECT c.fresh FROM entries_claim_1('talks', $1, $2) c INTO fresh;
    SELECT coalesce(json_agg(a), '[]') FROM (
        SELECT t.id, t.comments, t.ones, t.twos, t.threes, t.fours, t.fives, t.revision, t.weak,
            t.nameless
        FROM talks t WHERE t.id = ANY($3) ORDER BY t.id FOR UPDATE) a INTO accounts;
    SELECT array_agg(o.place), array_agg(o.value), array_agg(o.comment), array_agg(o.comment_id), array_agg(o.hidden) FROM (
        SELECT u.place, r.value::bigint, r.comment, coalesce(r.comment_id, '00000000-0000-0000-0000-000000000000') AS comment_id,
            r.hidden::integer::bigint AS hidden
        FROM unnest($4, $5) WITH ORDINALITY AS u (talk_id, person, place) CROSS JOIN LATERAL (
            SELECT value, comment, comment_id, hidden FROM ratings
            WHERE talk_id = u.talk_id AND person = u.person OFFSET 0) r) o
        INTO places, given, texts, text_ids, hides;
END $function$;

-- ratings_settle_1 writes: $1 to $6 the ratings that stand now, $7 to $15 what counting changes of talks. It fails where a
-- statement wrote fewer or more rows than it was given: the tallies would be wrong.
CREATE FUNCTION ratings_settle_1(uuid[], uuid[], bigint[], text[], uuid[], bigint[],
    uuid[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], bigint[], OUT wrote bigint)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $function$
BEGIN
    INSERT INTO ratings (talk_id, person, value, comment, comment_id, hidden)
    SELECT u.talk_id, u.person, u.value, u.comment, nullif(u.comment_id, '00000000-0000-0000-0000-000000000000'), u.hidden <> 0
    FROM unnest($1, $2, $3, $4, $5, $6) AS u (talk_id, person, value, comment, comment_id, hidden)
    ON CONFLICT (talk_id, person) DO UPDATE SET value = excluded.value, comment = excluded.comment,
        comment_id = excluded.comment_id, hidden = excluded.hidden;
    GET DIAGNOSTICS wrote = ROW_COUNT;
    IF wrote <> cardinality($1) THEN
        RAISE 'wrote % ratings, not %', wrote, cardinality($1);
    END IF;
    UPDATE talks t SET ones = u.ones, twos = u.twos, threes = u.threes, fours = u.fours, fives = u.fives,
        revision = u.revision, weak = u.weak <> 0, nameless = u.nameless <> 0
    FROM unnest($7, $8, $9, $10, $11, $12, $13, $14, $15)
        AS u (id, ones, twos, threes, fours, fives, revision, weak, nameless)
    WHERE t.id = u.id;
    GET DIAGNOSTICS wrote = ROW_COUNT;
    IF wrote <> cardinality($7) THEN
        RAISE 'wrote % talks, not %', wrote, cardinality($7);
    END IF;
END $function$;
