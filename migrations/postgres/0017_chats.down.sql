-- pg_trgm and btree_gin stay: others may use them.
DROP FUNCTION chats_found_1, chats_claim_1;
DROP TABLE chat_gone, chat_reactions, chat_markers, chat_votes, chat_versions, chat_words, chat_messages, chats, chat_apps;
