ALTER TABLE words ADD COLUMN first BLOB NOT NULL DEFAULT x'00000000000000000000000000000000';
ALTER TABLE words ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;

DROP INDEX words_top;
CREATE INDEX words_ranked ON words (poll_id, count DESC, first, word);
CREATE INDEX words_newest ON words (poll_id, first DESC, word);
CREATE INDEX words_hidden ON words (poll_id, count) WHERE hidden;

CREATE TABLE spellings (
    poll_id  BLOB    NOT NULL,
    word     TEXT    NOT NULL,
    spelling TEXT    NOT NULL,
    count    INTEGER NOT NULL,
    first    BLOB    NOT NULL,
    PRIMARY KEY (poll_id, word, spelling)
) STRICT, WITHOUT ROWID;

ALTER TABLE poll_states ADD COLUMN fold INTEGER NOT NULL DEFAULT 1;
ALTER TABLE poll_states ADD COLUMN fold_revision INTEGER NOT NULL DEFAULT 0;
