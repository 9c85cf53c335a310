-- The id of the vote that named a word first (its time says when; nil: a process of before this column counted it), and whether
-- the presenter hides the word. A hidden word keeps its row when nobody's vote holds it any more.
ALTER TABLE words
    ADD COLUMN first  uuid    NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    ADD COLUMN hidden boolean NOT NULL DEFAULT false;

-- The words of a poll with the most votes, the older ones first among equals; and the newest.
DROP INDEX words_top;
CREATE INDEX words_ranked ON words (poll_id, count DESC, first, word);
CREATE INDEX words_newest ON words (poll_id, first DESC, word);

-- The hidden ones, which are few: how many words are not hidden is told by both indexes, without a look at those words.
CREATE INDEX words_hidden ON words (poll_id, count) WHERE hidden;

-- How people wrote a word of a word cloud: how many people's votes hold it in this form. Written by counting alone, like words.
CREATE TABLE spellings (
    poll_id  uuid             NOT NULL,
    word     text COLLATE "C" NOT NULL,
    spelling text COLLATE "C" NOT NULL,
    count    bigint           NOT NULL,
    first    uuid             NOT NULL,
    PRIMARY KEY (poll_id, word, spelling)
);

-- The version of the fold that a poll's words are counted by, and the poll's revision when a process that knows this column
-- wrote the state last. Where that is not the poll's revision, a process of before this column has counted since.
ALTER TABLE poll_states
    ADD COLUMN fold          smallint NOT NULL DEFAULT 1,
    ADD COLUMN fold_revision bigint   NOT NULL DEFAULT 0;
