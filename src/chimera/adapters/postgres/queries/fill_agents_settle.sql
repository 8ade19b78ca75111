ANALYZE chimera.agent, chimera.campaign;
