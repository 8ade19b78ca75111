SELECT chimera.reseal($1, $2, $3, $4);
