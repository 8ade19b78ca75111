SELECT chimera.drop_replies($1);
