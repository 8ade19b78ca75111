CREATE SCHEMA IF NOT EXISTS chimera AUTHORIZATION chimera_owner;
CREATE TABLE IF NOT EXISTS chimera.migration (
    name       text PRIMARY KEY,
    digest     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE chimera.migration OWNER TO chimera_owner;
