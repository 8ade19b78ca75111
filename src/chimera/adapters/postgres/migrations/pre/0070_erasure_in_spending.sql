-- A person's words stand in payments and receipts too. Erasure (0040) may blank them there: the maintenance role's login,
-- the body alone, and only as blanking leaves it. Nothing else changes a payment or a receipt, and the ledger's rows hold
-- no words at all.

CREATE FUNCTION chimera.refuse_all_but_blanking() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
    IF session_user = 'chimera_maintenance' AND to_jsonb(NEW) - 'body' = to_jsonb(OLD) - 'body'
       AND position('[erased]' IN convert_from(NEW.body, 'UTF8')) > 0 THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the ledger is only added to' USING ERRCODE = 'CH004';
END
$fn$;
REVOKE ALL ON FUNCTION chimera.refuse_all_but_blanking() FROM PUBLIC;

DROP TRIGGER append_only ON chimera.spending;
DROP TRIGGER append_only ON chimera.revenue;
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON chimera.spending
    FOR EACH STATEMENT EXECUTE FUNCTION chimera.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON chimera.revenue
    FOR EACH STATEMENT EXECUTE FUNCTION chimera.refuse_change();
CREATE TRIGGER blanked_only BEFORE UPDATE ON chimera.spending
    FOR EACH ROW EXECUTE FUNCTION chimera.refuse_all_but_blanking();
CREATE TRIGGER blanked_only BEFORE UPDATE ON chimera.revenue
    FOR EACH ROW EXECUTE FUNCTION chimera.refuse_all_but_blanking();
