ALTER TABLE presence DROP COLUMN most, DROP COLUMN most_by;
DROP TABLE secrets;
DROP TABLE erasures;
DROP TABLE passes;
ALTER TABLE polls DROP COLUMN identity;
ALTER TABLE presentations
    DROP COLUMN voters, DROP COLUMN max_voters, DROP COLUMN passcode, DROP COLUMN remote_hash, DROP COLUMN edits, DROP COLUMN used_at;
