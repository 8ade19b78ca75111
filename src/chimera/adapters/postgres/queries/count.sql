SELECT state, count(*) AS many FROM chimera."{kind}" GROUP BY state;
