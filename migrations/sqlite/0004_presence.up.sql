CREATE TABLE presence (
    presentation_id BLOB    NOT NULL,
    replica         BLOB    NOT NULL,
    viewers         INTEGER NOT NULL,
    said_at         TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')),
    PRIMARY KEY (presentation_id, replica)
) STRICT, WITHOUT ROWID;

CREATE INDEX presence_said_at ON presence (said_at);
