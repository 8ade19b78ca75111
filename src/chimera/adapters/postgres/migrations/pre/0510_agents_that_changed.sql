-- Who has changed, found by what has changed and not by looking at everybody (ADR-221): of 100,000 agents a look each five
-- seconds in every process would be two million rows a second with a hundred managers.

-- The transaction that wrote the row last. A reader asks for those from the oldest transaction on that was still under way
-- when it looked last: whatever it could not see then is among them, however late it is committed.
ALTER TABLE chimera.agent ADD COLUMN changed bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint);

CREATE FUNCTION chimera.note_change() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
    NEW.changed := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END
$fn$;
REVOKE ALL ON FUNCTION chimera.note_change() FROM PUBLIC;

CREATE TRIGGER changed BEFORE INSERT OR UPDATE ON chimera.agent FOR EACH ROW EXECUTE FUNCTION chimera.note_change();
CREATE INDEX agent_changed ON chimera.agent (changed, id);
