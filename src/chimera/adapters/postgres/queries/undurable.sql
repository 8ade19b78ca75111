-- What of a server's own promises is switched off; `synchronous_commit` each of our connections sets for itself.
SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' ORDER BY name;
