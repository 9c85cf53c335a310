-- The tables of ../postgres in SQLite's words.
CREATE TABLE talks (
    id          BLOB    NOT NULL PRIMARY KEY,
    code        TEXT    NOT NULL UNIQUE,
    token_hash  BLOB    NOT NULL,
    partition   INTEGER NOT NULL,
    title       TEXT    NOT NULL,
    speaker     TEXT    NOT NULL,
    starts_at   INTEGER,
    ends_at     INTEGER,
    opens_at    INTEGER,
    closes_at   INTEGER,
    min_ratings INTEGER NOT NULL,
    comments    TEXT    NOT NULL,
    voters      TEXT    NOT NULL,
    edits       INTEGER NOT NULL DEFAULT 0,
    ones        INTEGER NOT NULL DEFAULT 0,
    twos        INTEGER NOT NULL DEFAULT 0,
    threes      INTEGER NOT NULL DEFAULT 0,
    fours       INTEGER NOT NULL DEFAULT 0,
    fives       INTEGER NOT NULL DEFAULT 0,
    revision    INTEGER NOT NULL DEFAULT 0,
    weak        INTEGER NOT NULL DEFAULT 0,
    nameless    INTEGER NOT NULL DEFAULT 0,
    account_id  BLOB,
    importer    BLOB,
    source      TEXT
) STRICT;

CREATE INDEX talks_programme ON talks (coalesce(starts_at, 9223372036854775807), id);

CREATE INDEX talks_account ON talks (account_id, id) WHERE account_id IS NOT NULL;

CREATE UNIQUE INDEX talks_imported ON talks (importer, source) WHERE importer IS NOT NULL;

CREATE TABLE ratings (
    talk_id    BLOB    NOT NULL,
    person     BLOB    NOT NULL,
    value      INTEGER NOT NULL CHECK (value BETWEEN 1 AND 5),
    comment    TEXT    NOT NULL,
    comment_id BLOB,
    hidden     INTEGER NOT NULL,
    PRIMARY KEY (talk_id, person)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX ratings_comments ON ratings (talk_id, comment_id) WHERE comment_id IS NOT NULL;
