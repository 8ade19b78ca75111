SELECT batch, fault_changes, fault_codes, fault_details FROM chimera.answer WHERE writer = $1 AND epoch = $2;
