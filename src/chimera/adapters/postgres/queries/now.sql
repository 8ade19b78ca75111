SELECT chimera.now_us();
