SELECT is_new, digest, at_us, status, kept FROM chimera.begin_reply($1, $2, $3, $4);
