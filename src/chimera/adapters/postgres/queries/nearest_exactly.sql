SELECT id, likeness FROM chimera.nearest_exactly($1, $2, $3, $4);
