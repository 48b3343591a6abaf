"""What a person may ask of a running account: pause, resume, flatten. Pause and flatten never wait for an audit."""

from typing import Annotated

from fastapi import Path, Request
from pydantic import Field
from starlette.exceptions import HTTPException

from jarvis.domain.instrument import Pair
from jarvis.domain.people import Scope
from jarvis.store.queues import HANDED_OVER
from jarvis.store.records import AccountState, CommandKind
from jarvis.web.api.accounts import Known
from jarvis.web.api.callers import Caller, noted, own
from jarvis.web.api.door import Door, PairChoice
from jarvis.web.api.problems import Told
from jarvis.web.api.records import AccountIdText, Record, text
from jarvis.web.connecting.account import pairs_of

TAG = "commands"


class Asked(Record):
    """The account's trader was asked; the command says when it has happened."""

    asked: Annotated[str, text("What.", "pause")]
    command_id: Annotated[int, Field(examples=[118])]


class Disarmed(Record):
    """The account as it is now."""

    account_id: AccountIdText
    state: Annotated[str, text("What it may do.", "disarmed")]


class CommandNow(Record):
    """What became of a command. `result` is empty while it waits."""

    command_id: Annotated[int, Field(examples=[118])]
    is_finished: Annotated[bool, Field(examples=[True])]
    result: Annotated[str, text("In the trader's words.", "done")]


def register(door: Door) -> None:
    """Add the operations of this module."""
    web = door.web
    known = Annotated[Caller, door.caller]

    @door.add("POST", "/accounts/{account_id}/pause", TAG, Scope.EXITS, status=202)
    async def pause(request: Request, caller: known, account_id: Known) -> Asked:
        """Open nothing more; what is open stays protected."""
        return await _exit(request, caller, account_id, CommandKind.PAUSE, "account.paused", None)

    @door.add("POST", "/accounts/{account_id}/flatten", TAG, Scope.EXITS, status=202, also=(409,))
    async def flatten(request: Request, caller: known, account_id: Known, pair: PairChoice = None) -> Asked:
        """Close at market, cancel our orders there, and pause.

        With `pair` only that pair is closed; the account is paused all the same.
        """
        return await _exit(request, caller, account_id, CommandKind.FLATTEN, "account.flattened", pair)

    @door.add("POST", "/accounts/{account_id}/resume", TAG, Scope.RESUME, status=202)
    async def resume(request: Request, caller: known, account_id: Known) -> Asked:
        """Lift a pause: strategies may open positions again."""
        found = await own(web, caller, account_id)
        # What lets risk in again happens with its line in the audit, or not at all.
        await web.store.note(noted(web, request, caller, "account.resumed", found.account_id))
        asked = await web.store.enqueue_command(found.owner_id, found.account_id, CommandKind.RESUME, at=web.now())
        return asked_of(CommandKind.RESUME.value, asked)

    @door.add("POST", "/accounts/{account_id}/disarm", TAG, Scope.EXITS)
    async def disarm(request: Request, caller: known, account_id: Known) -> Disarmed:
        """Trade no more until a person arms it on the pages; what is open stays protected."""
        found = await own(web, caller, account_id)
        await web.store.set_account_state(found.account_id, AccountState.DISARMED, "", web.now())
        await web.store.note_if_possible(noted(web, request, caller, "account.disarmed", found.account_id))
        return Disarmed(account_id=found.account_id, state=AccountState.DISARMED.value)

    @door.get("/commands/{command_id}", TAG)
    async def command(
        caller: known,
        command_id: Annotated[
            int, Path(ge=1, lt=2**62, description="As it was told when it was asked.", examples=[118])
        ],
    ) -> CommandNow:
        """What became of a command of yours."""
        result = await web.store.command_result(caller.person.user_id, command_id)
        if result is None:
            raise HTTPException(404)
        said = "" if result == HANDED_OVER else result
        return CommandNow(command_id=command_id, is_finished=bool(said), result=said)

    async def _exit(
        request: Request, caller: Caller, account_id: str, kind: CommandKind, said: str, pair: str | None
    ) -> Asked:
        found = await own(web, caller, account_id)
        chosen: Pair | None = None
        if pair is not None:
            chosen = next((each for each in pairs_of(found) if str(each) == pair), None)
            if chosen is None:
                raise Told(409, "The account does not trade that pair.")
        asked = await web.store.enqueue_command(found.owner_id, found.account_id, kind, at=web.now(), pair=chosen)
        await web.store.note_if_possible(noted(web, request, caller, said, found.account_id, pair=pair))
        return asked_of(kind.value, asked)


def asked_of(what: str, command_id: int | None) -> Asked:
    """The answer to what was asked. Raises HTTPException 404 where the account has gone meanwhile."""
    if command_id is None:
        raise HTTPException(404)
    return Asked(asked=what, command_id=command_id)
