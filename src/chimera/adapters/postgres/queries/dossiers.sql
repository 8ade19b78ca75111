-- All in one statement, so at one moment: each record as the columns that records are read from.
SELECT * FROM chimera.dossiers($1::text::uuid[]);
