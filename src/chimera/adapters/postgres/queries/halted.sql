SELECT DISTINCT scope FROM chimera.halt WHERE state = 'active';
