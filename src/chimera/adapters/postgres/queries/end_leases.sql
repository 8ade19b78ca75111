SELECT chimera.end_leases($1, $2, $3);
