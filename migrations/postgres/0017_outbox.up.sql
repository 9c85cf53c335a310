-- Where facts are sent, and facts on their way. Times are milliseconds since 1970 in UTC.
CREATE TABLE integrations (
    id       uuid    PRIMARY KEY,
    thing_id uuid    NOT NULL, -- what it hangs on; 0: every thing
    sink     text    NOT NULL,
    types    text[]  NOT NULL, -- of the facts that it wants; none: all
    config   text    NOT NULL, -- JSON of the sink's own
    ordered  boolean NOT NULL,
    off      text    NOT NULL, -- why it is off; empty: it is on
    made_at  bigint  NOT NULL
);

CREATE INDEX integrations_thing ON integrations (thing_id, id);
CREATE INDEX integrations_sink ON integrations (sink) WHERE off = '';

-- One row for a fact and an integration that wants it. place is the order in which facts are written: facts of one thing are written
-- under the lock of its row. due_at is when it may be tried next. A claim moves it by the lease: whoever dies meanwhile loses it.
CREATE TABLE deliveries (
    place          bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id             uuid     NOT NULL UNIQUE,
    integration_id uuid     NOT NULL,
    sink           text     NOT NULL,
    fact_id        uuid     NOT NULL,
    type           text     NOT NULL,
    thing_id       uuid     NOT NULL,
    source         text     NOT NULL,
    subject        text     NOT NULL,
    at             bigint   NOT NULL,
    data           text     NOT NULL, -- JSON
    state          smallint NOT NULL DEFAULT 0, -- 0: pending; 1: delivered; 2: failed
    tries          integer  NOT NULL DEFAULT 0,
    due_at         bigint   NOT NULL DEFAULT 0,
    error          text     NOT NULL DEFAULT ''
) WITH (fillfactor = 70);

CREATE INDEX deliveries_integration ON deliveries (integration_id, place);
CREATE INDEX deliveries_due ON deliveries (integration_id, due_at) WHERE state = 0;
CREATE INDEX deliveries_subject ON deliveries (integration_id, subject, place) WHERE state = 0;
CREATE INDEX deliveries_backlog ON deliveries (sink, state, at) WHERE state <> 1;
CREATE INDEX deliveries_over ON deliveries (at) WHERE state <> 0;
