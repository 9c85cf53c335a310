ALTER TABLE presentations ADD COLUMN voters TEXT NOT NULL DEFAULT 'anyone';
ALTER TABLE presentations ADD COLUMN max_voters INTEGER NOT NULL DEFAULT 0;
ALTER TABLE presentations ADD COLUMN passcode TEXT NOT NULL DEFAULT '';
ALTER TABLE presentations ADD COLUMN remote_hash BLOB;
ALTER TABLE presentations ADD COLUMN edits INTEGER NOT NULL DEFAULT 0;
-- A column that is added cannot have a default that is the present time.
ALTER TABLE presentations ADD COLUMN used_at TEXT NOT NULL DEFAULT '';
UPDATE presentations SET used_at = strftime('%Y-%m-%dT%H:%M:%fZ');
CREATE INDEX presentations_used_at ON presentations (used_at);

ALTER TABLE polls ADD COLUMN identity TEXT NOT NULL DEFAULT 'client';

CREATE TABLE passes (
    presentation_id BLOB    NOT NULL PRIMARY KEY,
    given           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE erasures (
    poll_id BLOB NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE secrets (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE presence ADD COLUMN most INTEGER NOT NULL DEFAULT 0;
ALTER TABLE presence ADD COLUMN most_by INTEGER NOT NULL DEFAULT 0;
