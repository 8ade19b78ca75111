SELECT chimera.drop_windows($1, $2, $3);
