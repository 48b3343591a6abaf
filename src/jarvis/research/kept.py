"""A verdict as it is kept: what was asked and answered, and what arming asks for."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from jarvis.backtest.venues import SETUPS
from jarvis.own import FOLDER
from jarvis.store.verdicts import KeptVerdict
from jarvis.trading.judged import Judgement, subject_of
from jarvis.trading.strategies import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from jarvis.domain.account import UserId
    from jarvis.research.checks import Verdict
    from jarvis.research.trial import Study


def identity_of(strategy: str, data_dir: Path | None) -> str:
    """What tells a strategy from every other: its name, and for one of a file of its own what that file says now."""
    if strategy in BUILT_IN or data_dir is None:
        return strategy
    path = data_dir / FOLDER / f"{strategy}.py"
    return f"{strategy}:{sha256(path.read_bytes()).hexdigest()}" if path.is_file() else f"{strategy}:gone"


def json_of(verdict: Verdict, study: Study) -> dict[str, Any]:
    """One verdict with all that was fixed when it was asked for, as JSON values."""
    since, until = study.span
    asked = {
        "values": dict(verdict.values),
        "tries": verdict.tries,
        "pairs": sorted(str(pair) for pair in study.candles),
        "venue": study.venue,
        "interval": int(study.interval.total_seconds()),
        "step": int(study.step.total_seconds()),
        "from": since.isoformat(),
        "until": until.isoformat(),
        "deposit": str(study.deposit),
    }
    return {**verdict.to_json(), "asked": asked}


def told_of(told: Mapping[str, Any], user_id: UserId, verdict_id: str, made_at: datetime, identity: str) -> KeptVerdict:
    """What `json_of` wrote, for keeping; `identity` is the strategy's when it was asked."""
    asked, findings = told["asked"], told["findings"]
    return KeptVerdict(
        judgement=Judgement(
            verdict_id=verdict_id,
            subject=subject_of(identity, asked["values"], timedelta(seconds=asked["interval"])),
            venue=SETUPS[asked["venue"]].catalogue,
            coins=frozenset(pair.partition("/")[0] for pair in asked["pairs"]),
            made_at=made_at,
            is_well=told["is_well"],
            against=tuple(each["title"] for each in findings if not each["is_well"]),
        ),
        user_id=user_id,
        strategy=told["strategy"],
        asked=asked,
        findings=findings,
    )


def details_of(kept: KeptVerdict) -> Mapping[str, str | bool]:
    """What the audit says of it."""
    return {"strategy": kept.strategy, "verdict": kept.judgement.verdict_id, "is_well": kept.judgement.is_well}
