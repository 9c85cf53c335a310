DROP FUNCTION count_settle_1, count_claim_1;
