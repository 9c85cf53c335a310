ALTER TABLE presentations DROP COLUMN talk_id;
