"""A person's own strategies: one file each in a folder, run apart from everything that is secret (decision 031)."""
