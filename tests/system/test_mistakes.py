"""What a person can get wrong at the command line: one clear line each, exit code 2, nothing lost, no traceback."""

import math
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from jarvis.store.db import hold_instance
from tests.system.candles import START, wavy_candles, write_rows
from tests.system.commands import Commands, Said
from tests.system.installation import environment_in

MINUTE = 60_000
FIRST = int(START.timestamp() * 1000)


def assert_one_clear_line(said: Said, *words: str) -> None:
    """The mistake is told in one line on standard error that has these words, and in nothing else."""
    assert said.code == 2, f"exit code {said.code}\n{said.out}\n{said.err}"
    assert said.err.startswith("jarvis: ")
    assert said.err.count("\n") == 1, said.err
    assert "Traceback" not in said.err
    assert not said.out
    missing = [word for word in words if word not in said.err]
    assert not missing, f"{missing} not said in: {said.err}"


def candle(minute: int, **other: object) -> dict[str, object]:
    return {
        "ts": FIRST + minute * MINUTE,
        "open": 100.0,
        "high": 101.0,
        "low": 99.0,
        "close": 100.0,
        "volume": 1.0,
    } | other


# --- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"web_port": "eight"}, ["JARVIS_WEB_PORT", "integer"]),
        ({"web_port": "70000"}, ["JARVIS_WEB_PORT", "65535"]),
        ({"sandbox_url": "http://10.0.0.7:8770"}, ["JARVIS_SANDBOX_URL", "this machine only"]),
        ({"sandbox_url": "http://127.0.0.1.evil.example"}, ["JARVIS_SANDBOX_URL", "this machine only"]),
        ({"sandbox_url": "http://127.0.0.1@evil.example"}, ["JARVIS_SANDBOX_URL", "this machine only"]),
        ({"sign_up": "sometimes"}, ["JARVIS_SIGN_UP", "open", "closed"]),
        ({"log_level": "LOUD"}, ["JARVIS_LOG_LEVEL", "DEBUG"]),
    ],
    ids=lambda value: next(iter(value.values())) if isinstance(value, dict) else "",
)
def test_a_setting_that_cannot_work_is_named(
    jarvis: Commands, settings: dict[str, str], words: list[str], tmp_path: Path
) -> None:
    said = jarvis.run("doctor", environment=environment_in(tmp_path, **settings))

    assert_one_clear_line(said, *words)
    assert list(tmp_path.iterdir()) == []


def test_a_master_key_inside_the_data_folder_is_refused(jarvis: Commands, tmp_path: Path) -> None:
    inside = tmp_path / "data" / "keys" / "master.key"

    said = jarvis.run("init", environment=environment_in(tmp_path, master_key_file=str(inside)))

    assert_one_clear_line(said, "master_key_file", "inside data_dir")
    assert not inside.exists()


def test_a_misspelt_setting_in_the_file_is_named(jarvis: Commands, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "jarvis.toml").write_text("web_prot = 9000\n", encoding="utf-8")

    said = jarvis.run("doctor", environment=environment_in(tmp_path))

    assert_one_clear_line(said, "WEB_PROT")


def test_a_settings_file_that_is_no_toml_is_named(jarvis: Commands, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "jarvis.toml").write_text("web_port == 9000\n", encoding="utf-8")

    said = jarvis.run("doctor", environment=environment_in(tmp_path))

    assert_one_clear_line(said, "jarvis.toml")


# --- an installation that is not right -----------------------------------------------------------------------------


@pytest.fixture
def initialised(jarvis: Commands, tmp_path: Path) -> Path:
    """A folder in which `jarvis init` was run."""
    said = jarvis.run("init", environment=environment_in(tmp_path))
    assert said.code == 0, said.err
    return tmp_path


def test_up_without_init_says_to_run_init(jarvis: Commands, tmp_path: Path) -> None:
    said = jarvis.run("up", environment=environment_in(tmp_path))

    assert_one_clear_line(said, "jarvis init")


@pytest.mark.parametrize("command", [("trade", "status"), ("user", "list"), ("venues",)], ids=" ".join)
def test_a_question_without_init_is_answered_in_one_line(
    jarvis: Commands, command: tuple[str, ...], tmp_path: Path
) -> None:
    said = jarvis.run(*command, environment=environment_in(tmp_path))

    assert_one_clear_line(said, "jarvis")


def test_up_with_a_master_key_that_others_can_read_is_refused(jarvis: Commands, initialised: Path) -> None:
    (initialised / "key" / "master.key").chmod(0o644)

    said = jarvis.run("up", environment=environment_in(initialised))

    assert_one_clear_line(said, "master.key", "chmod 600")


