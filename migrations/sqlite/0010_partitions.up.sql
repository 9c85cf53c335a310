ALTER TABLE presentations ADD COLUMN partition INTEGER;
ALTER TABLE partitions ADD COLUMN original INTEGER NOT NULL DEFAULT 1;
CREATE INDEX partitions_original ON partitions (id) WHERE original;
