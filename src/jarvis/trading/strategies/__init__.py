"""The strategies that come with Jarvis, by name."""
