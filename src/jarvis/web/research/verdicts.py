"""Verdicts: whether to believe a strategy with the values that it is followed with, asked and answered in words.

The questions are asked by a process of their own, the command line's: it takes minutes, holds no secret, and can be
ended at any moment.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import cast

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from jarvis.accounts.people import Deed
from jarvis.domain.account import UserId
from jarvis.domain.money import plain
from jarvis.domain.people import AuditEntry
from jarvis.market.history import interval_name
from jarvis.research.kept import details_of, identity_of, told_of
from jarvis.store.records import Assignment, TradingAccount
from jarvis.store.verdicts import KeptVerdict
from jarvis.trading.judged import LASTS, Standing
from jarvis.trading.strategies import STRATEGIES
from jarvis.venues.catalog import VENUES
from jarvis.web.connecting.account import Said
from jarvis.web.context import Web
from jarvis.web.desk.positions import strategy_title
from jarvis.web.jobs import Job, NotDoneError, Work
from jarvis.web.people.jobs import long_action
from jarvis.web.research.candles import Recorded, finest, recorded
from jarvis.web.trading.arming import standings

_QUESTIONS = 7
_SAID = {"asked": Said("good", "Answered.", "The verdict is the first of the list.")}
_PASSED_ON = ("HOME", "LANG", "PATH", "XDG_CACHE_HOME")
"""With the data folder, all that the process knows of ours: no address and no secret."""


@dataclass(frozen=True, slots=True)
class Line:
    """One strategy that an account follows, how it stands, and what it can be asked on."""

    account: TradingAccount
    venue: str
    followed: Assignment
    title: str
    standing: Standing
    candles: Recorded | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A verdict in a list."""

    verdict_id: str
    title: str
    is_well: bool
    made_at: datetime
    coins: str
    venue: str
    against: tuple[str, ...]


def router(web: Web) -> APIRouter:
    """The routes of verdicts."""
    routes = APIRouter(prefix="/research/verdicts")

    @routes.get("")
    async def verdicts_page(request: Request) -> Response:
        return await _page(web, request)

    @routes.get("/{verdict_id}")
    async def verdict_page(request: Request, verdict_id: str) -> Response:
        person = await web.person(request)
        kept = await web.store.verdict(person.user_id, verdict_id)
        if kept is None:
            raise HTTPException(404)
        asked = kept.asked
        values = {
            "here": "research",
            "verdict": _listed(kept),
            "findings": kept.findings,
            "values": _labelled(kept),
            "asked": asked,
            "since": datetime.fromisoformat(asked["from"]),
            "until": datetime.fromisoformat(asked["until"]),
            "interval": timedelta(seconds=int(asked["interval"])),
            "wears_out": kept.judgement.made_at + LASTS,
            "is_old": web.now() - kept.judgement.made_at > LASTS,
        }
        return await web.page(request, "research/verdict.html", values)

    @routes.post("")
    async def ask(request: Request) -> Response:
        form = await web.form(request)
        account = await web.account(request, form.text("account"), Deed.TRADE)
        wanted = form.text("pair")
        line = next((each for each in account.assignments if str(each.pair) == wanted), None)
        if line is None:
            return await _page(web, request, "This account follows no strategy on that pair any more.", 422)
        candles = finest(recorded(web.settings.data_dir), str(line.pair.base), line.interval)
        if candles is None:
            return await _page(web, request, f"There are no recorded candles of {line.pair.base} to ask on.", 422)
        person = await web.person(request)
        title = f"Seven questions to {strategy_title(line.strategy)} on {line.pair}"
        work = _asking(web, person.user_id, account, line, candles)
        return await long_action(
            web, request, person, key=f"verdict {account.account_id} {line.pair}", title=title,
            back="/research/verdicts?said=asked", work=work,
        )  # fmt: skip

    return routes


def _asking(web: Web, user_id: UserId, account: TradingAccount, line: Assignment, candles: Recorded) -> Work:
    """The long action that asks, and keeps what was answered."""

    async def work(job: Job) -> None:
        job.begin("Reading the candles, and asking", _QUESTIONS + 1, "questions")
        identity = identity_of(line.strategy, web.settings.data_dir)
        process = await asyncio.create_subprocess_exec(
            *command_of(line, str(account.venue), candles),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=_environment(web),
        )  # fmt: skip
        told_by, steps = cast("asyncio.StreamReader", process.stdout), cast("asyncio.StreamReader", process.stderr)
        answered = asyncio.create_task(told_by.read())
        last = ""
        try:
            async for raw in steps:
                last = raw.decode(errors="replace").strip()
                if last.startswith("asked: "):
                    job.words = last.removeprefix("asked: ")
                    job.went(1)
                else:
                    job.check()
            told = await answered
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            answered.cancel()
        if not told:
            raise NotDoneError(last or "the questions were not answered; ask again")
        kept = told_of(json.loads(told), user_id, job.job_id, web.now(), identity)
        await web.store.keep_verdict(
            kept, AuditEntry("verdict.kept", web.now(), str(user_id), user_id, account.account_id, details_of(kept))
        )

    return work


def command_of(line: Assignment, venue: str, candles: Recorded) -> Sequence[str]:
    """The command line that asks about what an account follows."""
    values = [f"{name}={plain(each) if isinstance(each, Decimal) else each}" for name, each in line.values.items()]
    return [
        sys.executable, "-m", "jarvis", "verdict", f"{candles.coin}/USD={candles.folder}",
        "--strategy", line.strategy, "--interval", interval_name(line.interval), "--venue", venue, "--json",
        *(part for value in values for part in ("--parameter", value)),
    ]  # fmt: skip


def _environment(web: Web) -> Mapping[str, str]:
    known = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**known, "JARVIS_DATA_DIR": str(web.settings.data_dir)}


async def _page(web: Web, request: Request, error: str = "", status: int = 200) -> Response:
    person = await web.person(request)
    datasets = recorded(web.settings.data_dir)
    lines = []
    for account in await web.store.accounts_of(person.user_id):
        if account.is_connected:
            for followed, standing in zip(
                account.assignments, await standings(web, account, account.assignments), strict=True
            ):
                candles = finest(datasets, str(followed.pair.base), followed.interval)
                title = strategy_title(followed.strategy)
                lines.append(Line(account, VENUES[account.venue].title, followed, title, standing, candles))
    values = {
        "here": "research",
        "said": _SAID.get(request.query_params.get("said", "")),
        "error": error,
        "lines": lines,
        "verdicts": [_listed(each) for each in await web.store.verdicts_of(person.user_id)],
    }
    return await web.page(request, "research/verdicts.html", values, status)


def _listed(kept: KeptVerdict) -> Listed:
    judged = kept.judgement
    return Listed(
        judged.verdict_id,
        strategy_title(kept.strategy),
        judged.is_well,
        judged.made_at,
        ", ".join(sorted(judged.coins)),
        next((each.title for name, each in VENUES.items() if str(name) == judged.venue), judged.venue),
        judged.against,
    )


def _labelled(kept: KeptVerdict) -> list[tuple[str, str, str]]:
    """(label, value, unit) of each parameter, as the strategy's form has them; by name if it is gone."""
    strategy = STRATEGIES.get(kept.strategy)
    known = {each.name: each for each in strategy.parameters} if strategy else {}
    return [
        (known[name].label, value, known[name].unit) if name in known else (name, value, "")
        for name, value in kept.asked["values"].items()
    ]
