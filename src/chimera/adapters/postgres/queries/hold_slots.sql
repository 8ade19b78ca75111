SELECT number, until_us FROM chimera.hold_slots($1, $2, $3, $4);
