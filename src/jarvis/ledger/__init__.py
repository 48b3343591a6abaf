"""What happened, in double entry. Pure: no clock, no I/O."""
