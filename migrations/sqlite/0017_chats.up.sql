-- The tables of ../postgres in SQLite's words. place gives a message's row a number that stays.
CREATE TABLE chat_apps (
    id         BLOB    NOT NULL PRIMARY KEY,
    token_hash BLOB    UNIQUE,
    epoch      INTEGER NOT NULL DEFAULT 0,
    partition  INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    account_id BLOB,
    subject    BLOB    UNIQUE,
    reactions  INTEGER NOT NULL,
    chats      INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX chat_apps_account ON chat_apps (account_id, id) WHERE account_id IS NOT NULL;

CREATE TABLE chats (
    id        BLOB    NOT NULL PRIMARY KEY,
    app_id    BLOB    NOT NULL,
    number    INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    title     TEXT    NOT NULL,
    moderated INTEGER NOT NULL,
    closed    INTEGER NOT NULL DEFAULT 0,
    last      INTEGER NOT NULL DEFAULT 0,
    messages  INTEGER NOT NULL DEFAULT 0,
    shown     INTEGER NOT NULL DEFAULT 0,
    revision  INTEGER NOT NULL DEFAULT 0,
    UNIQUE (app_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE chat_messages (
    place     INTEGER NOT NULL PRIMARY KEY,
    chat_id   BLOB    NOT NULL,
    number    INTEGER NOT NULL,
    id        BLOB    NOT NULL UNIQUE,
    person    BLOB    NOT NULL,
    author    TEXT    NOT NULL,
    body      TEXT    NOT NULL,
    words     TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    edits     INTEGER NOT NULL,
    edited_at INTEGER NOT NULL,
    state     INTEGER NOT NULL,
    question  INTEGER NOT NULL,
    pinned    INTEGER NOT NULL,
    answered  INTEGER NOT NULL,
    votes     INTEGER NOT NULL,
    changed   INTEGER NOT NULL,
    UNIQUE (chat_id, number)
) STRICT;

CREATE INDEX chat_messages_changed ON chat_messages (chat_id, changed, number) WHERE changed > 0;
CREATE INDEX chat_messages_waiting ON chat_messages (chat_id, number) WHERE state = 1;
CREATE INDEX chat_messages_ranked ON chat_messages (chat_id, answered, NOT pinned, -votes, number) WHERE question AND state = 2;

-- Parts of words are found by their trigrams. The text is in chat_messages alone.
CREATE VIRTUAL TABLE chat_words USING fts5(words, content = 'chat_messages', content_rowid = 'place', tokenize = 'trigram');

CREATE TABLE chat_versions (
    chat_id BLOB    NOT NULL,
    number  INTEGER NOT NULL,
    edit    INTEGER NOT NULL,
    body    TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (chat_id, number, edit)
) STRICT, WITHOUT ROWID;

CREATE TABLE chat_votes (
    chat_id BLOB    NOT NULL,
    number  INTEGER NOT NULL,
    person  BLOB    NOT NULL,
    PRIMARY KEY (chat_id, number, person)
) STRICT, WITHOUT ROWID;

CREATE TABLE chat_markers (
    chat_id BLOB    NOT NULL,
    member  BLOB    NOT NULL,
    number  INTEGER NOT NULL,
    PRIMARY KEY (chat_id, member)
) STRICT, WITHOUT ROWID;

CREATE TABLE chat_reactions (
    app_id BLOB NOT NULL,
    slide  BLOB NOT NULL,
    counts TEXT NOT NULL, -- a JSON list, by emoji
    PRIMARY KEY (app_id, slide)
) STRICT, WITHOUT ROWID;

CREATE TABLE chat_gone (app_id BLOB NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
