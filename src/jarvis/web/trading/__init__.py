"""What an account is to trade: strategies and limits, and what its owner does by hand."""
