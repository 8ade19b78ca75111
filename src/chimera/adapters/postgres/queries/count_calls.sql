SELECT o_window, o_ahead FROM chimera.count_calls($1, $2, $3, $4, $5);
