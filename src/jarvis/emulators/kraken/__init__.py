"""Kraken emulated: its wire, over the simulated exchange."""
