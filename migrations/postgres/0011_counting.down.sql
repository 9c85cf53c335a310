DROP FUNCTION count_claim_2;
