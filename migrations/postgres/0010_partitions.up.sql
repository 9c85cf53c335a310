-- The partition of a presentation, stored when it is made. NULL: a process of before this column made it. Such a one lies in
-- the partition of its id among the original ones.
ALTER TABLE presentations ADD COLUMN partition integer;

-- Original are the partitions that the first start wrote. Those that are added later are not.
ALTER TABLE partitions ADD COLUMN original boolean NOT NULL DEFAULT true;
CREATE INDEX partitions_original ON partitions (id) WHERE original;
