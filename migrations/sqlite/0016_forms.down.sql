DROP TABLE form_gone;
DROP TABLE form_words;
DROP TABLE form_counts;
DROP TABLE form_responses;
DROP TABLE forms;
