"""An own strategy is asked in a process that is shut in; whatever its file does, whoever asks goes on."""

import json
import os
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from jarvis.cli import app
from jarvis.cli.market import strategy_of
from jarvis.cli.wiring import CommandError
from jarvis.domain.instrument import Pair
from jarvis.own.files import load
from jarvis.own.hosted import HostedStrategy, adopt
from jarvis.trading.strategies import BUILT_IN, STRATEGIES, why_missing
from jarvis.trading.strategy import BarArrays, StrategyFailedError, resolve
from jarvis.trading.universe import NINE, looks_at, seen_on

from .test_files import WARM, written

BTC = Pair.parse("BTC/USD")


def columns(rows: int, seed: int) -> BarArrays:
    close = 100 + np.cumsum(np.random.default_rng(seed).normal(0, 0.5, rows))
    opened_at = np.arange(rows, dtype=np.int64) * 3600
    return BarArrays(opened_at, close, close + 1, close - 1, close, np.ones(rows))


def test_it_says_the_same_as_the_file_itself(tmp_path: Path) -> None:
    path = written(tmp_path)
    bars = columns(400, 3)

    with closing(HostedStrategy(path)) as hosted:
        direct = load(path)
        values = resolve(hosted, {"bars": 20, "target_share": "0.25"})
        one, two = hosted.compute(bars, values), direct.compute(bars, values)

        assert values == resolve(direct, {"bars": 20, "target_share": "0.25"})
        assert hosted.parameters == direct.parameters
        assert hosted.warm_up(values) == 20
        assert looks_at(hosted, values, BTC) == ()
        assert one.target.tolist() == two.target.tolist()
        assert np.array_equal(one.stop_distance, two.stop_distance, equal_nan=True)
        assert [rung.share for rung in one.take_profits] == [rung.share for rung in two.take_profits]
        assert np.array_equal(one.take_profits[1].distance, two.take_profits[1].distance, equal_nan=True)
        assert (one.trailing, one.time_stop) == (two.trailing, two.time_stop)
        assert hosted.lines(bars, values)[0].name == "Average"
        with pytest.raises(ValueError, match="second target must be farther"):
            resolve(hosted, {"second_target_atr": 1})


SEES = (
    '        average = simple_moving_average(bars.close, protection.bars_of(values, "bars"))\n        # A',
    "        average = np.mean([each.bars.close for each in bars.others.values()], axis=0)\n        # A",
)
UNIVERSE = (
    "    def objection(",
    '    def universe(self, pair, values):\n        return ("ETH", "SOL")\n\n    def objection(',
)


def test_it_sees_other_pairs_too(tmp_path: Path) -> None:
    path = written(tmp_path, SEES, UNIVERSE)
    candles = {Pair(base, BTC.quote): columns(400, rank) for rank, base in enumerate(NINE)}

    with closing(HostedStrategy(path)) as hosted:
        values = resolve(hosted, {})
        bars = seen_on(hosted, values, BTC, candles)

        assert looks_at(hosted, values, BTC) == ("ETH", "SOL")
        assert hosted.compute(bars, values).target.tolist() == load(path).compute(bars, values).target.tolist()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("while True: pass", "mine.py: it took longer than 0.5 s to answer"),
        ("import os; os._exit(3)", "mine.py: it ended the process that it runs in"),
        ("raise SystemExit", "mine.py, line 47: SystemExit: without a word"),
        ("return Plan(target + 7, bars.close)", "`target` must have one row per bar, of -1, 0 and 1"),
        ("print('hello' * 100_000); 1 / 0", "mine.py, line 47: ZeroDivisionError"),
    ],
)
def test_whatever_a_file_does_is_a_line_in_words_and_the_next_question_is_asked_anew(
    tmp_path: Path, code: str, words: str
) -> None:
    with closing(HostedStrategy(written(tmp_path, (WARM, f"{WARM}        {code}\n")), answer_seconds=0.5)) as hosted:
        with pytest.raises(StrategyFailedError) as failed:
            hosted.compute(columns(60, 1), resolve(hosted, {}))

        assert words in str(failed.value)
        hosted._answer_seconds = 30.0
        assert hosted.warm_up(resolve(hosted, {})) == 50


