"""The only process that can read a secret."""
