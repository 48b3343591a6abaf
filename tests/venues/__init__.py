"""Talking to venues."""
