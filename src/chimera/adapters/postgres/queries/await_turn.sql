SELECT pg_advisory_lock(hashtextextended('chimera writer ' || $1, 0));
