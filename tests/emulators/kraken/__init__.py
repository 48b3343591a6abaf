"""Tests of the emulated Kraken."""
