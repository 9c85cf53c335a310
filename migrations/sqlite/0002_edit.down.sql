ALTER TABLE polls DROP COLUMN banned;
ALTER TABLE polls DROP COLUMN visibility;
ALTER TABLE presentations DROP COLUMN closed;
