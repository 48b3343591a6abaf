"""Market data: live feeds, signals computed once for all, recorded history."""
