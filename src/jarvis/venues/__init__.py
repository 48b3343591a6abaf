"""Talking to the venues: one file each, behind one protocol. Only `session` does I/O."""
