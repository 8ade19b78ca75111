SELECT chimera.make_partitions($1);
