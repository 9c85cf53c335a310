-- count_claim_2 locks and reads what counting needs: $1 the partition of each batch, $2 the polls,
-- $3 the batches, $4 and $5 the poll and the voter of each vote.
--
-- The partitions are locked in order, before anything else, and so are the polls. Two calls with
-- partitions in common then wait for each other, and neither has what the other waits for.
-- count_claim_1, which has one partition, goes on beside it.
--
-- All else is as in count_claim_1.
CREATE FUNCTION count_claim_2(integer[], uuid[], uuid[], uuid[], uuid[],
    OUT accounts json, OUT fresh uuid[], OUT places bigint[], OUT versions bigint[], OUT seqs bigint[], OUT answers text[])
LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $function$
DECLARE
    locked integer[];
BEGIN
    SELECT coalesce(array_agg(id), '{}') FROM (
        SELECT id FROM partitions WHERE id = ANY($1) ORDER BY id FOR UPDATE) p INTO locked;
    IF NOT $1 <@ locked THEN -- a lock on a row that is not there would keep nobody out
        RAISE 'there is no partition %', (SELECT min(p) FROM unnest($1) AS u (p) WHERE p <> ALL (locked));
    END IF;
    SELECT coalesce(json_agg(a), '[]') FROM (
        SELECT s.presentation_id, s.poll_id, q.kind, q.option_keys, s.fold, s.stale,
            s.status, s.opened, s.sealed, s.revision, s.voters, s.counts
        FROM poll_states s JOIN polls q ON q.id = s.poll_id
        WHERE s.poll_id = ANY($2)
        ORDER BY s.poll_id FOR UPDATE OF s) a INTO accounts;
    WITH b AS (
        INSERT INTO batches (id, partition) SELECT id, partition FROM unnest($3, $1) AS u (id, partition)
        ON CONFLICT DO NOTHING RETURNING id)
    SELECT array_agg(id) FROM b INTO fresh;
    SELECT array_agg(o.place), array_agg(o.version), array_agg(o.seq), array_agg(o.answer) FROM (
        SELECT u.place, v.version, v.seq, v.answer
        FROM unnest($4, $5) WITH ORDINALITY AS u (poll_id, voter_id, place) CROSS JOIN LATERAL (
            SELECT version, seq, answer FROM votes WHERE poll_id = u.poll_id AND voter_id = u.voter_id OFFSET 0) v) o
        INTO places, versions, seqs, answers;
END $function$;
