"""What to do: strategies, sizing, limits, exits and the engine. No clock, no I/O, no database."""
