SELECT chimera.be_gone($1);
