"""One simulated margin exchange on a given clock, used by backtests and emulators. Pure."""
