-- How many people view a presentation's events on each replica, as it said last. Written every two seconds and worth nothing
-- after a crash, so not logged.
CREATE UNLOGGED TABLE presence (
    presentation_id uuid        NOT NULL,
    replica         uuid        NOT NULL,
    viewers         integer     NOT NULL,
    said_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (presentation_id, replica)
) WITH (fillfactor = 50);

CREATE INDEX presence_said_at ON presence (said_at);
