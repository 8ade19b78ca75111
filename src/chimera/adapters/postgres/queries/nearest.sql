SELECT id, likeness FROM chimera.nearest($1, $2, $3, $4) ORDER BY likeness DESC, id LIMIT $4;
