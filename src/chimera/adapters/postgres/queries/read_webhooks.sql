SELECT id::text, failures, next_at_us, told_at_us, told, last_answer FROM chimera.read_webhooks();
