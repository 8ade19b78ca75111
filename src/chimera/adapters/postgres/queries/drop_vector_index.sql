SELECT chimera.drop_vector_index();
