-- The tables of ../postgres in SQLite's words. Lists are JSON. place gives a poll's row a number that stays.
CREATE TABLE feed_polls (
    place     INTEGER NOT NULL PRIMARY KEY,
    id        BLOB    NOT NULL UNIQUE,
    author    BLOB    NOT NULL,
    title     TEXT    NOT NULL,
    options   TEXT    NOT NULL,
    tags      TEXT    NOT NULL,
    words     TEXT    NOT NULL,
    closes_at INTEGER,
    closed    INTEGER NOT NULL DEFAULT 0,
    results   TEXT    NOT NULL,
    votes     TEXT    NOT NULL,
    skips     INTEGER NOT NULL DEFAULT 0,
    revision  INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX feed_polls_author ON feed_polls (author, id);

-- Parts of words are found by their trigrams. The text is in feed_polls alone.
CREATE VIRTUAL TABLE feed_words USING fts5(words, content = 'feed_polls', content_rowid = 'place', tokenize = 'trigram');

CREATE TABLE feed_tags (
    tag     TEXT    NOT NULL,
    poll_id BLOB    NOT NULL,
    until   INTEGER NOT NULL,
    PRIMARY KEY (tag, poll_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX feed_tags_until ON feed_tags (until) WHERE until < 9223372036854775807;

CREATE TABLE feed_accounts (
    account_id BLOB    NOT NULL PRIMARY KEY,
    partition  INTEGER NOT NULL,
    day        INTEGER NOT NULL DEFAULT 0,
    used       INTEGER NOT NULL DEFAULT 0,
    undone     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE feed_answers (
    account_id BLOB    NOT NULL,
    poll_id    BLOB    NOT NULL,
    option     INTEGER NOT NULL CHECK (option >= -1),
    at         INTEGER NOT NULL,
    PRIMARY KEY (account_id, poll_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX feed_answers_poll ON feed_answers (poll_id);

CREATE TABLE feed_hours (
    poll_id BLOB    NOT NULL,
    at      INTEGER NOT NULL,
    votes   INTEGER NOT NULL,
    PRIMARY KEY (poll_id, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE feed_gone (poll_id BLOB NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE TABLE feed_kept (from_id BLOB NOT NULL) STRICT;
INSERT INTO feed_kept VALUES (zeroblob(16));