def test_tables_of_a_newer_version_are_not_touched(jarvis: Commands, initialised: Path) -> None:
    database = initialised / "data" / "jarvis.db"
    connection = sqlite3.connect(database)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    before = database.read_bytes()

    for command in (("up",), ("migrate",), ("init",)):
        assert_one_clear_line(jarvis.run(*command, environment=environment_in(initialised)), "newer version")

    assert database.read_bytes() == before


def test_a_database_without_tables_says_how_to_make_them(jarvis: Commands, initialised: Path) -> None:
    (initialised / "data" / "jarvis.db").write_bytes(b"")

    said = jarvis.run("up", environment=environment_in(initialised))

    assert_one_clear_line(said, "jarvis migrate")


def test_a_database_that_is_none_is_told(jarvis: Commands, initialised: Path) -> None:
    (initialised / "data" / "jarvis.db").write_bytes(b"this is not a database, it is a letter\n" * 100)

    said = jarvis.run("trade", "status", environment=environment_in(initialised))

    assert_one_clear_line(said, "jarvis.db")


def test_a_demo_does_not_wipe_what_another_one_uses_or_what_is_no_demo(jarvis: Commands, tmp_path: Path) -> None:
    environment = environment_in(tmp_path, demo_dir=str(tmp_path / "demo"))
    precious = touched(mkdir(tmp_path / "demo" / "data") / "jarvis.db", b"precious")

    assert_one_clear_line(jarvis.run("demo", environment=environment), "is not a demo of ours")
    touched(tmp_path / "demo" / "this-is-a-jarvis-demo")
    with hold_instance(f"sqlite+aiosqlite:///{precious}"):
        assert_one_clear_line(jarvis.run("demo", environment=environment), "a demo runs in", "JARVIS_DEMO_DIR")

    assert precious.read_bytes() == b"precious"


# --- candles -------------------------------------------------------------------------------------------------------

WRONG_CANDLES: dict[str, tuple[Callable[[Path], Path], list[str]]] = {
    "not a number": (
        lambda folder: write_rows(folder / "nan.parquet", [candle(0), candle(1, close=math.nan), candle(2)]),
        ["nan.parquet", "row 2", "close"],
    ),
    "unordered": (
        lambda folder: write_rows(folder / "unordered.csv", [candle(0), candle(2), candle(1), candle(3)]),
        ["unordered.csv", "line 4", "sort it"],
    ),
    "twice": (
        lambda folder: write_rows(folder / "twice.parquet", [candle(0), candle(1), candle(1), candle(2)]),
        ["twice.parquet", "row 3", "twice"],
    ),
    "no candles": (
        lambda folder: touched(folder / "none.csv", b"ts,open,high,low,close,volume\n"),
        ["none.csv", "no candles"],
    ),
    "an empty file": (lambda folder: touched(folder / "empty.csv"), ["empty.csv", "empty"]),
    "another ending": (lambda folder: touched(folder / "candles.xlsx", b"PK\x03\x04"), ["candles.xlsx"]),
    "no such file": (lambda folder: folder / "absent.parquet", ["absent.parquet"]),
    "no price": (
        lambda folder: write_rows(folder / "zero.parquet", [candle(0), candle(1, low=0.0), candle(2)]),
        ["zero.parquet", "row 2", "low"],
    ),
    "a contradiction": (
        lambda folder: write_rows(folder / "odd.parquet", [candle(0), candle(1, high=98.0), candle(2)]),
        ["odd.parquet", "row 2", "contradict"],
    ),
}


def touched(path: Path, content: bytes = b"") -> Path:
    path.write_bytes(content)
    return path


