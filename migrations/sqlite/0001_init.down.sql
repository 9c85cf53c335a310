DROP TABLE partitions;
DROP TABLE batches;
DROP TABLE votes;
DROP TABLE poll_states;
DROP TABLE polls;
DROP TABLE presentations;
