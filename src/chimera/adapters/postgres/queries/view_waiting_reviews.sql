SELECT chimera.field_of(body, 'question', 'risk') AS risk, count(*) AS many
FROM chimera.review WHERE state IN ('open', 'asked') GROUP BY 1;
