"""OKX's adapter: its readers, its requests, its streams, and its verbs."""
