SELECT chimera.be_present($1, $2, $3);