TRIES = """
import os, socket, subprocess
def tried(deed):
    try:
        return str(deed())
    except OSError as error:
        return "refused"
    except BaseException as error:
        return type(error).__name__
TOLD = ", ".join(tried(deed) for deed in (
    lambda: open({secret!r}).read(),
    lambda: os.listdir({folder!r}),
    lambda: open({folder!r} + "/new", "w").write("x"),
    lambda: socket.socket(),
    lambda: subprocess.run(["true"]),
    lambda: os.fork(),
    lambda: os.kill({parent}, 0),
    lambda: open("/proc/{parent}/environ").read(),
    lambda: sorted(os.environ),
))

class Mine:"""


def test_it_is_shut_in_and_handed_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JARVIS_SMTP_PASSWORD", "secret")
    secret = tmp_path / "master.key"
    secret.write_text("jarvis-master-key-1")
    tries = TRIES.format(secret=str(secret), folder=str(tmp_path), parent=os.getpid())
    path = written(
        tmp_path, ("\nclass Mine:", tries), ('"Long while the price is above its average of the last bars."', "TOLD")
    )

    with closing(HostedStrategy(path)) as hosted:
        if not hosted.is_fenced:
            pytest.skip("this kernel cannot shut a process in")

        assert hosted.description == (
            "refused, refused, refused, refused, refused, refused, refused, refused, "
            "['LANG', 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'PATH']"
        )


def test_a_folder_is_adopted_and_a_broken_file_keeps_nobody_else_out(tmp_path: Path) -> None:
    written(tmp_path)
    written(tmp_path, ("class Yours:", "class Yours"), name="yours")

    refused = adopt(tmp_path)

    assert list(STRATEGIES) == [*BUILT_IN, "mine"]
    assert STRATEGIES["mine"].warm_up(resolve(STRATEGIES["mine"], {})) == 50
    assert refused == {"yours": "yours.py, line 17: expected ':'"}
    assert why_missing("yours") == "Its file cannot be used: yours.py, line 17: expected ':'."
    assert "jarvis_own_mine" not in sys.modules, "it does not run here"
    adopt(tmp_path / "nowhere")
    assert list(STRATEGIES) == list(BUILT_IN)


def test_files_that_hang_keep_nobody_waiting_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jarvis.own.hosted.START_SECONDS", 1.0)
    names = ("first", "second", "third", "fourth")
    for name in names:
        (tmp_path / f"{name}.py").write_text("while True:\n    pass\n")

    refused = adopt(tmp_path)

    assert refused == {name: f"{name}.py: it took longer than 1 s to answer" for name in names}
    assert list(STRATEGIES) == list(BUILT_IN)


def test_one_is_begun_listed_checked_and_tried_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JARVIS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("JARVIS_MASTER_KEY_FILE", str(tmp_path.parent / "elsewhere" / "master.key"))
    runner = CliRunner()

    begun = runner.invoke(app, ["strategy", "new", "mine"])
    again = runner.invoke(app, ["strategy", "new", "mine"])
    good = runner.invoke(app, ["strategy", "check", "mine"])
    path = tmp_path / "strategies" / "mine.py"
    path.write_text(path.read_text().replace("[: self.warm_up(values) - 1] = 0", "[:-1] = target[1:].copy()"))
    bad = runner.invoke(app, ["strategy", "check", str(path), "--json"])
    (tmp_path / "strategies" / "worse.py").write_text("import nothing_of_this_name\n")
    listed = runner.invoke(app, ["strategy", "list", "--json"])

    assert f"{path} is written" in begun.stdout
    assert isinstance(again.exception, CommandError)
    assert (good.exit_code, bad.exit_code) == (0, 1)
    assert "nothing is wrong with it" in good.stdout
    assert "mine.py, line 41: it looks ahead" in " ".join(json.loads(bad.stdout)["findings"])
    own = [each for each in json.loads(listed.stdout) if each["file"]]
    assert [each["name"] for each in own] == ["mine", "worse"]
    assert own[0]["wrong"] is None
    assert "worse.py, line 1: ModuleNotFoundError" in own[1]["wrong"]
    assert strategy_of("mine", ["bars=30"])[1]["bars"] == 30
    with pytest.raises(CommandError, match=r"worse.py, line 1"):
        strategy_of("worse", [])
