-- How strongly a presentation's voters are told apart (voters: anyone, pass), how many passes it gives (max_voters; 0: any number),
-- what it asks for before (passcode; empty: nothing), the SHA-256 of its remote's token (NULL: it has none), how often what is in its row
-- was edited (not moved), and when anybody used it last, to within a day.
ALTER TABLE presentations
    ADD COLUMN voters      text        NOT NULL DEFAULT 'anyone',
    ADD COLUMN max_voters  integer     NOT NULL DEFAULT 0,
    ADD COLUMN passcode    text        NOT NULL DEFAULT '',
    ADD COLUMN remote_hash bytea,
    ADD COLUMN edits       bigint      NOT NULL DEFAULT 0,
    ADD COLUMN used_at     timestamptz NOT NULL DEFAULT now();

CREATE INDEX presentations_used_at ON presentations (used_at);

-- How the voters of a poll are told apart at the least: client or pass. Written with the transition that opens the poll.
ALTER TABLE polls ADD COLUMN identity text NOT NULL DEFAULT 'client';

-- How many passes a presentation has given. A row of its own: joining must not wait for the presenter's transitions.
CREATE TABLE passes (
    presentation_id uuid   PRIMARY KEY,
    given           bigint NOT NULL
) WITH (fillfactor = 50);

-- Polls of presentations that nobody used for so long that they were removed: their votes and words are deleted bit by bit.
CREATE TABLE erasures (
    poll_id uuid PRIMARY KEY
);

-- Keys that every replica shares, made by the first one that needs them.
CREATE TABLE secrets (
    name  text  PRIMARY KEY,
    value bytea NOT NULL
);

-- How many passes a replica gave in the last minute to the address that got the most, which is named by a keyed hash.
ALTER TABLE presence
    ADD COLUMN most    integer NOT NULL DEFAULT 0,
    ADD COLUMN most_by bigint  NOT NULL DEFAULT 0;
