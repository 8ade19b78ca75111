SELECT chimera.rebuild_vectors();
