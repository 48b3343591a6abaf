"""What a person must have before their trading may be armed."""

from datetime import datetime

from jarvis.domain.people import Factors, Person, Role


def obstacle_to_arming(person: Person, factors: Factors, now: datetime) -> str:
    """Why this person may not arm now, as a sentence; empty if they may."""
    if person.role is Role.VIEWER:
        return "A viewer only looks; trading belongs to the account's owner."
    if not person.is_active:
        return "This account of Jarvis is suspended."
    if not factors.any:
        return "Add a passkey or an authenticator app first: trading is armed only with a second factor."
    held = person.arming_held_until
    if held is not None and now < held:
        return f"The password was reset: arming is held until {held:%Y-%m-%d %H:%M} UTC. Open positions stay protected."
    return ""
