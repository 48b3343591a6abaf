"""What happened, in double entry. Pure."""
