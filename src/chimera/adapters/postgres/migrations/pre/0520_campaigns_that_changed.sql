-- Which campaigns were opened, paused, resumed or ended, found by what has changed (ADR-229): whoever listens for all agents
-- asked three times a second for every campaign that is open.

-- The transaction that wrote its state last. Not each plan: of those there is one for every input that is answered, and a
-- reader of them would be told of a thousand a second that nothing is new. What is there already is read once anyway.
ALTER TABLE chimera.campaign ADD COLUMN changed bigint NOT NULL DEFAULT 0;
ALTER TABLE chimera.campaign ALTER COLUMN changed SET DEFAULT (pg_current_xact_id()::text::bigint);

-- An update that leaves the state as it is asks nothing, and changes no index for it.
CREATE TRIGGER changed BEFORE UPDATE ON chimera.campaign FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
EXECUTE FUNCTION chimera.note_change();
CREATE INDEX campaign_changed ON chimera.campaign (changed, id);
