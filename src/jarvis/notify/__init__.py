"""What people are told besides the page: which notices, when, in which words, and over which channels.

`kinds`, `quiet` and `words` are pure; `channels` says what a person types to be reached; `webhook` posts to addresses
that people type and never reaches into a network, `senders` reaches the services whose addresses are fixed.
"""

from jarvis.notify.webhook import AddressRefused, DeliveryFailed, GuardedPost, WebAddress, is_public

__all__ = ["AddressRefused", "DeliveryFailed", "GuardedPost", "WebAddress", "is_public"]
