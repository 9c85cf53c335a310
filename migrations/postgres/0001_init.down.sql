DROP TABLE partitions, batches, votes, poll_states, polls, presentations;
