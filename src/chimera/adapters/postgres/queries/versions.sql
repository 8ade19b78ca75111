SELECT id, version FROM chimera."{kind}";
