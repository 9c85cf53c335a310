DROP INDEX presentations_account;
ALTER TABLE presentations DROP COLUMN account_id;
DROP TABLE account_resets;
DROP TABLE accounts;
