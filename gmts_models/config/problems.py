"""What is wrong with a configuration, and where: in a line of its file, or in an override."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gmts_models.errors import ConfigError

KeyPath = tuple[str | int, ...]
"""Such as ("models", 0, "alpha")."""

_LONGEST = 60
_WIDEST = 140
_SECRET = re.compile(
    r"(?<=://).*(?=@)"  # it may hold spaces
    r"|(?i:(?<=password=)|(?<=passwd=)|(?<=pwd=))[^&\s'\"]+"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something is said.

    Attributes
    ----------
    line, column : in the file, from 1.
    override : the override that says it, in place of the file.
    """

    line: int = 1
    column: int = 1
    override: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong.

    Attributes
    ----------
    key : the key that it is about; empty = the file as a whole.
    what : what is wrong with it, and what would be right.
    place : where it is said.
    """

    key: KeyPath
    what: str
    place: Place


def config_error(problems: Iterable[Problem], *, shown: str, lines: Sequence[str]) -> ConfigError:
    """Put all problems into one error, in the order of the file, overrides last.

    Parameters
    ----------
    problems : at least one.
    shown : the file's path as the user gave it.
    lines : of the file.
    """
    ordered = sorted(
        dict.fromkeys(problems),
        key=lambda each: (each.place.override is not None, each.place.line, each.place.column),
    )
    return ConfigError("\n".join(_render(each, shown, lines) for each in ordered))


def _render(problem: Problem, shown: str, lines: Sequence[str]) -> str:
    place = problem.place
    if place.override is not None:
        where = f"--set {clip(place.override)}"
    else:
        where = f"{shown}:{place.line}:{place.column}"
    key = f"{dotted(problem.key)}: " if problem.key else ""
    line = hide_credentials(f"{where}: {key}{problem.what}")
    return line if place.override is not None else "\n".join([line, *_excerpt(place, lines)])


def _excerpt(place: Place, lines: Sequence[str]) -> list[str]:
    """Return the line of the file, and a mark under the column."""
    source = lines[place.line - 1] if place.line <= len(lines) else ""
    if not source.strip():
        return []
    line = hide_credentials(source)
    if line != source or place.column > _WIDEST:
        return [f"    {line[:_WIDEST]}"]
    margin = "".join("\t" if sign == "\t" else " " for sign in line[: place.column - 1])
    return [f"    {line[:_WIDEST]}", f"    {margin}^"]


def dotted(path: KeyPath) -> str:
    """Return a path as ``--set`` takes it: models.0.alpha."""
    return ".".join(clip(str(step)) for step in path)


def clip(text: str) -> str:
    """Return text on one line, and not a long one."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    line = hide_credentials(line)  # before it is cut, or an address would no longer look like one
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def hide_credentials(text: str) -> str:
    """Replace the user and password of addresses within `text`, and passwords of their options."""
    return _SECRET.sub("***", text)


def show_value(value: Any) -> str:
    """Say what a value is, shortly."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return clip(str(value))
        case str():
            return f"the text '{clip(value)}'" if value else "an empty text"
        case list():
            return "a list" if value else "an empty list"
        case _:
            return "a mapping" if value else "an empty mapping"


def closest(word: str, among: Iterable[str]) -> str | None:
    """Return the likeliest of some names; case, spaces, hyphens and underscores do not matter."""
    folded = {_fold(each): each for each in among}
    close = difflib.get_close_matches(_fold(word), folded, n=1)
    return folded[close[0]] if close else None


def did_you_mean(word: str, among: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the likeliest of some names, or nothing."""
    close = closest(word, among)
    return f"; did you mean '{clip(close)}'?" if close else ""


def _fold(word: str) -> str:
    return re.sub(r"[\s_-]+", "_", word.strip().casefold())
