-- pg_trgm stays: others may use it.
DROP FUNCTION feeds_found_1, feeds_unseen_1, feeds_seen_1, feeds_settle_1, feeds_claim_1, feeds_drop_1, feeds_keep_1,
    feeds_month_1, feeds_first_1;
DROP TABLE feed_kept, feed_gone, feed_hours, feed_answers, feed_accounts, feed_tags, feed_polls;
