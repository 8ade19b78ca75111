SELECT role, who, process, since_us, silent_us, slots FROM chimera.who_is_present();
