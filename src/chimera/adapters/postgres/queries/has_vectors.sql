SELECT to_regclass('chimera.memory_vector') IS NOT NULL;
