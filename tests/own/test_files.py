"""A file becomes a strategy or gets one line that names it; what is certainly wrong with one is found."""

import pickle
import sys
from pathlib import Path

import pytest

from jarvis.own import files_in
from jarvis.own.examine import examine
from jarvis.own.files import load, read
from jarvis.own.template import template
from jarvis.trading.strategies import BUILT_IN
from jarvis.trading.strategy import Strategy, StrategyFailedError, resolve

NAME = "mine"


def written(folder: Path, *changes: tuple[str, str], name: str = NAME) -> Path:
    """The file of a new strategy, with these pieces changed."""
    text = template(name)
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after, 1)
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


def findings(path: Path) -> list[str]:
    return examine(load(path), path, read(path))


def test_a_new_file_is_a_strategy_with_which_nothing_is_wrong(tmp_path: Path) -> None:
    path = written(tmp_path)

    strategy = load(path)

    assert strategy.name == NAME
    assert resolve(strategy, {})["bars"] == 50
    assert findings(path) == []
    assert pickle.loads(pickle.dumps(strategy)).title == strategy.title  # noqa: S301 - our own object


@pytest.mark.parametrize("strategy", [pytest.param(each, id=name) for name, each in BUILT_IN.items()])
def test_nothing_is_wrong_with_those_that_come_with_jarvis(strategy: Strategy) -> None:
    path = Path(sys.modules[type(strategy).__module__].__file__ or "")

    assert examine(strategy, path, read(path)) == []


def test_only_files_that_are_meant_are_looked_at(tmp_path: Path) -> None:
    for name in ("b.py", "a.py", "_helpers.py", ".hidden.py", "notes.txt"):
        (tmp_path / name).write_text("")

    assert [path.name for path in files_in(tmp_path)] == ["a.py", "b.py"]
    assert files_in(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("class Mine:", "class Mine", "mine.py, line 17: expected ':'"),
        ("import numpy", "import nunpy", "mine.py, line 10: ModuleNotFoundError: No module named 'nunpy'"),
        ('name = "mine"', 'name = "yours"', 'mine.py, line 20: `name` must be that of the file: name = "mine"'),
        ('"Old charting practice."', '""', "mine.py, line 23: `source` must be a text for people"),
        ("def lines", "def curves", "mine.py, line 17: the function `lines` is missing"),
        ('"int", 50', '"int", 500', "mine.py, line 26: the usual value of 'bars' is refused: Average: 500 is outside"),
        ('"int", 50', '"int", "50"', "mine.py, line 26: the usual value of 'bars' must be 50, not '50'"),
        ('"bars", "Average"', '"atr_bars", "Average"', "mine.py, line 26: the parameter 'atr_bars' needs a name"),
        ("    parameters = (", "    parameters = [", "mine.py, line 31: closing parenthesis ')' does not match"),
        ("values)\n\n    def warm", 'values) + "No."\n\n    def warm', "the usual values do not go together: No."),
        ("class Mine:", "class Two:\n    compute = 1\nclass Mine:", "line 1: a file has one class with `compute`"),
        ("class Mine:", "raise SystemExit(3)\nclass Mine:", "mine.py, line 17: SystemExit: 3"),
    ],
)  # fmt: skip
def test_what_keeps_a_file_from_being_used_is_said_with_its_line(
    tmp_path: Path, before: str, after: str, words: str
) -> None:
    with pytest.raises(StrategyFailedError) as refused:
        load(written(tmp_path, (before, after)))

    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_has_a_name_that_nothing_else_has(tmp_path: Path) -> None:
    with pytest.raises(StrategyFailedError, match=r"Jarvis has a strategy of that name"):
        load(written(tmp_path, name="ensemble"))
    with pytest.raises(StrategyFailedError, match=r"My-Own.py, line 1: a file is called by small letters"):
        load(tmp_path / "My-Own.py")
    with pytest.raises(StrategyFailedError, match=r"gone.py: cannot be read"):
        load(tmp_path / "gone.py")
    (tmp_path / "bytes.py").write_bytes(b"x = 1\ny = '\xff'\n")
    with pytest.raises(StrategyFailedError, match=r"bytes.py, line 2: this is no text in UTF-8"):
        load(tmp_path / "bytes.py")


WARM = "        target[: self.warm_up(values) - 1] = 0\n"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((WARM, WARM + "        target[:-1] = target[1:].copy()\n"), "line 41: it looks ahead"),
        ((WARM, WARM + "        target[:] = np.sign(bars.close - bars.close.mean())\n"), "line 41: it looks ahead"),
        ((WARM, "        target[0] = 1\n"), "line 37: it has a wish at bar 1, and says that it needs 50"),
        ((WARM, WARM + "        target[200:] = target[200]\n"), "line 37: it says something else on the last 300"),
        ((WARM, WARM + "        return Plan(target * 2, bars.open)\n"), "must have one row per bar, of"),
        ((WARM, WARM + "        target = target[1:]\n"), "line 41: `target` must have one row per bar"),
        ((WARM, WARM + "        return Plan(target * 1.0, bars.close)\n"), "`target` must be a column of int8"),
        ((WARM, WARM + "        bars.close[:] = 1\n"), "line 41: it changes the bars that it is given"),
        ((WARM, WARM + "        target = np.random.default_rng().permuted(target)\n"), "two different answers"),
        ((WARM, WARM + "        1 / 0\n"), "mine.py, line 47: ZeroDivisionError: division by zero"),
        ((WARM, WARM + "        return target\n"), "line 41: it must return a Plan, and returns ndarray"),
        (("return max(", "return 0 * max("), "line 37: `warm_up` must be a whole number of at least 1, and is 0"),
        (("return max(", "return 9000 * max("), "bars before its first wish: no venue tells of so many"),
        (("(Line(", '(Line("x", bars.close[1:]), Line('), "line 49: the line 'x' must have one value per bar"),
    ],
)  # fmt: skip
def test_what_is_certainly_wrong_is_found_before_it_trades(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    found = findings(written(tmp_path, change))

    assert words in "\n".join(found)


def test_parameters_are_tried_at_their_ends(tmp_path: Path) -> None:
    path = written(tmp_path, (WARM, WARM + '        assert values["bars"] != 400, "not that many"\n'))

    assert findings(path) == ["mine.py, line 47: AssertionError: not that many (bars = 400)"]
