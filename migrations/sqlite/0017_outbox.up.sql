-- The tables of ../postgres in SQLite's words. Lists are JSON.
CREATE TABLE integrations (
    id       BLOB    NOT NULL PRIMARY KEY,
    thing_id BLOB    NOT NULL,
    sink     TEXT    NOT NULL,
    types    TEXT    NOT NULL,
    config   TEXT    NOT NULL,
    ordered  INTEGER NOT NULL,
    off      TEXT    NOT NULL,
    made_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX integrations_thing ON integrations (thing_id, id);
CREATE INDEX integrations_sink ON integrations (sink) WHERE off = '';

CREATE TABLE deliveries (
    place          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id             BLOB    NOT NULL UNIQUE,
    integration_id BLOB    NOT NULL,
    sink           TEXT    NOT NULL,
    fact_id        BLOB    NOT NULL,
    type           TEXT    NOT NULL,
    thing_id       BLOB    NOT NULL,
    source         TEXT    NOT NULL,
    subject        TEXT    NOT NULL,
    at             INTEGER NOT NULL,
    data           TEXT    NOT NULL,
    state          INTEGER NOT NULL DEFAULT 0,
    tries          INTEGER NOT NULL DEFAULT 0,
    due_at         INTEGER NOT NULL DEFAULT 0,
    error          TEXT    NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX deliveries_integration ON deliveries (integration_id, place);
CREATE INDEX deliveries_due ON deliveries (integration_id, due_at) WHERE state = 0;
CREATE INDEX deliveries_subject ON deliveries (integration_id, subject, place) WHERE state = 0;
CREATE INDEX deliveries_backlog ON deliveries (sink, state, at) WHERE state <> 1;
CREATE INDEX deliveries_over ON deliveries (at) WHERE state <> 0;
