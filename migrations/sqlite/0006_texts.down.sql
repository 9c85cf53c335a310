ALTER TABLE poll_states DROP COLUMN fold;
ALTER TABLE poll_states DROP COLUMN fold_revision;
DROP TABLE spellings;
DROP INDEX words_hidden;
DROP INDEX words_newest;
DROP INDEX words_ranked;
CREATE INDEX words_top ON words (poll_id, count DESC, word);
ALTER TABLE words DROP COLUMN first;
ALTER TABLE words DROP COLUMN hidden;
