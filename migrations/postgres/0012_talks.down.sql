DROP FUNCTION ratings_settle_1, ratings_claim_1;
DROP TABLE ratings, talks;
