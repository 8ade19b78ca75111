SELECT chimera.leave_slot($1, $2);
