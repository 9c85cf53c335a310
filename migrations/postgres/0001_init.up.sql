-- What presenters wrote. Only title, version, slide_index and displayed ever change.
CREATE TABLE presentations (
    id          uuid        PRIMARY KEY,
    title       text        NOT NULL,
    join_code   text        NOT NULL UNIQUE,
    token_hash  bytea       NOT NULL,
    version     bigint      NOT NULL,
    slide_index integer     NOT NULL,
    displayed   boolean     NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 80);

-- Whoever joins it to a locked row need not fear an old version of it: 0002_edit.up.sql says why.
CREATE TABLE polls (
    id              uuid    PRIMARY KEY,
    presentation_id uuid    NOT NULL REFERENCES presentations,
    position        integer NOT NULL,
    question        text    NOT NULL,
    kind            text    NOT NULL,
    max_choices     integer NOT NULL,
    option_keys     text[]  NOT NULL,
    option_values   text[]  NOT NULL,
    UNIQUE (presentation_id, position)
);

-- Everything of a poll that transitions and counting change, in one row: reading results reads one row, and locking it
-- locks the tally. It changes with every batch, so pages keep room for its next version (HOT): no index grows.
CREATE TABLE poll_states (
    poll_id         uuid     PRIMARY KEY REFERENCES polls,
    presentation_id uuid     NOT NULL,
    status          text     NOT NULL,
    opened          bigint   NOT NULL,
    sealed          bigint   NOT NULL,
    revision        bigint   NOT NULL,
    voters          bigint   NOT NULL,
    counts          bigint[] NOT NULL
) WITH (fillfactor = 40);

CREATE INDEX poll_states_closing ON poll_states (poll_id) WHERE status = 'closing';

-- One row per voter and poll: the vote that stands. No foreign key: the worker holds the poll's state locked anyway,
-- and a check per row would cost more than the row.
CREATE TABLE votes (
    poll_id  uuid   NOT NULL,
    voter_id uuid   NOT NULL,
    version  bigint NOT NULL,
    seq      bigint NOT NULL,
    answer   text   NOT NULL,
    vote_id  uuid   NOT NULL, -- of the accepted vote, as in receipts and logs; never used for order
    PRIMARY KEY (poll_id, voter_id)
) WITH (fillfactor = 90);

-- The batches that were counted: one that comes again has no effect.
CREATE TABLE batches (
    id          uuid        PRIMARY KEY,
    partition   integer     NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

-- Rows come in the order of time, so the smallest of indexes finds the old ones.
CREATE INDEX batches_recorded_at ON batches USING brin (recorded_at) WITH (pages_per_range = 16, autosummarize = on);

-- One row per partition of the log; counting locks its own.
CREATE TABLE partitions (
    id integer PRIMARY KEY
);
