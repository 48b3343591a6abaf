"""Word from and to Jarvis: the inbox, receivers of notices, and hooks for the alerts of charts."""
