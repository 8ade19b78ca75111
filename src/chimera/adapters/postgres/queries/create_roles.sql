DO $do$
DECLARE
    login text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'chimera_owner') THEN
        CREATE ROLE chimera_owner NOLOGIN;
    END IF;
    FOREACH login IN ARRAY ARRAY['chimera_office', 'chimera_manager', 'chimera_effects', 'chimera_maintenance',
                                 'chimera_auditor', 'chimera_gateway'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = login) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION', login);
        END IF;
    END LOOP;
END
$do$;
