-- Texts of polls that were changed while people voted. number rises within a presentation. revision is the poll's, with the mend.
-- field is question, or options[KEY].
CREATE TABLE mends (
    presentation_id uuid        NOT NULL,
    number          bigint      NOT NULL,
    poll_id         uuid        NOT NULL,
    mended_at       timestamptz NOT NULL DEFAULT date_trunc('milliseconds', now()),
    revision        bigint      NOT NULL,
    field           text        NOT NULL,
    before          text        NOT NULL,
    after           text        NOT NULL,
    PRIMARY KEY (presentation_id, number)
);

CREATE INDEX mends_poll ON mends (poll_id);

-- How many rows of mends a poll has.
ALTER TABLE polls ADD COLUMN mended integer NOT NULL DEFAULT 0;
