-- Chats. Times are milliseconds since 1970 in UTC.
--
-- Parts of words are found by their trigrams, in one chat. The extensions come with PostgreSQL, and whoever may make tables may add
-- them.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;

-- The owners of chats. Locking the row locks the numbers of its chats.
CREATE TABLE chat_apps (
    id         uuid    PRIMARY KEY,
    token_hash bytea   UNIQUE,             -- NULL: nobody has a token
    epoch      bigint  NOT NULL DEFAULT 0, -- how many tokens it had before
    partition  integer NOT NULL,           -- of the log, for ever
    name       text    NOT NULL,
    account_id uuid,                       -- no reference: who is gone owns nothing
    subject    uuid    UNIQUE,             -- what it belongs to, such as a presentation
    reactions  boolean NOT NULL,
    chats      bigint  NOT NULL DEFAULT 0  -- the last number
) WITH (fillfactor = 70);

CREATE INDEX chat_apps_account ON chat_apps (account_id, id) WHERE account_id IS NOT NULL;

-- Locking the row locks the numbers of its messages, and all that is counted of them.
CREATE TABLE chats (
    id        uuid    PRIMARY KEY,
    app_id    uuid    NOT NULL,
    number    bigint  NOT NULL,
    kind      text    NOT NULL,
    at        bigint  NOT NULL,
    title     text    NOT NULL,
    moderated boolean NOT NULL,
    closed    boolean NOT NULL DEFAULT false,
    last      bigint  NOT NULL DEFAULT 0, -- number of a message
    messages  bigint  NOT NULL DEFAULT 0, -- that are not deleted
    shown     bigint  NOT NULL DEFAULT 0,
    revision  bigint  NOT NULL DEFAULT 0,
    UNIQUE (app_id, number)
) WITH (fillfactor = 50);

-- Numbers of a chat have no gap: a part of a chat is a range of numbers, and as many rows. The state is 1 waiting, 2 shown, 3 hidden
-- or 4 deleted. No foreign keys: the worker holds the chat's row locked anyway.
CREATE TABLE chat_messages (
    chat_id   uuid     NOT NULL,
    number    bigint   NOT NULL,
    id        uuid     NOT NULL, -- of the item that brought it: a retry finds its number
    person    uuid     NOT NULL,
    author    text     NOT NULL,
    body      text     NOT NULL,
    at        bigint   NOT NULL,
    edits     integer  NOT NULL,
    edited_at bigint   NOT NULL, -- 0: never
    state     smallint NOT NULL,
    question  boolean  NOT NULL,
    pinned    boolean  NOT NULL,
    answered  boolean  NOT NULL,
    votes     bigint   NOT NULL,
    changed   bigint   NOT NULL, -- the chat's revision that changed it last; 0: none since it has its number
    PRIMARY KEY (chat_id, number)
) WITH (fillfactor = 90);

CREATE UNIQUE INDEX chat_messages_id ON chat_messages (id);
CREATE INDEX chat_messages_changed ON chat_messages (chat_id, changed, number) WHERE changed > 0;
CREATE INDEX chat_messages_waiting ON chat_messages (chat_id, number) WHERE state = 1;
CREATE INDEX chat_messages_ranked ON chat_messages (chat_id, answered, (NOT pinned), (-votes), number) WHERE question AND state = 2;

-- The bodies of messages, folded, in which parts of words are found. They are apart from the messages, so that the index of trigrams
-- has nothing to do where people vote.
CREATE TABLE chat_words (
    chat_id uuid     NOT NULL,
    number  bigint   NOT NULL,
    state   smallint NOT NULL, -- of the message
    words   text     NOT NULL,
    PRIMARY KEY (chat_id, number)
);

CREATE INDEX chat_words_parts ON chat_words USING gin (chat_id, words gin_trgm_ops) WITH (gin_pending_list_limit = 1024);

-- What messages said before they were edited.
CREATE TABLE chat_versions (
    chat_id uuid    NOT NULL,
    number  bigint  NOT NULL,
    edit    integer NOT NULL, -- 0: as it was posted
    body    text    NOT NULL,
    at      bigint  NOT NULL,
    PRIMARY KEY (chat_id, number, edit)
);

-- One row for a person and a message that it votes for.
CREATE TABLE chat_votes (
    chat_id uuid   NOT NULL,
    number  bigint NOT NULL,
    person  uuid   NOT NULL,
    PRIMARY KEY (chat_id, number, person)
);

-- Up to which number members have read a chat.
CREATE TABLE chat_markers (
    chat_id uuid   NOT NULL,
    member  uuid   NOT NULL,
    number  bigint NOT NULL,
    PRIMARY KEY (chat_id, member)
) WITH (fillfactor = 70);

-- How often people reacted to a slide, by emoji.
CREATE TABLE chat_reactions (
    app_id uuid     NOT NULL,
    slide  uuid     NOT NULL,
    counts bigint[] NOT NULL,
    PRIMARY KEY (app_id, slide)
) WITH (fillfactor = 50);

