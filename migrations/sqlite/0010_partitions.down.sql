DROP INDEX partitions_original;
ALTER TABLE partitions DROP COLUMN original;
ALTER TABLE presentations DROP COLUMN partition;
