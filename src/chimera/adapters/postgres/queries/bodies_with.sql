SELECT kind, id, body FROM chimera.bodies_with($1::text[]);
