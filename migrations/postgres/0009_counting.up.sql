-- What counting says to the database: several statements in one round trip. Each statement sees what was committed before it
-- began, as it would alone: that is so in functions that are VOLATILE. They run with the rights of their caller.
--
-- A function is never changed. What is to be said otherwise is a new one, with the next number in its name, in a new migration:
-- processes of before go on calling the old one. pkg/poll/pollpg has the calls.

-- The partitions of streams other than the votes', which have their rows in partitions. Whoever applies entries locks theirs; a
-- row is made when it is locked first.
CREATE TABLE stream_partitions (
    stream    text    NOT NULL,
    partition integer NOT NULL,
    PRIMARY KEY (stream, partition)
);

-- entries_claim_1 locks the partitions of a stream in order, records the ids of entries, and gives those that are new.
CREATE FUNCTION entries_claim_1(text, bigint[], uuid[], OUT fresh uuid[])
LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $function$
BEGIN
    INSERT INTO stream_partitions (stream, partition) SELECT $1, p FROM unnest($2) AS u (p) ORDER BY p
    ON CONFLICT DO NOTHING;
    PERFORM FROM (
        SELECT FROM stream_partitions WHERE stream = $1 AND partition = ANY($2) ORDER BY partition FOR UPDATE) s;
    WITH b AS (
        INSERT INTO batches (id, partition) SELECT id, $2[1] FROM unnest($3) AS u (id)
        ON CONFLICT DO NOTHING RETURNING id)
    SELECT array_agg(id) FROM b INTO fresh;
END $function$;

-- count_claim_1 locks and reads what counting needs: partition, polls, batches, and the poll and the voter of each vote.
--
-- The keys that it joins to a state may be old ones if it had to wait for an edit to let go of the state. No vote is counted by
-- them: a vote that is not late was accepted after its poll was displayed, which was after the last edit of its keys, and so the
-- statement began after that edit, too.
--
-- OFFSET 0 keeps the planner from making a plain join of the votes that stand, for which it would plan to read all votes, as is
-- cheaper while they are few. The polls' states are locked, so nobody changes them.
CREATE FUNCTION count_claim_1(integer, uuid[], uuid[], uuid[], uuid[],
    OUT accounts json, OUT fresh uuid[], OUT places bigint[], OUT versions bigint[], OUT seqs bigint[], OUT answers text[])
LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $function$
BEGIN
    PERFORM FROM (SELECT id FROM partitions WHERE id = $1 FOR UPDATE) p;
    IF NOT FOUND THEN -- a lock on a row that is not there would keep nobody out
        RAISE 'there is no partition %', $1;
    END IF;
    SELECT coalesce(json_agg(a), '[]') FROM (
        SELECT s.presentation_id, s.poll_id, q.kind, q.option_keys, s.fold, s.stale,
            s.status, s.opened, s.sealed, s.revision, s.voters, s.counts
        FROM poll_states s JOIN polls q ON q.id = s.poll_id
        WHERE s.poll_id = ANY($2)
        ORDER BY s.poll_id FOR UPDATE OF s) a INTO accounts;
    WITH b AS (
        INSERT INTO batches (id, partition) SELECT id, $1 FROM unnest($3) AS u (id)
        ON CONFLICT DO NOTHING RETURNING id)
    SELECT array_agg(id) FROM b INTO fresh;
    SELECT array_agg(o.place), array_agg(o.version), array_agg(o.seq), array_agg(o.answer) FROM (
        SELECT u.place, v.version, v.seq, v.answer
        FROM unnest($4, $5) WITH ORDINALITY AS u (poll_id, voter_id, place) CROSS JOIN LATERAL (
            SELECT version, seq, answer FROM votes WHERE poll_id = u.poll_id AND voter_id = u.voter_id OFFSET 0) v) o
        INTO places, versions, seqs, answers;
END $function$;

