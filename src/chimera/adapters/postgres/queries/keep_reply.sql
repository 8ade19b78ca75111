SELECT chimera.keep_reply($1, $2, $3);
