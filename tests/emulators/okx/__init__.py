"""Tests of the emulated OKX."""
