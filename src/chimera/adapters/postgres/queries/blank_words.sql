SELECT kind, records FROM chimera.blank_words($1::text[]);
