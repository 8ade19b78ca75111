-- All in one statement, so at one moment: each record as the array that records are read from.
SELECT * FROM chimera.dossier($1);
