-- The version that closed voting for the poll on the slide; it counts only while it is the presentation's version. displayed is
-- false then: a replica that does not know this column takes no votes for the poll, and any transition of its opens the slide.
ALTER TABLE presentations ADD COLUMN closed bigint NOT NULL DEFAULT 0;

-- Presenters edit polls now, but what people answer to (question, kind, max_choices, options) only while nobody has seen
-- it. Whoever joins polls to a state that they had to wait for may meet an old version of such a poll, and then there is no
-- vote to count by it: docs/protocol/README.md, "Edits".
ALTER TABLE polls
    ADD COLUMN visibility text   NOT NULL DEFAULT 'live',
    ADD COLUMN banned     text[] NOT NULL DEFAULT '{}';
