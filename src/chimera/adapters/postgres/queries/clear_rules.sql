DELETE FROM chimera.role_writes;
DELETE FROM chimera.role_may;
REVOKE ALL ON ALL TABLES IN SCHEMA chimera
    FROM chimera_office, chimera_manager, chimera_effects, chimera_maintenance, chimera_auditor, chimera_gateway;
GRANT SELECT ON chimera.head, chimera.event, chimera.window_of_budget, chimera.window_known, chimera.booking, chimera.ledger,
    chimera.calls_ahead
    TO chimera_office, chimera_manager, chimera_auditor;
GRANT SELECT ON chimera.head, chimera.event TO chimera_effects;
GRANT SELECT ON chimera.answer TO chimera_office, chimera_manager, chimera_effects;
