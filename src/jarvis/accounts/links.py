"""Links that are handed over outside of Jarvis: invitations, and resets of a forgotten password. Good once."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from jarvis.accounts.passwords import PasswordProblem, Passwords, PasswordsBusy
from jarvis.accounts.people import EmailProblem, TryLater, normalised_email
from jarvis.accounts.sessions import hash_of, new_token
from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry, Link, LinkKind, Person, Role, Viewing

INVITATION_LASTS = timedelta(days=7)
RESET_LASTS = timedelta(hours=1)
ARMING_HELD_FOR = timedelta(hours=24)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class LinkStorage(Protocol):
    """What keeps links and viewings. A link is used in the transaction of what it does."""

    async def person(self, user_id: UserId) -> Person | None:
        """The person with this id."""
        ...

    async def add_link(self, link: Link, *, noted: AuditEntry) -> None:
        """Keep a new link. A new reset ends the person's earlier ones."""
        ...

    async def link(self, token_hash: bytes) -> Link | None:
        """The link with this hash, good or not."""
        ...

    async def links_by(self, made_by: str) -> list[Link]:
        """What somebody has handed out, the newest first."""
        ...

    async def end_link(self, made_by: str, token_hash: bytes) -> bool:
        """Take an unused link back; False if it is not theirs, or used."""
        ...

    async def use_invitation(self, link: Link, person: Person, *, noted: AuditEntry, told: str) -> bool:
        """Let a new person in. False if the link is not good, or the address is taken: then it stays good."""
        ...

    async def use_invitation_to_view(self, link: Link, viewer_id: UserId, *, noted: AuditEntry, told: str) -> bool:
        """Let a person who is here already look at the inviter's accounts; False if the link is not good."""
        ...

    async def use_reset(
        self, link: Link, password_hash: str, *, arming_held_until: datetime, noted: AuditEntry, told: str
    ) -> bool:
        """Give the link's person a new password, end all their sessions, hold arming; False if it is not good."""
        ...

    async def viewings_of(self, user_id: UserId) -> list[Viewing]:
        """All viewings that a person has granted or was granted, in the order in which they were."""
        ...

    async def grant_viewing(self, owner_id: UserId, viewer_email: str, *, noted: AuditEntry) -> bool:
        """Let the viewer of this address look at the owner's accounts; False if there is none, or they do already."""
        ...

    async def end_viewing(self, viewer_id: UserId, owner_id: UserId, *, noted: AuditEntry) -> bool:
        """End what was granted, whoever of the two asks; False if nothing was."""
        ...


class LinkProblem(Enum):
    """Why a link did nothing, in words for the person."""

    NOT_GOOD = "This link was used already, has run out, or was never one. Ask for a new one."
    NOT_YOURS = "This invitation is for another e-mail address."
    ADDRESS = "This address cannot be used. If you have an account here, sign in and open the link again."


@dataclass(frozen=True, slots=True)
class MadeLink:
    """A new link. `token` is handed over now and never shown again."""

    link: Link
    token: str = field(repr=False)


