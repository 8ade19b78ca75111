-- All in one statement, so at one moment: each record as the array that records are read from.
SELECT asked.id, told.* FROM unnest($1::text::uuid[]) AS asked (id) CROSS JOIN LATERAL chimera.dossier(asked.id) AS told;
