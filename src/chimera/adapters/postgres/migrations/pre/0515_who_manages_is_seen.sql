-- Screens and metrics say when no manager lives: how many take part is no secret, and who they are stays unread.
GRANT EXECUTE ON FUNCTION chimera.slot_holders() TO chimera_auditor;
