-- When the newest booking was made; 0 where there is none.
SELECT coalesce((SELECT b.at_us FROM chimera.booking b ORDER BY b.id DESC LIMIT 1), 0) AS at_us;
