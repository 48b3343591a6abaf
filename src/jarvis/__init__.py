"""Jarvis trades crypto spot margin on its users' own exchange accounts."""

__version__ = "0.1.0"
