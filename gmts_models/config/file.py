"""Reading a configuration: YAML 1.2, every error at once, each with its file, line and key."""

from __future__ import annotations

import difflib
import hashlib
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import ConstructorError, DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from gmts_models.config import ExperimentConfig, FileData, OpenData
from gmts_models.errors import ConfigError

Key = tuple[str | int, ...]

_PLAIN_TAGS = {
    f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "float", "bool")
}
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_SAYS = {
    "missing": "is missing",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must hold keys and values",
    "model_type": "must hold keys and values",
    "model_attributes_type": "must hold keys and values",
    "finite_number": "must be a finite number",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfig:
    """A configuration and where it came from.

    Attributes
    ----------
    config : validated, with paths made absolute.
    path : of the file.
    text : of the file.
    """

    config: ExperimentConfig
    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the value of a key was written."""

    path: Path
    root: Any
    lines: Sequence[str]
    overrides: Mapping[Key, str]

    def told(self, key: Key, what: str) -> str:
        """Return the error as a line, with the line of the file that it is about."""
        name = ".".join(str(part) for part in key)
        for length in range(len(key), 0, -1):
            if key[:length] in self.overrides:
                return f"--set {self.overrides[key[:length]]}: {name}: {what}"
        line, column = self._position(key)
        text = self.lines[line].strip() if line < len(self.lines) else ""
        label = f"{name}: " if name else ""
        return f"{self.path}:{line + 1}:{column + 1}: {label}{what}" + (
            f"\n    {text}" if text else ""
        )

    def _position(self, key: Key) -> tuple[int, int]:
        """Return line and column of the deepest part of a key that the file has."""
        node, at = self.root, (0, 0)
        for part in key:
            try:
                if isinstance(node, CommentedMap):
                    at = node.lc.key(part)
                elif isinstance(node, CommentedSeq):
                    at = node.lc.item(part)
                else:
                    break
                node = node[part]
            except (KeyError, IndexError, TypeError):
                break
        return int(at[0]), int(at[1])


def read_config(path: str | Path, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Read an experiment's configuration.

    Parameters
    ----------
    path : YAML file. Relative paths in it start at its folder, and ``${NAME}`` in a path is an
        environment variable.
    overrides : such as ``"models.0.alpha=0.1"``; the value is YAML.

    Raises
    ------
    ConfigError : with a line for each thing that is wrong.
    """
    file = Path(path)
    text = _read_text(file)
    root = _parse(text, file)
    values = _plain(root)
    replaced: dict[Key, str] = {}
    for override in overrides:
        key = _override(values, override)
        replaced[key] = override
    source = _Source(file, root, text.splitlines(), replaced)
    troubles = _expand_paths(values, file.resolve().parent, source)
    try:
        config = ExperimentConfig.model_validate(values)
    except ValidationError as error:
        found = error.errors(include_url=False)
        # A list whose items are all wrong is not too short as well.
        found = [each for each in found if not _follows(each, found)]
        troubles += [_explain(each, values, source) for each in found]
    if troubles:
        raise _failed(troubles)
    return LoadedConfig(config=config, path=file, text=text)


def shareable(config: ExperimentConfig) -> dict[str, Any]:
    """Return the configuration with every default, but without folders and passwords."""
    values = config.resolved()
    if isinstance(config.data, FileData | OpenData) and config.data.path is not None:
        values["data"]["path"] = config.data.path.name
    values["store"] = None if config.store is None else config.store.name
    if config.tracking.uri is not None:
        values["tracking"]["uri"] = _without_password(config.tracking.uri)
    return values


def config_sha256(config: ExperimentConfig) -> str:
    """Return the SHA-256 of what makes the numbers: all but jobs, store and tracking."""
    values = shareable(config)
    for key in ("jobs", "store", "tracking"):
        del values[key]
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def dump_yaml(values: Mapping[str, Any]) -> str:
    """Return plain values as YAML."""
    text = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.dump(dict(values), text)
    return text.getvalue()


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a configuration, for editors that complete."""
    return ExperimentConfig.model_json_schema()


# -------------------------------------------------------------- reading


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        near = [each.name for each in sorted(file.parent.glob("*.y*ml"))]
        close = difflib.get_close_matches(file.name, near, n=1)
        raise ConfigError(
            "there is no such configuration" + (f"; did you mean {close[0]!r}?" if close else ""),
            where=str(file),
            fix=f"there are: {', '.join(near[:8])}" if near else "give the path of a YAML file",
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(
            "the configuration is not UTF-8 text", where=str(file), fix="save it as UTF-8"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"the configuration cannot be read: {error.strerror}", where=str(file)
        ) from None


def _parse(text: str, file: Path) -> CommentedMap:
    yaml = YAML(typ="rt")
    try:
        root = yaml.load(text)
    except DuplicateKeyError as error:
        found = re.search(r'duplicate key "([^"]*)"', str(error.problem))
        name = found[1] if found else "a key"
        raise _syntax(error, file, text, f"the key {name!r} is there twice", "keep one") from None
    except ConstructorError as error:
        raise _syntax(error, file, text, "a tag is not allowed", "remove it") from None
    except MarkedYAMLError as error:
        raise _syntax(error, file, text, "this is not YAML", _likely_cause(error, text)) from None
    except YAMLError:
        raise ConfigError("this is not YAML", where=str(file)) from None
    if root is None:
        raise ConfigError(
            "the configuration is empty", where=str(file), fix="configs/gmts.yaml is an example"
        )
    if not isinstance(root, CommentedMap):
        raise ConfigError(
            "the configuration must hold keys and values",
            where=str(file),
            fix="begin with 'name: ...'; configs/gmts.yaml is an example",
        )
    if tagged := _tagged(root):
        raise ConfigError(
            "a tag is not allowed in a configuration",
            where=f"{file}:{tagged[0] + 1}:{tagged[1] + 1}",
            fix="remove what begins with an exclamation mark",
        )
    return root


def _syntax(error: MarkedYAMLError, file: Path, text: str, what: str, fix: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    where = str(file)
    if mark is not None:
        where += f":{mark.line + 1}:{mark.column + 1}"
        lines = text.splitlines()
        if mark.line < len(lines) and lines[mark.line].strip():
            where += f"\n         {lines[mark.line].strip()}"
    return ConfigError(what, where=where, fix=fix)


def _likely_cause(error: MarkedYAMLError, text: str) -> str:
    mark, problem = error.problem_mark, f"{error.problem} {error.context}"
    lines = text.splitlines()
    line = lines[mark.line] if mark is not None and mark.line < len(lines) else ""
    if "\t" in line or "'\\t'" in problem or "tab" in problem:
        return "indent with spaces, not tabs"
    if "expected a single document" in problem:
        return "keep one document: remove the line '---'"
    if "could not find expected ':'" in problem or re.search(r"^\s*\w+:\S", line):
        return "write a space after the colon of a key"
    if "mapping values are not allowed" in problem:
        return "check the indentation, or put text that holds a colon in quotation marks"
    if "quoted scalar" in problem:
        return "close the quotation mark"
    if "flow" in problem:
        return "close the bracket"
    return "check the indentation of this line and of the one above"


def _tagged(node: Any, at: tuple[int, int] = (0, 0)) -> tuple[int, int] | None:
    """Return the place of a tag such as ``!!python/name``."""
    tag = getattr(getattr(node, "tag", None), "value", None)
    if tag is not None and str(tag) not in _PLAIN_TAGS:
        return at
    children: list[tuple[Any, tuple[int, int]]] = []
    if isinstance(node, CommentedMap):
        children = [(value, node.lc.value(key)) for key, value in node.items()]
    elif isinstance(node, CommentedSeq):
        children = [(value, node.lc.item(i)) for i, value in enumerate(node)]
    return next((found for child, place in children if (found := _tagged(child, place))), None)


def _plain(node: Any) -> Any:
    """Return plain values; numbers and text lose what ruamel remembers of their style."""
    if isinstance(node, Mapping):
        return {key if isinstance(key, str) else str(key): _plain(v) for key, v in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return None if node is None else str(node)


# ------------------------------------------------------------ overrides


def _override(values: dict[str, Any], override: str) -> Key:
    """Put ``a.0.b=value`` into the values, in place; return its key."""
    name, equals, text = override.partition("=")
    if not equals or not name.strip():
        raise ConfigError(
            "a change needs a key and a value",
            where=f"--set {override}",
            fix="for instance --set models.0.alpha=0.1",
        )
    try:
        value = _plain(YAML(typ="safe", pure=True).load(text)) if text.strip() else None
    except YAMLError:
        raise ConfigError("the value is not YAML", where=f"--set {override}") from None
    parts: list[str | int] = [int(p) if p.isdigit() else p for p in name.strip().split(".")]
    node: Any = values
    for i, part in enumerate(parts[:-1]):
        inside = _step(node, part, parts[: i + 1], override)
        if inside is None:
            node[part] = inside = {}
        node = inside
    last = parts[-1]
    if isinstance(node, list) and isinstance(last, int):
        _step(node, last, parts, override)
        node[last] = value
    elif isinstance(node, dict):
        node[str(last)] = value
        parts[-1] = str(last)
    else:
        raise _no_such(parts, override, "it holds a single value")
    return tuple(parts)


def _step(node: Any, part: str | int, so_far: Sequence[str | int], override: str) -> Any:
    if isinstance(node, list):
        if isinstance(part, int) and part < len(node):
            return node[part]
        raise _no_such(so_far, override, f"the list has items 0 to {len(node) - 1}")
    if isinstance(node, dict):
        return node.get(str(part))
    raise _no_such(so_far, override, "what is above it holds a single value")


def _no_such(parts: Sequence[str | int], override: str, why: str) -> ConfigError:
    name = ".".join(str(part) for part in parts)
    return ConfigError(f"there is no key {name}: {why}", where=f"--set {override}")


# ---------------------------------------------------------------- paths


def _expand_paths(values: dict[str, Any], folder: Path, source: _Source) -> list[str]:
    """Replace variables in paths and make them absolute, in place; return what is wrong."""
    troubles = []
    data = values.get("data")
    places: list[tuple[Key, dict[str, Any], str]] = [(("store",), values, "store")]
    if isinstance(data, dict):
        places.append((("data", "path"), data, "path"))
    for key, holder, name in places:
        value = holder.get(name)
        if not isinstance(value, str):
            continue
        unset = [each for each in _VARIABLE.findall(value) if not os.environ.get(each)]
        if unset:
            troubles.append(
                source.told(
                    key,
                    f"the environment variable {unset[0]} is not set (Linux and Mac: export "
                    f"{unset[0]}=..., Windows: set {unset[0]}=...)",
                )
            )
            continue
        expanded = _VARIABLE.sub(lambda found: os.environ[found[1]], value)
        holder[name] = str(folder / Path(expanded).expanduser())
    return troubles


# --------------------------------------------------------------- errors


def _failed(troubles: Sequence[str]) -> ConfigError:
    many = f"{len(troubles)} things are" if len(troubles) > 1 else "one thing is"
    return ConfigError(
        "\n".join([f"{many} wrong with the configuration", *troubles]),
        fix="docs/config.md lists every key",
    )


def _explain(error: Any, values: Any, source: _Source) -> str:
    key, tags = _real_key(error["loc"], values)
    kind, context = error["type"], error.get("ctx", {})
    match kind:
        case "extra_forbidden":
            valid = _valid_keys(key[:-1], tags)
            what = "is not a key here" + _did_you_mean(str(key[-1]), valid)
        case "union_tag_invalid":
            tag = str(context["discriminator"]).strip("'")
            valid = [each.strip(" '") for each in str(context["expected_tags"]).split(",")]
            key = (*key, tag)
            what = f"{context['tag']!r} is not valid" + _did_you_mean(str(context["tag"]), valid)
        case "union_tag_not_found":
            tag = str(context["discriminator"]).strip("'")
            what = f"the key {tag!r} is missing" + _did_you_mean("", _tags_of(key))
        case "literal_error":
            valid = re.findall(r"'([^']*)'", str(context["expected"]))
            what = "is not valid" + _did_you_mean(str(error["input"]), valid)
        case "value_error":
            what = str(context["error"])
        case "missing":
            what = "is missing"
        case _:
            what = _SAYS.get(kind) or error["msg"][0].lower() + error["msg"][1:]
    return source.told(key, what)


def _follows(error: Any, others: Sequence[Any]) -> bool:
    loc = error["loc"]
    inside = any(len(each["loc"]) > len(loc) and each["loc"][: len(loc)] == loc for each in others)
    return error["type"] == "too_short" and inside


def _did_you_mean(name: str, valid: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, valid, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return hint + (f" (valid: {', '.join(sorted(valid))})" if valid else "")


def _real_key(loc: Sequence[str | int], values: Any) -> tuple[Key, tuple[str, ...]]:
    """Return the key without the tags of unions that pydantic puts into it, and those tags."""
    key: list[str | int] = []
    tags: list[str] = []
    node = values
    for i, part in enumerate(loc):
        inside = isinstance(node, dict) and part in node
        inside |= isinstance(node, list) and isinstance(part, int) and part < len(node)
        last = i == len(loc) - 1
        if not inside and not last and isinstance(part, str):
            tags.append(part)
            continue
        key.append(part)
        node = node[part] if inside else None
    return tuple(key), tuple(tags)


def _valid_keys(key: Key, tags: Sequence[str]) -> list[str]:
    models = list(_models_at(ExperimentConfig, [part for part in key if isinstance(part, str)]))
    if tags:
        tagged = [
            model
            for model in models
            if any(
                field.default == tags[-1] and name in ("kind", "source")
                for name, field in model.model_fields.items()
            )
        ]
        models = tagged or models
    return sorted({name for model in models for name in model.model_fields})


def _tags_of(key: Key) -> list[str]:
    models = _models_at(ExperimentConfig, [part for part in key if isinstance(part, str)])
    fields = (
        model.model_fields[name]
        for model in models
        for name in ("kind", "source")
        if name in model.model_fields
    )
    return sorted(str(field.default) for field in fields)


def _models_at(model: type[BaseModel], path: Sequence[str]) -> Iterator[type[BaseModel]]:
    """Find the specifications that may stand at a key."""
    if not path:
        yield model
        return
    field = model.model_fields.get(path[0])
    if field is not None:
        for inside in _models_in(field.annotation):
            yield from _models_at(inside, path[1:])


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for part in get_args(annotation):
        yield from _models_in(part)


def _without_password(uri: str) -> str:
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
