"""Bybit: the adapter, piece by piece."""
