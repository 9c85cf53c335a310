-- Forms. Times are milliseconds since 1970 in UTC. Counting locks the row of a form, and with it all that is of the form.
CREATE TABLE forms (
    id             uuid    PRIMARY KEY,
    code           text    NOT NULL UNIQUE,
    token_hash     bytea   NOT NULL,
    account_id     uuid,             -- whose it is, beside its token's holder; no reference: who is gone owns nothing
    partition      integer NOT NULL, -- of the log, for ever
    title          text    NOT NULL,
    intro          text    NOT NULL,
    email          text    NOT NULL,
    closes_at      bigint,
    closed         boolean NOT NULL,
    max_responses  bigint  NOT NULL, -- 0: any number
    one_per_person boolean NOT NULL,
    voters         text    NOT NULL,
    definition     text    NOT NULL, -- questions and rules, as JSON
    edits          bigint  NOT NULL DEFAULT 0,
    responses      bigint  NOT NULL DEFAULT 0,
    numbered       bigint  NOT NULL DEFAULT 0,
    revision       bigint  NOT NULL DEFAULT 0,
    mends          bigint  NOT NULL DEFAULT 0 -- how often a recount moved the numbers
) WITH (fillfactor = 50);

CREATE INDEX forms_account ON forms (account_id, id) WHERE account_id IS NOT NULL;

-- One row for a response. It is whole: its answers are in it. No foreign key: the worker holds the form's row locked anyway.
CREATE TABLE form_responses (
    id         uuid   PRIMARY KEY,
    form_id    uuid   NOT NULL,
    number     bigint NOT NULL, -- 1, 2, 3 … in the order of the log
    person     uuid,
    at         bigint NOT NULL,
    changed_at bigint NOT NULL, -- 0: it was not
    edits      bigint NOT NULL,
    answers    text   NOT NULL, -- by question, as JSON
    flags      text   NOT NULL  -- the rules that it breaks, as JSON; empty: none
);

CREATE UNIQUE INDEX form_responses_number ON form_responses (form_id, number);
CREATE INDEX form_responses_person ON form_responses (form_id, person) WHERE person IS NOT NULL;

-- How many people answered a question (no key), or chose an option. The two parts of a sum of numbers have keys of their own.
CREATE TABLE form_counts (
    form_id     uuid   NOT NULL,
    question_id uuid   NOT NULL,
    key         text   NOT NULL,
    n           bigint NOT NULL,
    PRIMARY KEY (form_id, question_id, key)
) WITH (fillfactor = 70);

-- How many people wrote a word of a word cloud, by how they spelled it.
CREATE TABLE form_words (
    form_id     uuid   NOT NULL,
    question_id uuid   NOT NULL,
    word        text   NOT NULL,
    spelling    text   NOT NULL,
    n           bigint NOT NULL,
    PRIMARY KEY (form_id, question_id, word, spelling)
) WITH (fillfactor = 70);

-- The forms that were deleted while there were responses to them.
CREATE TABLE form_gone (form_id uuid PRIMARY KEY);

-- forms_claim_1 locks and reads what counting needs: $1 the partitions, $2 the ids of entries, $3 those of items with a key, $4 and
-- $5 the forms and the edits by which the caller knows them, $6 the responses that may stand before, $7 and $8 the form and the
-- person of each that may have responded. It locks the partitions first, and then the forms in order. What it reads after that
-- nobody changes. What a form asks is read where the caller knows another edit alone.
CREATE FUNCTION forms_claim_1(bigint[], uuid[], uuid[], uuid[], bigint[], uuid[], uuid[], uuid[],
    OUT fresh uuid[], OUT known uuid[], OUT asked json, OUT stand json, OUT places bigint[], OUT given bigint[])
LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $function$
BEGIN
    SELECT c.fresh FROM entries_claim_1('forms', $1, $2) c INTO fresh;
    IF cardinality($3) > 0 THEN
        SELECT array_agg(b.id) FROM batches b WHERE b.id = ANY($3) INTO known;
    END IF;
    SELECT coalesce(json_agg(o), '[]') FROM (
        SELECT f.id, f.closed, f.closes_at, f.max_responses, f.one_per_person, f.edits, f.responses, f.numbered, f.revision,
            CASE WHEN f.edits <> u.edits THEN f.definition END AS definition
        FROM forms f JOIN unnest($4, $5) AS u (id, edits) ON u.id = f.id ORDER BY f.id FOR UPDATE OF f) o INTO asked;
    stand := '[]';
    IF cardinality($6) > 0 THEN
        SELECT coalesce(json_agg(o), '[]') FROM (
            SELECT r.id, r.form_id, r.number, r.person, r.at, r.changed_at, r.edits, r.answers, r.flags
            FROM form_responses r WHERE r.id = ANY($6)) o INTO stand;
    END IF;
    IF cardinality($7) > 0 THEN
        SELECT array_agg(o.place), array_agg(o.n) FROM (
            SELECT u.place, c.n FROM unnest($7, $8) WITH ORDINALITY AS u (form_id, person, place) CROSS JOIN LATERAL (
                SELECT count(*) AS n FROM form_responses r
                WHERE r.form_id = u.form_id AND r.person = u.person OFFSET 0) c
            WHERE c.n > 0) o
            INTO places, given;
    END IF;
