SELECT pg_advisory_lock(7236123487);
