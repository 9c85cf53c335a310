ALTER TABLE poll_states DROP COLUMN fold, DROP COLUMN fold_revision;
DROP TABLE spellings;
DROP INDEX words_hidden, words_newest, words_ranked;
CREATE INDEX words_top ON words (poll_id, count DESC, word);
ALTER TABLE words DROP COLUMN first, DROP COLUMN hidden;
