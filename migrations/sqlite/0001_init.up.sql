-- The tables of ../postgres in SQLite's words: ids are blobs of 16 bytes, which sort like uuids; lists are JSON.
CREATE TABLE presentations (
    id          BLOB    NOT NULL PRIMARY KEY,
    title       TEXT    NOT NULL,
    join_code   TEXT    NOT NULL UNIQUE,
    token_hash  BLOB    NOT NULL,
    version     INTEGER NOT NULL,
    slide_index INTEGER NOT NULL,
    displayed   INTEGER NOT NULL,
    created_at  TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))
) STRICT;

CREATE TABLE polls (
    id              BLOB    NOT NULL PRIMARY KEY,
    presentation_id BLOB    NOT NULL REFERENCES presentations,
    position        INTEGER NOT NULL,
    question        TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    max_choices     INTEGER NOT NULL,
    option_keys     TEXT    NOT NULL,
    option_values   TEXT    NOT NULL,
    UNIQUE (presentation_id, position)
) STRICT;

CREATE TABLE poll_states (
    poll_id         BLOB    NOT NULL PRIMARY KEY REFERENCES polls,
    presentation_id BLOB    NOT NULL,
    status          TEXT    NOT NULL,
    opened          INTEGER NOT NULL,
    sealed          INTEGER NOT NULL,
    revision        INTEGER NOT NULL,
    voters          INTEGER NOT NULL,
    counts          TEXT    NOT NULL
) STRICT;

CREATE INDEX poll_states_closing ON poll_states (poll_id) WHERE status = 'closing';

CREATE TABLE votes (
    poll_id  BLOB    NOT NULL,
    voter_id BLOB    NOT NULL,
    version  INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    answer   TEXT    NOT NULL,
    vote_id  BLOB    NOT NULL,
    PRIMARY KEY (poll_id, voter_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE batches (
    id          BLOB    NOT NULL PRIMARY KEY,
    partition   INTEGER NOT NULL,
    recorded_at TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))
) STRICT, WITHOUT ROWID;

CREATE INDEX batches_recorded_at ON batches (recorded_at);

CREATE TABLE partitions (
    id INTEGER NOT NULL PRIMARY KEY
) STRICT;
