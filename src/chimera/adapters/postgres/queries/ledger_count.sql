SELECT count(*)::bigint AS many FROM chimera.ledger;
