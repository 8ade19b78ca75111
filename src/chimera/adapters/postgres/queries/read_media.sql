SELECT version, body FROM chimera.read_media($1)
