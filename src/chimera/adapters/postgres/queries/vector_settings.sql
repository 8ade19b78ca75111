SELECT current_setting('server_version') AS postgres,
       (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS pgvector,
       current_setting('shared_buffers') AS shared_buffers,
       (SELECT array_to_string(c.reloptions, ', ') FROM pg_class c WHERE c.oid = 'chimera.memory_near_half'::regclass) AS hnsw,
       (SELECT array_to_string(p.proconfig, ', ') FROM pg_proc p WHERE p.oid = 'chimera.nearest(text[], text, text, int)'::regprocedure) AS search,
       pg_size_pretty(pg_relation_size('chimera.memory_near_half')) AS index_size,
       pg_size_pretty(pg_table_size('chimera.memory_vector')) AS vectors_size,
       pg_size_pretty(pg_total_relation_size('chimera.memory')) AS memories_size;
