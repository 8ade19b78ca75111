CREATE SCHEMA IF NOT EXISTS baseline;
CREATE TABLE IF NOT EXISTS baseline.budget (id text PRIMARY KEY, cap bigint NOT NULL, held bigint NOT NULL, spent bigint NOT NULL);
CREATE TABLE IF NOT EXISTS baseline.hold (id text PRIMARY KEY, amount bigint NOT NULL);
TRUNCATE baseline.budget, baseline.hold;
