DROP FUNCTION count_settle_1, count_claim_1, entries_claim_1;
DROP TABLE stream_partitions;
