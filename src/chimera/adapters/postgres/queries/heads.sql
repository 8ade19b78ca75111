SELECT writer, epoch, seq, hash FROM chimera.head ORDER BY writer;
