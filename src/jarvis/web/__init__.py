"""The pages that a person sees, and their security."""
