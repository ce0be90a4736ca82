"""Reading a configuration: YAML 1.2, every error at once, each with its file, line and key."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from gmts_models.config import DatabaseData, ExperimentConfig
from gmts_models.config.checks import check_types
from gmts_models.config.overrides import apply_overrides
from gmts_models.config.places import dialect_of, expand_places, last_part, public_address
from gmts_models.config.problems import (
    KeyPath,
    Place,
    Problem,
    closest,
    config_error,
    show_value,
)
from gmts_models.config.rules import check_rules
from gmts_models.config.schema import json_schema
from gmts_models.config.tree import Tree, UnreadableError, read_tree
from gmts_models.errors import ConfigError

__all__ = [
    "LoadedConfig",
    "config_sha256",
    "dump_yaml",
    "json_schema",
    "read_config",
    "shareable",
]

SUFFIXES = (".yaml", ".yml")

_MOST_BYTES = 500_000
_LINE_ENDS = re.compile(r"[\r\x85\u2028\u2029\ufeff]")
_NOT_OF_THE_NUMBERS = ("jobs", "store", "tracking")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfig:
    """A configuration and where it came from.

    Attributes
    ----------
    config : validated; its paths are absolute.
    path : of the file, absolute.
    text : of the file, without overrides.
    """

    config: ExperimentConfig
    path: Path
    text: str = field(repr=False)


def read_config(path: Path | str, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Read an experiment's configuration from a YAML 1.2 file.

    Parameters
    ----------
    path : of a .yaml or .yml file in UTF-8.
    overrides : such as ``"models.0.alpha=0.1"``: keys and numbers of list items with dots between,
        and a value in YAML, which may be a list or a mapping. Later ones win.

    Returns
    -------
    LoadedConfig. In ``data.path``, the path of a table, ``data.url`` and ``store``, ``${NAME}`` is
    replaced by the environment variable. In paths a leading ``~`` is the home folder, and relative
    ones start at the file's folder.

    Raises
    ------
    ConfigError : with a line for each thing that is wrong: ``file:line:column: key: what``,
        and the line of the file under it. Only a syntax error is reported alone.
    """
    path = Path(path)
    text = _read_text(path)
    tree = _read_mapping(text, path)
    overrides = [overrides] if isinstance(overrides, str) else overrides
    problems = apply_overrides(tree, overrides)
    problems += expand_places(tree, path.absolute().parent)
    config, wrong = check_types(tree)
    contradictions = check_rules(tree)
    # A rule says where it is; pydantic's validator of a whole mapping cannot.
    wrong = [each for each in wrong if not _is_told(each.key, contradictions)]
    problems += [each for each in wrong if not _is_refused(each.key, tree)]
    problems += [*tree.problems, *contradictions]
    if config is None or problems:
        raise config_error(problems, shown=str(path), lines=text.split("\n"))
    return LoadedConfig(config=config, path=path.absolute(), text=text)


def _is_told(key: KeyPath, contradictions: list[Problem]) -> bool:
    return any(each.key[: len(key)] == key for each in contradictions)


def _is_refused(key: KeyPath, tree: Tree) -> bool:
    return any(key[:length] in tree.refused for length in range(len(key) + 1))


def shareable(config: ExperimentConfig) -> dict[str, Any]:
    """Return the resolved configuration as it may be published.

    Paths are reduced to their last part, and ``data.url`` to the kind of database.
    ``tracking.uri`` loses user, password and options, and where it names a file, the folders.
    """
    values = config.resolved()
    data = values["data"]
    for holder in (values, data, *data.get("tables", {}).values()):
        for key in ("path", "store"):
            if holder.get(key):
                holder[key] = last_part(holder[key])
    if isinstance(config.data, DatabaseData):
        data["url"] = dialect_of(config.data.url.get_secret_value())
    if values["tracking"]["uri"]:
        values["tracking"]["uri"] = public_address(values["tracking"]["uri"])
    return values


