-- Quotas are windows that count posts and calls (domain/quotas.py). What stands where no person has set one: how often an
-- agent's own schedule lets it post in a day, and what networks publish for an account.

CREATE FUNCTION chimera.posts_of_schedule(key text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT (convert_from(a.body, 'UTF8')::json #>> '{schedule,posts_per_day_max}')::bigint
    FROM chimera.agent a
    WHERE a.id = (substring(key FROM '^agent:([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\|'))::uuid
$$;

CREATE FUNCTION chimera.published_by_network(key text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE split_part(substr(key, length('account:') + 1), '/', 1) || regexp_replace(key, '^.*\|', '|')
        WHEN 'bluesky|posts-hour' THEN 1666 WHEN 'bluesky|posts-day' THEN 11666
        WHEN 'mastodon|posts-hour' THEN 300 WHEN 'mastodon|calls-hour' THEN 3600
        WHEN 'nostr|posts-hour' THEN 300 WHEN 'threads|posts-day' THEN 250
        WHEN 'x|posts-hour' THEN 100 WHEN 'x|posts-day' THEN 2400
        WHEN 'instagram|posts-day' THEN 100 WHEN 'youtube|posts-day' THEN 6 END
$$;

CREATE OR REPLACE FUNCTION chimera.standing_micros(key text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE split_part(key, ':', 1)
        WHEN 'agent' THEN CASE regexp_replace(key, '^.*\|', '')
            WHEN 'day' THEN 10000000 WHEN 'week' THEN 70000000 WHEN 'month' THEN 310000000
            WHEN 'posts-day' THEN chimera.posts_of_schedule(key) END
        WHEN 'campaign' THEN chimera.fleet_micros(key)
        WHEN 'category' THEN chimera.fleet_micros(key)
        WHEN 'recipient' THEN chimera.fleet_micros(key)
        WHEN 'account' THEN chimera.published_by_network(key)
    END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA chimera FROM PUBLIC;
