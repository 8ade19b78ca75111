SELECT role, who, process, about, since_us, silent_us, has_left, needs_workers, slots FROM chimera.who_is_present();
