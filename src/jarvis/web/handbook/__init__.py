"""The pages of `docs/`, shown and searched."""
