ANALYZE chimera.review, chimera.event;
