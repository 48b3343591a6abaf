"""People: passwords, sessions, throttles, and who may do what. No web framework and no database here."""
