SELECT name, digest FROM chimera.migration ORDER BY name;
