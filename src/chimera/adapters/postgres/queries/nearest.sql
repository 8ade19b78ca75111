SELECT id, likeness FROM chimera.nearest($1, $2, $3, $4);