class Links:
    """Makes and uses links, and grants and ends viewings. `new_id` makes user ids."""

    def __init__(
        self,
        storage: LinkStorage,
        passwords: Passwords,
        *,
        new_id: Callable[[], str],
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._storage = storage
        self._passwords = passwords
        self._new_id = new_id
        self._entropy = entropy

    async def invite(
        self,
        made_by: str,
        now: datetime,
        *,
        role: Role,
        noted: AuditEntry,
        email: str = "",
        views: UserId | None = None,
    ) -> MadeLink | EmailProblem:
        """An invitation for a week; with an `email` it is for that address only, with `views` it lets look there."""
        address = normalised_email(email) if email.strip() else ""
        if address is None:
            return EmailProblem.MALFORMED
        token = new_token(self._entropy)
        link = Link(
            hash_of(token), LinkKind.INVITATION, made_by, now, now + INVITATION_LASTS,
            role=role, views=views, email=address,
        )  # fmt: skip
        await self._storage.add_link(link, noted=noted)
        return MadeLink(link, token)

    async def reset(self, person: Person, made_by: str, now: datetime, *, noted: AuditEntry) -> MadeLink:
        """A link for an hour with which this person sets a new password; earlier ones are worth nothing."""
        token = new_token(self._entropy)
        link = Link(hash_of(token), LinkKind.RESET, made_by, now, now + RESET_LASTS, user_id=person.user_id)
        await self._storage.add_link(link, noted=noted)
        return MadeLink(link, token)

    async def find(self, token: str, now: datetime) -> Link | None:
        """The link of this token, if it is good still; it is not used by that."""
        if _TOKEN.fullmatch(token) is None:
            return None
        link = await self._storage.link(hash_of(token))
        is_good = link is not None and link.used_at is None and now < link.expires_at
        return link if is_good else None

    async def by(self, made_by: str) -> list[Link]:
        """What somebody has handed out, the newest first."""
        return await self._storage.links_by(made_by)

    async def take_back(self, made_by: str, token_hash: bytes) -> bool:
        """End an unused link of theirs; False if there is none such."""
        return await self._storage.end_link(made_by, token_hash)

    async def accept(
        self, token: str, email: str, password: str, now: datetime, *, address: str
    ) -> Person | EmailProblem | PasswordProblem | LinkProblem | TryLater:
        """The new person whom an invitation let in; they sign in next. `address` is a network address."""
        link = await self.find(token, now)
        if link is None or link.kind is not LinkKind.INVITATION or link.role is None:
            return LinkProblem.NOT_GOOD
        email_address = normalised_email(email)
        if email_address is None:
            return EmailProblem.MALFORMED
        if link.email and link.email != email_address:
            return LinkProblem.NOT_YOURS
        made = await self._made(password, email_address)
        if not isinstance(made, str):
            return made
        person = Person(UserId(self._new_id()), email_address, made, link.role, now)
        details = {"kind": link.kind.value, "role": link.role.value, "made_by": link.made_by, "address": address[:64]}
        noted = AuditEntry("link.used", now, person.user_id, person.user_id, details=details)
        told = f"{email_address} accepted your invitation and may look at your accounts now."
        if await self._storage.use_invitation(link, person, noted=noted, told=told):
            return person
        return LinkProblem.ADDRESS if await self.find(token, now) else LinkProblem.NOT_GOOD

    async def accept_viewing(
        self, token: str, person: Person, now: datetime, *, noted: AuditEntry
    ) -> LinkProblem | None:
        """Let somebody who is signed in already look at the inviter's accounts; None if that is done."""
        link = await self.find(token, now)
        if link is None or link.views is None:
            return LinkProblem.NOT_GOOD
        if link.email and link.email != person.email:
            return LinkProblem.NOT_YOURS
        told = f"{person.email} accepted your invitation and may look at your accounts now."
        is_used = await self._storage.use_invitation_to_view(link, person.user_id, noted=noted, told=told)
        return None if is_used else LinkProblem.NOT_GOOD

    async def use_reset(
        self, token: str, password: str, now: datetime, *, address: str
    ) -> Person | PasswordProblem | LinkProblem | TryLater:
        """Set a new password: all sessions end, the second factor stays, arming is held for a day."""
        link = await self.find(token, now)
        person = None if link is None or link.user_id is None else await self._storage.person(link.user_id)
        if link is None or person is None or link.kind is not LinkKind.RESET:
            return LinkProblem.NOT_GOOD
        made = await self._made(password, person.email)
        if not isinstance(made, str):
            return made
        details = {"made_by": link.made_by, "address": address[:64]}
        noted = AuditEntry("password.reset", now, person.user_id, person.user_id, details=details)
        until = now + ARMING_HELD_FOR
        told = (
            "Your password was reset with a link and all sessions were ended. "
            f"Arming is held until {until:%Y-%m-%d %H:%M} UTC."
        )
        is_used = await self._storage.use_reset(link, made, arming_held_until=until, noted=noted, told=told)
        return person if is_used else LinkProblem.NOT_GOOD

    async def viewings_of(self, user_id: UserId) -> list[Viewing]:
        """All viewings that a person has granted or was granted."""
        return await self._storage.viewings_of(user_id)

    async def share_with(self, owner: Person, email: str, *, noted: AuditEntry) -> bool:
        """Let a viewer who is here already look at the owner's accounts; False if no viewer has this address."""
        address = normalised_email(email)
        return address is not None and await self._storage.grant_viewing(owner.user_id, address, noted=noted)

    async def end_viewing(self, viewer_id: UserId, owner_id: UserId, *, noted: AuditEntry) -> bool:
        """End a viewing, whoever of the two asks; False if there is none."""
        return await self._storage.end_viewing(viewer_id, owner_id, noted=noted)

    async def _made(self, password: str, email: str) -> str | PasswordProblem | TryLater:
        try:
            return await self._passwords.make(password, context=(email,))
        except PasswordsBusy as busy:
            return TryLater(busy.seconds)


def may_invite(person: Person, role: Role, views: UserId | None) -> bool:
    """Whether a person may make such an invitation: an operator any, a trader viewers of their own accounts."""
    if views not in (None, person.user_id):
        return False
    return person.role is Role.OPERATOR or (
        person.role is Role.TRADER and role is Role.VIEWER and views == person.user_id
    )
