"""People: passwords, sessions, and who may do what."""
