-- What has gone beyond its cap is found without passing every window of the day, once a second (ADR-213). Only late cost goes
-- beyond one: held and spent never do together (CHECK), nor does what is spent of allotments, which the window holds.
CREATE INDEX window_overrun
    ON chimera.window_of_budget ((split_part(id, '|', -2) || '|' || split_part(id, '|', -1)), id)
    WHERE overrun_micros > 0 OR cap_micros = 0;
