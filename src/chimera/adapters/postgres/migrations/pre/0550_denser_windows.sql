-- Four fifths of each page of windows were left free for what moves them. A version takes a fiftieth of a page, and goes as soon
-- as the next one needs its place: a third will do, and three times as many windows lie on pages that are in memory anyway
-- (ADR-237). Pages that stand stay as they are.
ALTER TABLE chimera.window_of_budget SET (fillfactor = 70);
