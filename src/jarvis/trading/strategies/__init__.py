"""One strategy a file; `STRATEGIES` names them all."""
