SELECT id, version FROM chimera."{kind}" WHERE $1::uuid IS NULL OR id > $1;
