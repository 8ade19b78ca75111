SELECT kind, id, body FROM chimera.sealed_bodies();
