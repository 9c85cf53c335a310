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
-- wrote the state last. Where that is not the poll's revision (stale), the words may have been counted by another version since,
-- and are to be counted anew. Polls without words need not; those that are final keep the first version. Counting changes the
-- revision each time: a column for what the index asks keeps it out of the index (HOT).
ALTER TABLE poll_states
    ADD COLUMN fold          smallint NOT NULL DEFAULT 1,
    ADD COLUMN fold_revision bigint   NOT NULL DEFAULT 0;
UPDATE poll_states
SET fold = CASE WHEN counts = '{}' AND status = 'final' THEN 1 ELSE 2 END, fold_revision = revision
WHERE counts <> '{}' OR status IN ('pending', 'final');
ALTER TABLE poll_states ADD COLUMN stale boolean GENERATED ALWAYS AS (fold_revision <> revision) STORED;
CREATE INDEX poll_states_stale ON poll_states (poll_id) WHERE stale;
