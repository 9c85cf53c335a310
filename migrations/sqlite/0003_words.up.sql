CREATE TABLE words (
    poll_id BLOB    NOT NULL,
    word    TEXT    NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (poll_id, word)
) STRICT, WITHOUT ROWID;

CREATE INDEX words_top ON words (poll_id, count DESC, word);
