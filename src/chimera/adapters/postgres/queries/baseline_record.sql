INSERT INTO baseline.hold (id, amount) VALUES ($1, $2);
