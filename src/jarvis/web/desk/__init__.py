"""What is held now: the desk of one account and over everything, its charts, and the stream that keeps it fresh."""
