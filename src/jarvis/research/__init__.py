"""Whether a strategy would have made money, and whether to believe it: trials, checks and searches."""
