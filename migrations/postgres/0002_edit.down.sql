ALTER TABLE polls DROP COLUMN visibility, DROP COLUMN banned;
ALTER TABLE presentations DROP COLUMN closed;
