-- The programme. Times are milliseconds since 1970 in UTC. Everything of a talk that counting changes is in its row: reading the
-- ratings reads one row, and locking it locks the tally.
CREATE TABLE talks (
    id          uuid     PRIMARY KEY,
    code        text     NOT NULL UNIQUE,
    token_hash  bytea    NOT NULL,
    partition   integer  NOT NULL, -- of the log, for ever
    title       text     NOT NULL,
    speaker     text     NOT NULL,
    starts_at   bigint,
    ends_at     bigint,
    opens_at    bigint,
    closes_at   bigint,
    min_ratings integer  NOT NULL,
    comments    text     NOT NULL,
    voters      text     NOT NULL,
    edits       bigint   NOT NULL DEFAULT 0,
    ones        bigint   NOT NULL DEFAULT 0,
    twos        bigint   NOT NULL DEFAULT 0,
    threes      bigint   NOT NULL DEFAULT 0,
    fours       bigint   NOT NULL DEFAULT 0,
    fives       bigint   NOT NULL DEFAULT 0,
    revision    bigint   NOT NULL DEFAULT 0,
    weak        boolean  NOT NULL DEFAULT false
) WITH (fillfactor = 50);

-- In the order of the programme: talks that do not say when they start come last.
CREATE INDEX talks_programme ON talks (coalesce(starts_at, 9223372036854775807), id);

-- One row per person and talk: the rating that stands. No foreign key: the worker holds the talk's row locked anyway.
CREATE TABLE ratings (
    talk_id    uuid     NOT NULL,
    person     uuid     NOT NULL,
    value      smallint NOT NULL CHECK (value BETWEEN 1 AND 5),
    comment    text     NOT NULL,
    comment_id uuid,              -- of the rating that brought the comment; it begins with its time
    hidden     boolean  NOT NULL,
    PRIMARY KEY (talk_id, person)
) WITH (fillfactor = 90);

CREATE UNIQUE INDEX ratings_comments ON ratings (talk_id, comment_id) WHERE comment_id IS NOT NULL;
