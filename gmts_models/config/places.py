"""Paths and addresses of a configuration: what they stand for here, and what others may see."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from urllib.parse import quote

from gmts_models.config.problems import KeyPath, Problem
from gmts_models.config.tree import Tree
from gmts_models.data.reading.database_errors import dialect_of as dialect_of

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ADDRESS = re.compile(r"[a-z][a-z0-9]*(?:\+\w+)?://")
_PASSWORDS = (
    re.compile(r"://[^/?@:]*:(.*)@"),
    re.compile(r"[?&](?:password|passwd|pwd)=([^&]*)", re.IGNORECASE),
)
_SQLITE_FILE = re.compile(r"(sqlite(?:\+\w+)?:///)(?!/|:memory:|file:|[A-Za-z]:|\?|$)")


def expand_places(tree: Tree, folder: Path) -> list[Problem]:
    """Replace environment variables and make paths absolute, in place; return what is wrong.

    Parameters
    ----------
    tree : of the configuration.
    folder : where relative paths start.
    """
    problems = []
    for key in _keys(tree):
        said = tree.get(*key)
        if not isinstance(said, str):
            continue
        address = key[-1] == "url"
        wrong = _wrong_variables(said) or (_wrong_url(said) if address else _wrong_path(said))
        if not wrong:
            try:
                holder = tree.get(*key[:-1])
                holder[key[-1]] = _url(said, folder) if address else _path(said, folder)
            except RuntimeError:  # pathlib's, where there is no such user
                wrong = ["the home folder behind '~' is not known; write the path out"]
        problems += [Problem(key=key, what=what, place=tree.place(key)) for what in wrong]
    return problems


def _keys(tree: Tree) -> Iterator[KeyPath]:
    yield from (("data", "path"), ("data", "url"), ("store",))
    tables = tree.get("data", "tables")
    for name in tables if isinstance(tables, dict) else ():
        yield ("data", "tables", name, "path")


def _wrong_variables(said: str) -> list[str]:
    if "${" in _VARIABLE.sub("", said):
        return ["after '${' comes the name of an environment variable and '}'"]
    return [
        f"the environment variable {name} is not set; set it with 'export {name}=...' (Linux, Mac)"
        f" or '$env:{name} = \"...\"' (Windows PowerShell)"
        for name in dict.fromkeys(_VARIABLE.findall(said))
        if not os.environ.get(name)
    ]


def _wrong_path(said: str) -> list[str]:
    return ["is no path"] if not said.strip() or any(ord(sign) < 32 for sign in said) else []


def _path(said: str, folder: Path) -> str:
    expanded = Path(_VARIABLE.sub(lambda found: os.environ[found[1]], said))
    return str(folder / expanded.expanduser())


# ------------------------------------------------------------ addresses


def _wrong_url(said: str) -> list[str]:
    """Say what is wrong with the url of a database, without repeating any of it."""
    written = [found[1] for pattern in _PASSWORDS for found in pattern.finditer(said)]
    if any(_VARIABLE.sub("", each) for each in written):
        return [
            "holds a password; put it into an environment variable, and write ${PASSWORD}, or what "
            "you call it, in its place"
        ]
    if not _ADDRESS.match(_VARIABLE.sub(lambda found: os.environ[found[1]], said)):
        return [
            "is no address of a database, such as postgresql+pg8000://host/database; results never "
            "keep it, so that it has to be written anew"
        ]
    return []


def _url(said: str, folder: Path) -> str:
    """Return the url with its variables, and with the folder of an SQLite file."""
    begin, end = said.find("://"), said.rfind("@")

    def value(found: re.Match[str]) -> str:
        text = os.environ[found[1]]
        # Before the @ stand user and password, whose signs are no signs of a url.
        return quote(text, safe="") if 0 <= begin < found.start() < end else text

    expanded = _VARIABLE.sub(value, said)
    return _SQLITE_FILE.sub(lambda found: f"{found[1]}{folder.as_posix()}/", expanded)


def last_part(path: str) -> str:
    """Return the last part of a path of any system."""
    return PureWindowsPath(path).name


def public_address(uri: str) -> str:
    """Return an address without credentials, and without the folders of this machine."""
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return last_part(uri)
    rest = rest.rpartition("@")[2].partition("?")[0]
    if scheme == "file" or scheme.startswith("sqlite"):
        return f"{scheme}:///{last_part(rest)}"
    return f"{scheme}://{rest}"
