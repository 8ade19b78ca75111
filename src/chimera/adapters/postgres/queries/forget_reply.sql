SELECT chimera.forget_reply($1);
