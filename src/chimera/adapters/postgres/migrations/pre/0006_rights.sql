-- Who may call what. Reading is granted with the rules of domain/roles.py, anew by every installation.

REVOKE ALL ON SCHEMA chimera FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA chimera FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA chimera FROM PUBLIC;

GRANT USAGE ON SCHEMA chimera TO chimera_office, chimera_manager, chimera_effects, chimera_maintenance, chimera_auditor;
GRANT EXECUTE ON FUNCTION chimera.now_us()
    TO chimera_office, chimera_manager, chimera_effects, chimera_maintenance, chimera_auditor;
GRANT EXECUTE ON FUNCTION
    chimera.open_writer(text, bigint),
    chimera.commit_batch(text, bigint, bigint, bigint, int, text[], text[], int[], int[], int[], uuid[], bigint[], text[], text[],
                         int[], bigint[], int[], bytea[], int[], text[], bigint[], bigint[], bigint[], int[], text[],
                         int[], bytea[])
    TO chimera_office, chimera_manager, chimera_effects;
GRANT EXECUTE ON FUNCTION chimera.claim(text, bigint, int[], int, bigint) TO chimera_manager;
GRANT EXECUTE ON FUNCTION chimera.make_partitions(int) TO chimera_maintenance;
