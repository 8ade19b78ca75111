SELECT chimera.slot_holders();
