SELECT version, patch FROM chimera.media_patches($1)
