"""What was: orders, positions and their stories, the ledger, statements, results and taxes."""
