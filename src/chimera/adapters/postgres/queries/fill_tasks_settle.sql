ANALYZE chimera.task, chimera.input;
