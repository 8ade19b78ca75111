SET LOCAL ROLE chimera_owner;
