DROP INDEX spellings_ranked;
