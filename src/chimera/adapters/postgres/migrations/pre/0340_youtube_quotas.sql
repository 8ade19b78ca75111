-- What YouTube publishes has changed: 100 uploads of an app, and 10,000 units for the rest (domain/quotas.py).

CREATE OR REPLACE FUNCTION chimera.published_by_network(key text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE split_part(substr(key, length('account:') + 1), '/', 1) || regexp_replace(key, '^.*\|', '|')
        WHEN 'bluesky|posts-hour' THEN 1666 WHEN 'bluesky|posts-day' THEN 11666
        WHEN 'mastodon|posts-hour' THEN 300 WHEN 'mastodon|calls-hour' THEN 3600
        WHEN 'nostr|posts-hour' THEN 300 WHEN 'threads|posts-day' THEN 250
        WHEN 'x|posts-hour' THEN 100 WHEN 'x|posts-day' THEN 2400
        WHEN 'instagram|posts-day' THEN 100
        WHEN 'youtube|posts-day' THEN 100 WHEN 'youtube|calls-day' THEN 150 END
$$;