END $function$;

-- forms_settle_1 writes: $1 to $9 the responses that are new or other than before, $10 those that stand no more, $11 to $14 by how
-- much counts move, $15 to $19 by how much those of words do, $20 to $23 what counting changes of forms, $24 the ids of items with
-- a key, $25 their partition. It fails where a statement wrote fewer or more rows than it was given: the numbers would be wrong.
CREATE FUNCTION forms_settle_1(uuid[], uuid[], bigint[], uuid[], bigint[], bigint[], bigint[], text[], text[], uuid[],
    uuid[], uuid[], text[], bigint[], uuid[], uuid[], text[], text[], bigint[], uuid[], bigint[], bigint[], bigint[],
    uuid[], bigint, OUT wrote bigint)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $function$
BEGIN
    IF cardinality($1) > 0 THEN
        INSERT INTO form_responses (id, form_id, number, person, at, changed_at, edits, answers, flags)
        SELECT u.id, u.form_id, u.number, nullif(u.person, '00000000-0000-0000-0000-000000000000'), u.at, u.changed_at, u.edits,
            u.answers, u.flags
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)
            AS u (id, form_id, number, person, at, changed_at, edits, answers, flags)
        ON CONFLICT (id) DO UPDATE SET changed_at = excluded.changed_at, edits = excluded.edits, answers = excluded.answers,
            flags = excluded.flags;
        GET DIAGNOSTICS wrote = ROW_COUNT;
        IF wrote <> cardinality($1) THEN
            RAISE 'wrote % responses, not %', wrote, cardinality($1);
        END IF;
    END IF;
    IF cardinality($10) > 0 THEN
        DELETE FROM form_responses WHERE id = ANY($10);
        GET DIAGNOSTICS wrote = ROW_COUNT;
        IF wrote <> cardinality($10) THEN
            RAISE 'deleted % responses, not %', wrote, cardinality($10);
        END IF;
    END IF;
    INSERT INTO form_counts AS c (form_id, question_id, key, n) SELECT * FROM unnest($11, $12, $13, $14)
    ON CONFLICT (form_id, question_id, key) DO UPDATE SET n = c.n + excluded.n;
    GET DIAGNOSTICS wrote = ROW_COUNT;
    IF wrote <> cardinality($11) THEN
        RAISE 'wrote % counts, not %', wrote, cardinality($11);
    END IF;
    IF cardinality($15) > 0 THEN
        INSERT INTO form_words AS w (form_id, question_id, word, spelling, n) SELECT * FROM unnest($15, $16, $17, $18, $19)
        ON CONFLICT (form_id, question_id, word, spelling) DO UPDATE SET n = w.n + excluded.n;
        GET DIAGNOSTICS wrote = ROW_COUNT;
        IF wrote <> cardinality($15) THEN
            RAISE 'wrote % words, not %', wrote, cardinality($15);
        END IF;
        DELETE FROM form_words w USING unnest($15, $16, $17, $18) AS u (form_id, question_id, word, spelling)
        WHERE w.form_id = u.form_id AND w.question_id = u.question_id AND w.word = u.word AND w.spelling = u.spelling
            AND w.n = 0;
    END IF;
    UPDATE forms f SET responses = u.responses, numbered = u.numbered, revision = u.revision
    FROM unnest($20, $21, $22, $23) AS u (id, responses, numbered, revision)
    WHERE f.id = u.id;
    GET DIAGNOSTICS wrote = ROW_COUNT;
    IF wrote <> cardinality($20) THEN
        RAISE 'wrote % forms, not %', wrote, cardinality($20);
    END IF;
    IF cardinality($24) > 0 THEN
        INSERT INTO batches (id, partition) SELECT id, $25 FROM unnest($24) AS u (id);
    END IF;
END $function$;
