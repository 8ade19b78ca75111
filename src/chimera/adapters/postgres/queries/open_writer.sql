SELECT writer, epoch, session, seq, hash FROM chimera.open_writer($1, $2);
