"""People and how they come in: doors, factors, proofs, sessions, tokens, who may look, what is kept of them."""