def mkdir(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def every(path: Path, command: str) -> tuple[str, ...]:
    """The command line that gives `path` to one of the three commands that take candles."""
    return {
        "import": ("data", "import", str(path), "--pair", "BTC/USD"),
        "backtest": ("backtest", str(path)),
        "demo": ("demo", "--candles", str(path), "--stop-at-end"),
    }[command]


@pytest.mark.parametrize("wrong", sorted(WRONG_CANDLES))
def test_candles_that_cannot_be_are_refused_with_their_row(jarvis: Commands, wrong: str, tmp_path: Path) -> None:
    write, words = WRONG_CANDLES[wrong]
    path = write(tmp_path)

    said = jarvis.run(*every(path, "import"), environment=environment_in(tmp_path))

    assert_one_clear_line(said, *words)
    assert not (tmp_path / "data" / "candles").exists()


@pytest.mark.parametrize("command", ["backtest", "demo"])
@pytest.mark.parametrize("wrong", ["not a number", "no such file"])
def test_no_command_runs_on_wrong_candles(jarvis: Commands, wrong: str, command: str, tmp_path: Path) -> None:
    write, words = WRONG_CANDLES[wrong]
    path = write(tmp_path)

    said = jarvis.run(*every(path, command), environment=environment_in(tmp_path, demo_dir=str(tmp_path / "demo")))

    assert_one_clear_line(said, *words)


def test_a_gap_is_reported_and_stays_a_gap(jarvis: Commands, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "gap.csv", [candle(minute) for minute in (0, 1, 2, 7, 8)])

    said = jarvis.run(*every(path, "import"), "--json", environment=environment_in(tmp_path))

    (imported,) = said.json
    assert (imported["missing"], imported["bars"]) == (4, 5)


def test_an_import_that_contradicts_kept_candles_changes_nothing(jarvis: Commands, tmp_path: Path) -> None:
    environment = environment_in(tmp_path)
    right = write_rows(tmp_path / "right.csv", [candle(minute) for minute in range(3)])
    wrong = write_rows(tmp_path / "wrong.csv", [candle(minute, close=100.5) for minute in range(3)])
    assert (jarvis.run(*every(right, "import"), environment=environment)).code == 0
    before = contents(tmp_path / "data")

    said = jarvis.run(*every(wrong, "import"), environment=environment)

    assert_one_clear_line(said, "wrong.csv", "kept already")
    assert contents(tmp_path / "data") == before


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- names that do not exist ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--strategy", "astrology"), ["astrology", "moving_average_crossover", "donchian_breakout"]),
        (("--parameter", "mood=good"), ["mood"]),
        (("--parameter", "fast_bars"), ["fast_bars", "NAME=VALUE"]),
        (("--parameter", "fast_bars=many"), ["Fast average"]),
        (("--parameter", "fast_bars=90"), ["fast average must cover fewer"]),
        (("--interval", "7m"), ["7m", "15m"]),
        (("--start", "2031-01-01"), ["no candles in that time"]),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
@pytest.mark.parametrize("command", ["backtest", "demo"])
def test_a_name_that_does_not_exist_is_said_with_those_that_do(
    jarvis: Commands, command: str, options: tuple[str, ...], words: list[str], tmp_path: Path
) -> None:
    candles = wavy_candles(tmp_path / "btc.csv", minutes=40)
    environment = environment_in(tmp_path, demo_dir=str(tmp_path / "demo"))

    said = jarvis.run(*every(candles, command), *options, environment=environment)

    assert_one_clear_line(said, *words)


@pytest.mark.parametrize(
    ("command", "pair"),
    [("backtest", "DOGE/EUR"), ("backtest", "BTCUSD"), ("backtest", ""), ("import", "BTC/"), ("import", "")],
)
def test_a_pair_that_is_none_of_ours_is_said(jarvis: Commands, command: str, pair: str, tmp_path: Path) -> None:
    candles = wavy_candles(tmp_path / "btc.csv", minutes=40)
    line = {
        "backtest": ("backtest", f"{pair}={candles}"),
        "import": ("data", "import", str(candles), "--pair", pair),
    }[command]

    said = jarvis.run(*line, environment=environment_in(tmp_path))

    assert_one_clear_line(said, pair, "pair")


# --- people --------------------------------------------------------------------------------------------------------


def test_a_person_that_cannot_be_added_is_told_why(jarvis: Commands, initialised: Path) -> None:
    environment = environment_in(initialised)

    weak = jarvis.run("user", "add", "ada@example.org", environment=environment, stdin="12345\n")
    odd = jarvis.run("user", "add", "ada", environment=environment, stdin="heron-9-Quarz-teapot\n")
    good = jarvis.run("user", "add", "ada@example.org", environment=environment, stdin="heron-9-Quarz-teapot\n")
    again = jarvis.run("user", "add", "ada@example.org", environment=environment, stdin="heron-9-Quarz-teapot\n")

    assert_one_clear_line(weak)
    assert_one_clear_line(odd)
    assert good.code == 0
    assert_one_clear_line(again, "has an account already")
    assert "12345" not in weak.err


@pytest.mark.parametrize("command", ["status", "pause", "resume", "flatten"])
def test_trading_commands_without_an_account_say_what_to_do(jarvis: Commands, command: str, initialised: Path) -> None:
    said = jarvis.run("trade", command, environment=environment_in(initialised))

    assert_one_clear_line(said, "no venue is connected")
