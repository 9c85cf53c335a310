CREATE TABLE mends (
    presentation_id BLOB    NOT NULL,
    number          INTEGER NOT NULL,
    poll_id         BLOB    NOT NULL,
    mended_at       TEXT    NOT NULL,
    revision        INTEGER NOT NULL,
    field           TEXT    NOT NULL,
    before          TEXT    NOT NULL,
    after           TEXT    NOT NULL,
    PRIMARY KEY (presentation_id, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX mends_poll ON mends (poll_id);

ALTER TABLE polls ADD COLUMN mended INTEGER NOT NULL DEFAULT 0;
