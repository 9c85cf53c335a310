-- The talk that a presentation's audience rates at the end. A link between features is an id, and no reference.
ALTER TABLE presentations ADD COLUMN talk_id uuid;
