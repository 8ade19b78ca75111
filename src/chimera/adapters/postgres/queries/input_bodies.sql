SELECT body FROM chimera.input_bodies();
