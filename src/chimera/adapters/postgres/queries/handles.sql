SELECT handle FROM chimera.handles();
