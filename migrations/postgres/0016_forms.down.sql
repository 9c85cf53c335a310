DROP FUNCTION forms_settle_1, forms_claim_1;
DROP TABLE form_gone, form_words, form_counts, form_responses, forms;
