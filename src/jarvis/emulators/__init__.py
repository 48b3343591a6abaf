"""The venues' own wire over the simulated exchange, written without reading the adapters."""