def config_sha256(config: ExperimentConfig) -> str:
    """Return 64 hex digits that are equal where the numbers can be expected to be.

    It is the SHA-256 of `shareable` without jobs, store and tracking, as JSON in UTF-8 with sorted
    keys and no spaces. So it does not change with the machine, the folder or the address of the
    data, or keys that are written out with their default; the content of the data is not in it.
    """
    values = shareable(config)
    for key in _NOT_OF_THE_NUMBERS:
        del values[key]
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def dump_yaml(values: Mapping[str, Any]) -> str:
    """Return plain values as YAML, which `read_config` reads back as they are."""
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 100
    text = io.StringIO()
    yaml.dump(_with_escapes(dict(values)), text)
    return text.getvalue()


def _with_escapes(value: Any) -> Any:
    """Mark text with signs that a reader would take for the end of a line."""
    match value:
        case dict():
            return {_with_escapes(key): _with_escapes(inside) for key, inside in value.items()}
        case list():
            return [_with_escapes(inside) for inside in value]
        case str() if _LINE_ENDS.search(value):
            return DoubleQuotedScalarString(value)
    return value


# ------------------------------------------------------------- the file


def _read_text(path: Path) -> str:
    r"""Return the text with ``\n`` between lines, or say why this is not a configuration."""
    if not path.is_file():
        raise _no_file(path)
    if path.suffix.lower() not in SUFFIXES:
        # Nothing of such a file is shown: it may hold people.
        raise ConfigError(
            f"{path}: not a YAML file", fix="give a file whose name ends in .yaml or .yml"
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > _MOST_BYTES:
        raise ConfigError(
            f"{path}: too large for a configuration: {len(content):,} bytes",
            fix="give the path of the experiment's YAML file",
        )
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ConfigError(
            f"{path}: not UTF-8 but UTF-16", fix="save the file with the encoding UTF-8"
        )
    try:
        return _unix_lines(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _not_utf8(path, content, error) from None


def _no_file(path: Path) -> ConfigError:
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        return ConfigError(f"{path}: there is no folder {folder}", fix="check the path")
    near = sorted(each.name for each in folder.iterdir() if each.suffix.lower() in SUFFIXES)
    fix = f"{folder} holds {', '.join(near[:10])}" if near else f"{folder} holds no YAML file"
    if path.is_dir():
        return ConfigError(f"{path}: a folder, not a file", fix=fix)
    close = closest(path.name, near) or closest(path.stem, [Path(each).stem for each in near])
    full = next((each for each in near if close in (each, Path(each).stem)), None)
    hint = f"; did you mean '{full}'?" if full else ""
    return ConfigError(f"{path}: there is no such file{hint}", fix=fix)


def _not_utf8(path: Path, content: bytes, error: UnicodeDecodeError) -> ConfigError:
    before = _unix_lines(content[: error.start].decode("utf-8-sig", errors="replace"))
    place = Place(line=before.count("\n") + 1, column=len(before) - before.rfind("\n"))
    what = f"not UTF-8 (byte 0x{content[error.start]:02x}); save the file with the encoding UTF-8"
    lines = _unix_lines(content.decode("utf-8-sig", errors="replace")).split("\n")
    return config_error([Problem(key=(), what=what, place=place)], shown=str(path), lines=lines)


def _unix_lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read_mapping(text: str, path: Path) -> Tree:
    try:
        tree = read_tree(text)
    except UnreadableError as error:
        problem = error.problem
    else:
        if isinstance(tree.data, dict):
            return tree
        what = f"must be lines of 'key: value', is {show_value(tree.data)}"
        if isinstance(tree.data, str) and re.match(r"[A-Za-z_][\w-]*:\S", tree.data):
            what += "; put a space after the colon"
        if tree.data is None:
            what = "the file is empty; configs/gmts.yaml is an example"
        problem = Problem(key=(), what=what, place=tree.place(()))
    raise config_error([problem], shown=str(path), lines=text.split("\n"))
