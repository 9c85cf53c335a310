CREATE TABLE accounts (
    id         BLOB    NOT NULL PRIMARY KEY,
    email      TEXT    NOT NULL UNIQUE,
    username   TEXT    NOT NULL,
    password   TEXT    NOT NULL,
    epoch      INTEGER NOT NULL,
    verified   INTEGER NOT NULL,
    issuer     TEXT,
    subject    TEXT,
    created_at TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')),
    UNIQUE (issuer, subject)
) STRICT;

CREATE TABLE account_resets (
    account_id BLOB NOT NULL PRIMARY KEY,
    token_hash BLOB NOT NULL UNIQUE,
    expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE presentations ADD COLUMN account_id BLOB;
CREATE INDEX presentations_account ON presentations (account_id, id) WHERE account_id IS NOT NULL;
