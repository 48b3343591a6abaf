"""Commands about people: `user add|list|invite|reset|role|suspend|restore|sessions`, and the first account.

Whoever runs these is the operator at the machine: what they do is in the audit as done by "cli".
"""

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from jarvis.cli.wiring import CommandError, opened_store, run, say, settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jarvis.accounts.links import Links
    from jarvis.accounts.passwords import Passwords
    from jarvis.config import Settings
    from jarvis.domain.people import AuditEntry, Change, Person, Role
    from jarvis.store.db import Store

user = typer.Typer(help="People of this installation.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ACTOR = "cli"


def passwords_of(given: "Settings") -> "Passwords":
    """Hashes and checks, with the operator's list of breached passwords if there is one. Raises CommandError."""
    from jarvis.accounts.breached import BreachedListError, BreachedPasswords
    from jarvis.accounts.passwords import Passwords

    try:
        breached = None if given.breached_passwords_file is None else BreachedPasswords(given.breached_passwords_file)
    except BreachedListError as error:
        raise CommandError(str(error)) from error
    return Passwords(breached=breached)


def asked_password() -> str:
    """The password that is typed twice at a terminal, or the first line of what is piped in."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


async def add_person(given: "Settings", email: str, password: str, *, role: "Role") -> "Person":
    """The new person. Raises CommandError with what is wrong with the address or the password."""
    import secrets

    from jarvis.accounts.passwords import PasswordProblem
    from jarvis.accounts.people import EmailProblem, People
    from jarvis.accounts.sessions import Sessions
    from jarvis.accounts.throttle import SignInThrottle

    async with opened_store(given) as store:
        people = People(
            storage=store, passwords=passwords_of(given), sessions=Sessions(store), throttle=SignInThrottle(),
            new_id=lambda: secrets.token_hex(10),
        )  # fmt: skip
        added = await people.add(email, password, datetime.now(UTC), role=role, actor=ACTOR)
    if isinstance(added, EmailProblem | PasswordProblem):
        raise CommandError(added.value)
    if added is None:
        raise CommandError(f"{email} has an account already")
    return added


async def people_count(given: "Settings") -> int:
    """How many people there are."""
    async with opened_store(given) as store:
        return len(await store.people())


@user.command()
def add(
    email: str,
    *,
    role: Annotated[str, typer.Option(help="trader, viewer or operator.")] = "trader",
    operator: Annotated[bool, typer.Option("--operator", help="The same as --role operator.")] = False,
    as_json: Json = False,
) -> None:
    """Add a person; the password is asked for, or read from standard input when it is not a terminal."""
    wanted = _role("operator" if operator else role)
    given = settings()
    person = run(add_person(given, email, asked_password(), role=wanted))
    if as_json:
        say(json.dumps({"email": person.email, "role": person.role.value, "user": person.user_id}))
    else:
        say(f"{person.email} can sign in now")


@user.command(name="list")
def list_(*, as_json: Json = False) -> None:
    """List the people: role, second factor, sessions, and who is suspended."""

    async def read() -> list[dict[str, object]]:
        now = datetime.now(UTC)
        async with opened_store(settings()) as store:
            return [await _record(store, each, now) for each in await store.people()]

    people = run(read())
    if as_json:
        say(json.dumps(people))
    for each in [] if as_json else people:
        factors = each["factors"]
        second = ", ".join(factors) if isinstance(factors, list) and factors else "no second factor"
        suspended = "  SUSPENDED" if each["suspended"] else ""
        since = str(each["since"])[:10]
        say(f"{each['email']}  {each['role']}  since {since}  {second}  {each['sessions']} sessions{suspended}")


@user.command()
def invite(
    *,
    role: Annotated[str, typer.Option(help="trader, viewer or operator.")] = "trader",
    email: Annotated[str, typer.Option(help="Only for this address; left out: for whoever has the link.")] = "",
    as_json: Json = False,
) -> None:
    """Print a link, good once for a week, with which somebody opens an account."""
    from jarvis.accounts.people import EmailProblem

    wanted, given = _role(role), settings()

    async def make() -> tuple[str, datetime]:
        async with opened_store(given) as store:
            noted = _noted("link.made", details={"kind": "invitation", "role": wanted.value})
            made = await _links(store, given).invite(ACTOR, noted.at, role=wanted, email=email, noted=noted)
        if isinstance(made, EmailProblem):
            raise CommandError(made.value)
        return made.token, made.link.expires_at

    _print_link(given, *run(make()), as_json=as_json)


@user.command()
def reset(email: str, *, as_json: Json = False) -> None:
    """Print a link, good once for an hour, with which a person sets a new password. Their second factor stays."""
    given = settings()

    async def make() -> tuple[str, datetime]:
        async with opened_store(given) as store:
            person = await _person(store, email)
            noted = _noted("link.made", person, {"kind": "reset"})
            made = await _links(store, given).reset(person, ACTOR, noted.at, noted=noted)
            return made.token, made.link.expires_at

    _print_link(given, *run(make()), as_json=as_json)


@user.command()
def role(email: str, role: str, *, as_json: Json = False) -> None:
    """Give a person another role; it holds at once."""
    wanted = _role(role)

    async def change() -> "tuple[Person, Change]":
        async with opened_store(settings()) as store:
            person = await _person(store, email)
            noted = _noted("role.changed", person, {"from": person.role.value, "to": wanted.value})
            told = f"Your role was changed from {person.role.value} to {wanted.value} by the operator."
            return person, await store.set_role(person.user_id, wanted, noted=noted, told=told)

    _say_change(*run(change()), words=f"has the role {wanted.value} now", as_json=as_json)


@user.command()
def suspend(email: str, *, as_json: Json = False) -> None:
    """Keep a person out and end their sessions. Their trading goes on as they left it: see `jarvis trade pause`."""

    async def change() -> "tuple[Person, Change]":
        async with opened_store(settings()) as store:
            person = await _person(store, email)
            return person, await store.suspend(person.user_id, noted=_noted("person.suspended", person))

    _say_change(*run(change()), words="is suspended and signed out everywhere", as_json=as_json)


@user.command()
def restore(email: str, *, as_json: Json = False) -> None:
    """Let a suspended person in again."""

    async def change() -> "tuple[Person, Change]":
        async with opened_store(settings()) as store:
            person = await _person(store, email)
            noted = _noted("person.restored", person)
            return person, await store.restore(person.user_id, noted=noted, told="Your account is open again.")

    _say_change(*run(change()), words="can sign in again", as_json=as_json)


@user.command()
def sessions(
    email: str, *, end: Annotated[bool, typer.Option("--end", help="End them all.")] = False, as_json: Json = False
) -> None:
    """List a person's sessions, or end them all."""
    from jarvis.accounts.places import browser_family
    from jarvis.accounts.sessions import Sessions

    async def read() -> list[dict[str, object]]:
        async with opened_store(settings()) as store:
            person, now, found = await _person(store, email), datetime.now(UTC), Sessions(store)
            living = await found.of(person.user_id, now)
            if end:
                noted = _noted("session.ended", person, {"why": "ended by the operator", "sessions": len(living)})
                await found.end_all(person.user_id, noted=noted)
            return [
                {
                    "session": each.session_id, "method": each.method, "address": each.address,
                    "browser": browser_family(each.agent), "opened": each.opened_at.isoformat(),
                    "used": each.used_at.isoformat(), "ended": end,
                }
                for each in living
            ]  # fmt: skip

    found = run(read())
    if as_json:
        say(json.dumps(found))
        return
    for each in found:
        opened, used = str(each["opened"])[:16], str(each["used"])[:16]
        say(f"{each['method']}  {each['browser']}  {each['address']}  opened {opened}  used {used}")
    say(f"{len(found)} sessions{' ended' if end else ''}")


async def _record(store: "Store", person: "Person", now: datetime) -> dict[str, object]:
    from jarvis.accounts.sessions import Sessions

    factors = await store.factors(person.user_id)
    return {
        "email": person.email,
        "role": person.role.value,
        "since": person.created_at.isoformat(),
        "suspended": person.suspended_at is not None,
        "factors": sorted(factors.methods - {"recovery"}),
        "recovery_codes_left": factors.codes_left,
        "sessions": len(await Sessions(store).of(person.user_id, now)),
    }


def _role(text: str) -> "Role":
    from jarvis.domain.people import Role

    try:
        return Role(text.strip().lower())
    except ValueError:
        raise CommandError(f"{text} is no role: trader, viewer or operator") from None


async def _person(store: "Store", email: str) -> "Person":
    from jarvis.accounts.people import normalised_email

    person = await store.person_by_email(normalised_email(email) or "")
    if person is None:
        raise CommandError(f"nobody here has the address {email}; `jarvis user list` shows who is here")
    return person


def _noted(
    kind: str, person: "Person | None" = None, details: "Mapping[str, str | int | bool | None] | None" = None
) -> "AuditEntry":
    from jarvis.domain.people import AuditEntry

    return AuditEntry(kind, datetime.now(UTC), ACTOR, None if person is None else person.user_id, details=details or {})


def _links(store: "Store", given: "Settings") -> "Links":
    import secrets

    from jarvis.accounts.links import Links

    return Links(store, passwords_of(given), new_id=lambda: secrets.token_hex(10))


def _print_link(given: "Settings", token: str, expires_at: datetime, *, as_json: bool) -> None:
    """The address to hand over, by another way than the one that the person lost."""
    here = f"{'https' if given.is_secure else 'http'}://{given.web_host}:{given.web_port}"
    address = f"{next(iter(given.origins_typed), here)}/link/{token}"
    if as_json:
        say(json.dumps({"link": address, "expires": expires_at.isoformat()}))
    else:
        say(address)
        say(f"good once, until {expires_at:%Y-%m-%d %H:%M} UTC; hand it to nobody else")


def _say_change(person: "Person", change: "Change", *, words: str, as_json: bool) -> None:
    from jarvis.domain.people import Change

    if change in (Change.LAST_OPERATOR, Change.NO_SUCH_PERSON):
        raise CommandError(f"{person.email}: {change.value}")
    if as_json:
        say(json.dumps({"email": person.email, "changed": change is Change.DONE}))
    else:
        say(f"{person.email} {words}" if change is Change.DONE else f"{person.email}: {change.value}")
