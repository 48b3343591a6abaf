"""The kinds of audit lines and notices in a person's words. A test holds this against every kind that the code says."""

from jarvis.notify.titles import KINDS, kind_words

__all__ = ["KINDS", "actor_words", "kind_words"]

_ACTORS = {
    "cli": "the operator at the machine",
    "worker": "Jarvis",
    "signer": "the signer",
    "nobody": "somebody who was not signed in",
}


def actor_words(actor: str, user_id: str) -> str:
    """Who did it, as the person `user_id` reads it."""
    return "you" if actor == user_id else _ACTORS.get(actor, "somebody else")
