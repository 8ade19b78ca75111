SELECT pg_advisory_unlock(7236123487);
