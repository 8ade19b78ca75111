SELECT week, records, kept_for FROM chimera.drop_weeks($1, $2);
