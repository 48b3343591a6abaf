"""Files with a strategy each: where they lie, how one becomes an object, and words that name file and line.

Loading a file runs it. Only processes that hold no secrets do that: the fenced one of `host`, and a researcher's own
command line.
"""

from __future__ import annotations

import ast
import copyreg
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

from jarvis.own import NAME
from jarvis.trading.strategies import BUILT_IN
from jarvis.trading.strategy import Parameter, StrategyFailedError, resolve

if TYPE_CHECKING:
    from jarvis.trading.strategy import Strategy

_WORDS = ("title", "description", "source", "weak_point")
_FUNCTIONS = ("objection", "warm_up", "compute", "lines")


def load(path: Path, text: str | None = None) -> Strategy:
    """The strategy of one file, or of its `text` if that was read already. It runs the file.

    Raises StrategyFailedError with one line that begins with the file's name and the line's number.
    """
    if not NAME.fullmatch(path.stem):
        raise StrategyFailedError(
            f"{path.name}, line 1: a file is called by small letters, digits and _, and begins with a letter; the "
            "strategy has its name"
        )
    if path.stem in BUILT_IN:
        raise StrategyFailedError(f"{path.name}, line 1: Jarvis has a strategy of that name; call the file another way")
    if text is None:
        text = read(path)
    module = ModuleType(f"jarvis_own_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        exec(compile(text, str(path), "exec"), module.__dict__)  # noqa: S102 - that is what a strategy's file is for
        classes = [each for each in vars(module).values() if _is_own_class(each, module)]
        strategy = _only_one(classes, path)()
    except StrategyFailedError:
        raise
    except (Exception, SystemExit) as error:
        raise StrategyFailedError(told(error, path)) from error
    _examine(strategy, path, text)
    # A pool of processes has the file loaded again where the object arrives.
    copyreg.pickle(type(strategy), lambda _: (load, (path,)))
    return cast("Strategy", strategy)


def read(path: Path) -> str:
    """The text of a file. Raises StrategyFailedError."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise StrategyFailedError(f"{path.name}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise StrategyFailedError(f"{path.name}, line {line}: this is no text in UTF-8") from error


def told(error: BaseException, path: Path) -> str:
    """One line of what went wrong in `path`: the file, the line of it that led there, and the error."""
    words = " ".join(str(error).split()) or "without a word"
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path.name}, line {error.lineno}: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    place = f"{path.name}, line {lines[-1]}" if lines else path.name
    return f"{place}: {type(error).__name__}: {words}"


def line_of(text: str, name: str) -> int:
    """The line in which a class of `text` sets or defines `name`; the class's own where it does not."""
    found = 1
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef):
            found = max(found, node.lineno) if found == 1 else found
            for each in node.body:
                names = [getattr(each, "name", "")]
                if isinstance(each, ast.Assign | ast.AnnAssign):
                    targets = each.targets if isinstance(each, ast.Assign) else [each.target]
                    names = [target.id for target in targets if isinstance(target, ast.Name)]
                if name in names:
                    return each.lineno
    return found


def _is_own_class(found: object, module: ModuleType) -> bool:
    return isinstance(found, type) and found.__module__ == module.__name__ and hasattr(found, "compute")


def _only_one(classes: Iterable[type], path: Path) -> type:
    found = list(classes)
    if len(found) != 1:
        has = f"it has {len(found)}: {', '.join(each.__name__ for each in found)}" if found else "it has none"
        raise StrategyFailedError(f"{path.name}, line 1: a file has one class with `compute`, and {has}")
    return found[0]


def _examine(strategy: object, path: Path, text: str) -> None:
    """Refuse an object that is no strategy, with the line that says so."""

    def wrong(name: str, words: str) -> StrategyFailedError:
        return StrategyFailedError(f"{path.name}, line {line_of(text, name)}: {words}")

    if getattr(strategy, "name", None) != path.stem:
        raise wrong("name", f'`name` must be that of the file: name = "{path.stem}"')
    for name in _WORDS:
        words = getattr(strategy, name, None)
        if not isinstance(words, str) or not words.strip():
            raise wrong(name, f"`{name}` must be a text for people")
    for name in _FUNCTIONS:
        if not callable(getattr(strategy, name, None)):
            raise wrong(name, f"the function `{name}` is missing")
    parameters = getattr(strategy, "parameters", None)
    if not isinstance(parameters, tuple) or not all(isinstance(each, Parameter) for each in parameters):
        raise wrong("parameters", "`parameters` must be a tuple of Parameter; an empty one is ()")
    names = [each.name for each in parameters]
    for each in parameters:
        if not NAME.fullmatch(each.name) or names.count(each.name) > 1:
            raise wrong("parameters", f"the parameter {each.name!r} needs a name of its own, in small letters")
        try:
            default = each.parse(each.default)
        except ValueError as error:
            raise wrong("parameters", f"the usual value of {each.name!r} is refused: {error}") from error
        if default != each.default:
            raise wrong("parameters", f"the usual value of {each.name!r} must be {default!r}, not {each.default!r}")
    known = cast("Strategy", strategy)
    try:
        resolve(known, {})
    except ValueError as error:
        raise wrong("objection", f"the usual values do not go together: {error}") from error
    except Exception as error:
        raise StrategyFailedError(told(error, path)) from error
