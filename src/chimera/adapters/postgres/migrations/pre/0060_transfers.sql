-- Transfers: the nonces of wallets and the payments that have them (domain/transfer.py). A nonce's id derives from wallet
-- and number, so the primary key gives each nonce out once, whoever asks, after whatever crash. Not partitioned: these
-- ids have no time.

SELECT chimera.add_kind('transfer', false, '{free,reserved,sent,mined}');
CREATE INDEX ON chimera.transfer (scope);
