"""The live engine against the simulated exchange."""
