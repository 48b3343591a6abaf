"""Accounts trading at venues: the spine, reconciliation, guardian, worker."""
