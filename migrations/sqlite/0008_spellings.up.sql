CREATE INDEX spellings_ranked ON spellings (poll_id, word, count DESC, first, spelling);
