-- How many people's votes hold a word, for polls of free text. Written by counting alone, under the lock of the poll's state;
-- a word that nobody's vote holds any more has no row. In the order of bytes, as everywhere else.
CREATE TABLE words (
    poll_id uuid             NOT NULL,
    word    text COLLATE "C" NOT NULL,
    count   bigint           NOT NULL,
    PRIMARY KEY (poll_id, word)
);

-- The words of a poll with the most votes, from the first one on.
CREATE INDEX words_top ON words (poll_id, count DESC, word);
