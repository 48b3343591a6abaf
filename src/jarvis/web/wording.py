"""The kinds of audit lines and notices in a person's words. A test holds this against every kind that the code says."""

from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    "account.armed": "Trading was armed",
    "account.disarmed": "Trading was disarmed",
    "account.flattened": "Everything was closed",
    "account.paused": "Trading was paused",
    "account.resumed": "Trading was resumed",
    "audit.missed": "A line is missing in the audit",
    "audit.sealed_anew": "The audit was sealed anew by an operator",
    "backup.made": "A backup was made",
    "entries.allowed": "Opening positions was allowed again",
    "entries.blocked": "Opening positions was blocked for the installation",
    "export.made": "The data was exported",
    "factor.added": "A sign-in factor was added",
    "factor.code_used": "A recovery code was used",
    "factor.codes_made": "Recovery codes were made",
    "factor.removed": "A sign-in factor was removed",
    "factor.renamed": "A passkey was renamed",
    "foreign.activity": "Somebody else acted on an account",
    "foreign.explained": "The owner said that it was them",
    "funds.arrived": "Money came in",
    "key.connected": "A venue key was connected",
    "key.disconnected": "A venue key was disconnected",
    "key.expired": "A venue key expired",
    "key.mended": "A venue key is right again",
    "key.replaced": "A venue key was replaced",
    "key.widened": "A venue key may do more than it should",
    "keys.rotated": "The master key was changed",
    "limits.changed": "The limits were changed",
    "link.made": "A link was made",
    "link.used": "A link was used",
    "notices.tested": "A test of the receivers",
    "password.changed": "The password was changed",
    "password.reset": "The password was reset",
    "person.added": "A person was added",
    "person.deleted": "A person was deleted",
    "person.deletion_asked": "Deletion of the account was asked for",
    "person.refused": "Signing up was refused",
    "person.restored": "A suspended person was let in again",
    "person.suspended": "A person was suspended",
    "place.new": "A sign-in from a new place",
    "restore.done": "A backup was restored",
    "role.changed": "A role was changed",
    "session.ended": "A session was ended",
    "session.opened": "A sign-in",
    "session.proved": "Who you are was confirmed again",
    "session.refused": "A sign-in was refused",
    "signer.refused": "The signer refused to sign",
    "target.added": "A receiver of notices was added",
    "target.removed": "A receiver of notices was removed",
    "token.ended": "An API token was ended",
    "token.made": "An API token was made",
    "viewing.ended": "Somebody may look at the accounts no more",
    "viewing.granted": "Somebody may look at the accounts",
}

_ACTORS = {
    "cli": "the operator at the machine",
    "worker": "Jarvis",
    "signer": "the signer",
    "nobody": "somebody who was not signed in",
}


def kind_words(kind: str) -> str:
    """What a kind means; one that has no words here is shown as it is."""
    return KINDS.get(kind) or kind.replace(".", " ").replace("_", " ").capitalize()


def actor_words(actor: str, user_id: str) -> str:
    """Who did it, as the person `user_id` reads it."""
    return "you" if actor == user_id else _ACTORS.get(actor, "somebody else")