-- The applications that were deleted while there was something of theirs.
CREATE TABLE chat_gone (app_id uuid PRIMARY KEY);

-- chats_claim_1 locks and reads what numbering needs. It locks the partitions first, then the applications in order, then the chats
-- in order. What it reads after that nobody changes. It takes:
--
--   $1 to $4    the partitions, the ids of entries, those of items with a key, the applications
--   $5, $6      the application and the number of each chat
--   $7 to $10   the application, the chat and the number of each message that is changed; whether it is edited, which takes its body
--   $11 to $14  the application, the chat and the number of each message that is voted for, and the person
--
-- OFFSET 0 keeps the planner from making a plain join of the messages, for which it would plan to read all of them.
CREATE FUNCTION chats_claim_1(bigint[], uuid[], uuid[], uuid[], uuid[], bigint[], uuid[], bigint[], bigint[], bigint[],
    uuid[], bigint[], bigint[], uuid[],
    OUT fresh uuid[], OUT known uuid[], OUT made_ids uuid[], OUT made_numbers bigint[],
    OUT apps json, OUT chats json, OUT messages json, OUT upvoted bigint[])
LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $function$
BEGIN
    SELECT c.fresh FROM entries_claim_1('chats', $1, $2) c INTO fresh;
    SELECT coalesce(json_agg(q), '[]') FROM (
        SELECT a.id, a.chats, a.reactions FROM chat_apps a WHERE a.id = ANY($4) ORDER BY a.id FOR UPDATE) q INTO apps;
    SELECT coalesce(json_agg(q), '[]') FROM (
        SELECT c.id, c.app_id, c.number, c.kind, c.moderated, c.closed, c.last, c.messages, c.shown, c.revision
        FROM unnest($5, $6) AS u (app_id, number) JOIN chats c ON c.app_id = u.app_id AND c.number = u.number
        ORDER BY c.app_id, c.number FOR UPDATE OF c) q INTO chats;
    IF cardinality($3) > 0 THEN
        SELECT array_agg(b.id) FROM batches b WHERE b.id = ANY($3) INTO known;
        SELECT array_agg(q.id), array_agg(q.number) FROM (
            SELECT m.id, m.number FROM chat_messages m WHERE m.id = ANY($3)
            UNION ALL
            SELECT c.id, c.number FROM chats c WHERE c.id = ANY($3)) q INTO made_ids, made_numbers;
    END IF;
    IF cardinality($7) > 0 THEN
        SELECT json_agg(q) FROM (
            SELECT u.place, m.* FROM unnest($7, $8, $9, $10) WITH ORDINALITY AS u (app_id, chat, number, edited, place)
            JOIN chats c ON c.app_id = u.app_id AND c.number = u.chat CROSS JOIN LATERAL (
                SELECT chat_id, number, id, person, author, CASE WHEN u.edited <> 0 THEN body ELSE '' END AS body, at, edits, edited_at,
                    state, question, pinned, answered, votes, changed
                FROM chat_messages WHERE chat_id = c.id AND number = u.number OFFSET 0) m) q INTO messages;
    END IF;
    IF cardinality($11) > 0 THEN
        SELECT array_agg(u.place) FROM unnest($11, $12, $13, $14) WITH ORDINALITY AS u (app_id, chat, number, person, place)
        JOIN chats c ON c.app_id = u.app_id AND c.number = u.chat CROSS JOIN LATERAL (
            SELECT FROM chat_votes WHERE chat_id = c.id AND number = u.number AND person = u.person OFFSET 0) v INTO upvoted;
    END IF;
END $function$;

-- chats_found_1 gives the numbers of at most $5 messages of a chat ($1) below $2 that match a pattern ($3), the newest first. $4 says
-- which states. It looks the pattern's trigrams up, and puts what it finds in order. indexed is false where the pattern's text ($6)
-- has no three letters or digits in a row: the index knows nothing of it. What is one depends on the database's locale.
-- OFFSET 0 keeps the planner from reading the numbers of all messages beside that.
CREATE FUNCTION chats_found_1(uuid, bigint, text, bigint[], bigint, text, OUT numbers bigint[], OUT indexed boolean)
LANGUAGE plpgsql STABLE SECURITY INVOKER SET enable_indexscan = off SET enable_indexonlyscan = off SET enable_seqscan = off
AS $function$
BEGIN
    indexed := $6 ~ '[[:alnum:]]{3}';
    IF indexed THEN
        numbers := ARRAY(
            SELECT w.number FROM (
                SELECT number, state FROM chat_words WHERE chat_id = $1 AND words LIKE $3 OFFSET 0) w
            WHERE w.number < $2 AND w.state = ANY($4)
            ORDER BY w.number DESC LIMIT $5);
    END IF;
END $function$;
