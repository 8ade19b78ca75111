SELECT format('GRANT SELECT ON chimera.%I TO %I', $1::text, $2::text);
