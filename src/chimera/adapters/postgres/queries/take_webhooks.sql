SELECT id, body, version, state, due_us, cursor, failures, told FROM chimera.take_webhooks($1, $2);
