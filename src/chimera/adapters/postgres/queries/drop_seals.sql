SELECT kind, records FROM chimera.drop_seals($1);
