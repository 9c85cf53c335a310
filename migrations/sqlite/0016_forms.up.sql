-- The tables of ../postgres in SQLite's words.
CREATE TABLE forms (
    id             BLOB    NOT NULL PRIMARY KEY,
    code           TEXT    NOT NULL UNIQUE,
    token_hash     BLOB    NOT NULL,
    account_id     BLOB,
    partition      INTEGER NOT NULL,
    title          TEXT    NOT NULL,
    intro          TEXT    NOT NULL,
    email          TEXT    NOT NULL,
    closes_at      INTEGER,
    closed         INTEGER NOT NULL,
    max_responses  INTEGER NOT NULL,
    one_per_person INTEGER NOT NULL,
    voters         TEXT    NOT NULL,
    definition     TEXT    NOT NULL,
    edits          INTEGER NOT NULL DEFAULT 0,
    responses      INTEGER NOT NULL DEFAULT 0,
    numbered       INTEGER NOT NULL DEFAULT 0,
    revision       INTEGER NOT NULL DEFAULT 0,
    mends          INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX forms_account ON forms (account_id, id) WHERE account_id IS NOT NULL;

CREATE TABLE form_responses (
    id         BLOB    NOT NULL PRIMARY KEY,
    form_id    BLOB    NOT NULL,
    number     INTEGER NOT NULL,
    person     BLOB,
    at         INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    edits      INTEGER NOT NULL,
    answers    TEXT    NOT NULL,
    flags      TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX form_responses_number ON form_responses (form_id, number);
CREATE INDEX form_responses_person ON form_responses (form_id, person) WHERE person IS NOT NULL;

CREATE TABLE form_counts (
    form_id     BLOB    NOT NULL,
    question_id BLOB    NOT NULL,
    key         TEXT    NOT NULL,
    n           INTEGER NOT NULL,
    PRIMARY KEY (form_id, question_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE form_words (
    form_id     BLOB    NOT NULL,
    question_id BLOB    NOT NULL,
    word        TEXT    NOT NULL,
    spelling    TEXT    NOT NULL,
    n           INTEGER NOT NULL,
    PRIMARY KEY (form_id, question_id, word, spelling)
) STRICT, WITHOUT ROWID;

CREATE TABLE form_gone (form_id BLOB NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
