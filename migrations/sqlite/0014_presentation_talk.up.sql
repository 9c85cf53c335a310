ALTER TABLE presentations ADD COLUMN talk_id BLOB;
