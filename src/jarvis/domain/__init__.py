"""The words everyone uses: frozen records and pure functions over the standard library only."""
