"""Pages of research: what was asked about strategies, and what came of it."""
