DROP TABLE feed_kept;
DROP TABLE feed_gone;
DROP TABLE feed_hours;
DROP TABLE feed_answers;
DROP TABLE feed_accounts;
DROP TABLE feed_tags;
DROP TABLE feed_words;
DROP TABLE feed_polls;
