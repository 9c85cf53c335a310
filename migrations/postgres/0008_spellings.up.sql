-- How most people wrote a word, whoever may have written it in thousands of ways.
CREATE INDEX spellings_ranked ON spellings (poll_id, word, count DESC, first, spelling);
