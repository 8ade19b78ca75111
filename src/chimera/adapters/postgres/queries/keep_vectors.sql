SELECT chimera.keep_vectors($1, $2, $3, $4, $5);
