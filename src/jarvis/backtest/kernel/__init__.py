"""The fast backtest: the rules of the engine and of the simulated exchange over float arrays, compiled.

It gives the same fills as `backtest/runner.py` for a venue that keeps margin by lots; a property test holds the two
against each other. Everything that the venue counts in steps is a whole number here and exact in a float64 up to
2^53: quantities in lots, prices in ticks, money in cost steps. What is left to rounding errors is a bound of sizing or
a stop that lies within a millionth of a step of the next one.

A run ends with a status. `DONE` is a result. `BEYOND` says that something happened which only the exact runner knows
how to go on from: two different closings while the pair's bar is missing, a stop or target that was reached before it
rested, more fills in one entry than are kept apart. `FULL` says that the log was too small.
"""
