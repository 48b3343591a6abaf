"""What Jarvis costs, as ratios: against a peer that does the same work, or against a limit, in one run."""
