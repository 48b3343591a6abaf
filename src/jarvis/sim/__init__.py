"""One simulated margin exchange on a given clock, used by backtests and emulators. Pure.

`exchange` is the venue (orders, lots, margin), `market` where prices come from, `models` what trading costs,
`instruments` the rules of the pairs. Knows the domain only: no clock, no I/O, no randomness but from a seed.
"""