-- count_settle_1 writes: $1 to $6 the votes that stand now, $7 to $9 the changes of words, $10 the polls where somebody's word
-- went, $11 to $17 the states, $18 the votes that named the words, $19 to $23 the changes of how words are written, $24 the fold
-- that counted them. It fails where a statement wrote fewer or more rows than it was given: the tallies would be wrong. It
-- says nothing of words where there are none, as in every poll of another kind.
--
-- The condition on seq repeats what the ledger has decided: if the two ever disagree, the count of rows shows it.
--
-- A word keeps the oldest vote that anybody knows of. A word that nobody says any more, and that is not hidden, goes, and so does
-- a spelling that nobody writes. The latter is found by its whole key, and not by the index that knows counts (count + 0).
--
-- A state that this fold counted alone stays so; a poll without words or votes is counted by it from now on. A poll that is
-- reset loses them in the same transaction.
CREATE FUNCTION count_settle_1(uuid[], uuid[], bigint[], bigint[], text[], uuid[], uuid[], text[], bigint[], uuid[],
    uuid[], text[], bigint[], bigint[], bigint[], bigint[], text[],
    uuid[], uuid[], text[], text[], bigint[], uuid[], smallint, OUT wrote bigint)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $function$
BEGIN
    INSERT INTO votes AS v (poll_id, voter_id, version, seq, answer, vote_id)
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6)
    ON CONFLICT (poll_id, voter_id) DO UPDATE
    SET version = excluded.version, seq = excluded.seq, answer = excluded.answer, vote_id = excluded.vote_id
    WHERE v.seq <= excluded.seq;
    GET DIAGNOSTICS wrote = ROW_COUNT;
    IF wrote <> cardinality($1) THEN
        RAISE 'wrote % votes, not %', wrote, cardinality($1);
    END IF;
    IF cardinality($7) > 0 THEN
        INSERT INTO words AS w (poll_id, word, count, first) SELECT * FROM unnest($7, $8, $9, $18)
        ON CONFLICT (poll_id, word) DO UPDATE SET count = w.count + excluded.count, first =
            CASE WHEN w.first = '00000000-0000-0000-0000-000000000000'
                OR excluded.first <> '00000000-0000-0000-0000-000000000000' AND excluded.first < w.first
            THEN excluded.first ELSE w.first END;
        GET DIAGNOSTICS wrote = ROW_COUNT;
        IF wrote <> cardinality($7) THEN
            RAISE 'wrote % words, not %', wrote, cardinality($7);
        END IF;
    END IF;
    IF cardinality($10) > 0 THEN
        DELETE FROM words WHERE poll_id = ANY($10) AND count = 0 AND NOT hidden;
    END IF;
    IF cardinality($19) > 0 THEN
        INSERT INTO spellings AS s (poll_id, word, spelling, count, first) SELECT * FROM unnest($19, $20, $21, $22, $23)
        ON CONFLICT (poll_id, word, spelling) DO UPDATE SET count = s.count + excluded.count, first =
            CASE WHEN s.first = '00000000-0000-0000-0000-000000000000'
                OR excluded.first <> '00000000-0000-0000-0000-000000000000' AND excluded.first < s.first
            THEN excluded.first ELSE s.first END;
        GET DIAGNOSTICS wrote = ROW_COUNT;
        IF wrote <> cardinality($19) THEN
            RAISE 'wrote % spellings, not %', wrote, cardinality($19);
        END IF;
        DELETE FROM spellings WHERE ctid = ANY(ARRAY(
            SELECT s.ctid FROM unnest($19, $20, $21, $22) AS u (poll_id, word, spelling, moved) CROSS JOIN LATERAL (
                SELECT ctid FROM spellings
                WHERE poll_id = u.poll_id AND word = u.word AND spelling = u.spelling AND count + 0 = 0 OFFSET 0) s
            WHERE u.moved < 0));
    END IF;
    UPDATE poll_states s
    SET status = u.status, opened = u.opened, sealed = u.sealed, revision = u.revision, voters = u.voters, counts = u.counts::bigint[],
        fold = CASE
            WHEN s.counts <> '{}' OR s.status = 'pending' AND NOT s.stale OR s.status <> 'pending' AND u.status = 'pending'
            THEN $24 ELSE s.fold END,
        fold_revision = CASE
            WHEN s.counts <> '{}' OR s.status = 'pending' AND NOT s.stale OR s.status <> 'pending' AND u.status = 'pending'
                OR s.fold = $24 AND NOT s.stale
            THEN u.revision ELSE s.fold_revision END
    FROM unnest($11, $12, $13, $14, $15, $16, $17) AS u (poll_id, status, opened, sealed, revision, voters, counts)
    WHERE s.poll_id = u.poll_id;
    GET DIAGNOSTICS wrote = ROW_COUNT;
    IF wrote <> cardinality($11) THEN
        RAISE 'wrote % states, not %', wrote, cardinality($11);
    END IF;
END $function$;
