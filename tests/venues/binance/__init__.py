"""Binance's adapter over prepared answers, against another client, and over its emulator."""
