"""What pydantic finds wrong with a configuration, in words and with its line."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from gmts_models.config import ExperimentConfig
from gmts_models.config.problems import (
    KeyPath,
    Problem,
    clip,
    closest,
    did_you_mean,
    show_value,
)
from gmts_models.config.schema import (
    EXAMPLES,
    Spot,
    choices,
    example,
    find,
    homes,
    tag_key,
    variants,
    words,
)
from gmts_models.config.tree import Tree

_NO_KIND = ("union_tag_not_found", "union_tag_invalid")
_UNSPACED = re.compile(r"[A-Za-z_][\w-]*:[^\s/\\:]")


@dataclass(frozen=True, slots=True)
class _Found:
    kind: str
    location: KeyPath
    context: dict[str, Any]


def check_types(tree: Tree) -> tuple[ExperimentConfig | None, list[Problem]]:
    """Validate the values of a tree: the configuration, or all that is wrong with it.

    Types are strict: the text "5" is no number, 1 is not true. Where the kind of a union is
    misspelt, its other keys are checked as those of the likeliest kind.
    """
    config, found = _validate(tree.data)
    if config is not None:
        return config, []
    repaired = copy.deepcopy(tree.data)
    guessed = [each for each in found if each.kind in _NO_KIND and _repair(repaired, each)]
    if guessed:
        found = guessed + _validate(repaired)[1]
    return None, [_problem(each, tree) for each in found if not _noise(each, found, tree)]


def _at(data: Any, path: KeyPath) -> Any:
    for step in path:
        data = data[step]
    return data


def _validate(data: Any) -> tuple[ExperimentConfig | None, list[_Found]]:
    try:
        return ExperimentConfig.model_validate_json(json.dumps(data), strict=True), []
    except ValidationError as error:
        return None, [
            _Found(each["type"], each["loc"], each.get("ctx", {}))
            for each in error.errors(include_url=False, include_input=False)
        ]


# ------------------------------------------------------------ unions


def _repair(data: Any, found: _Found) -> bool:
    """Set the kind that is most likely meant, in place; False where none is."""
    spot = find(found.location)
    mapping = _at(data, spot.path)
    kinds, tag = variants(spot.schema), tag_key(spot.schema)
    guess = _likely_kind(mapping, kinds, tag)
    if guess is not None:
        mapping[tag] = guess
    return guess is not None


def _likely_kind(mapping: dict[str, Any], kinds: dict[str, Any], tag: str) -> str | None:
    if isinstance(said := mapping.get(tag), str):
        return closest(said, kinds)
    misspelt = closest(tag, mapping)
    if misspelt is not None and isinstance(said := mapping[misspelt], str):
        return said if said in kinds else closest(said, kinds)
    fitting = [name for name, kind in kinds.items() if kind["properties"].keys() >= mapping.keys()]
    return fitting[0] if len(fitting) == 1 and mapping else None


def _kind_problem(found: _Found, spot: Spot, tree: Tree) -> Problem:
    kinds, tag = variants(spot.schema), tag_key(spot.schema)
    mapping = tree.get(*spot.path)
    guess = _likely_kind(mapping, kinds, tag)
    valid = f"(valid: {', '.join(sorted(kinds))})"
    key = (*spot.path, tag)
    hint = f"; did you mean '{guess}'?" if guess is not None else ""
    if tag not in mapping:
        usual = EXAMPLES.get(tag)
        hint = hint or f"; for instance '{tag}: {usual if usual in kinds else next(iter(kinds))}'"
        return Problem(key=key, what=f"missing{hint} {valid}", place=tree.place(spot.path))
    value = mapping[tag]
    shown = f"'{clip(value)}'" if isinstance(value, str) else show_value(value)
    what = "has no value" if value is None else f"{shown} is not a {tag}"
    return Problem(key=key, what=f"{what}{hint} {valid}", place=tree.place(key))


# ------------------------------------------------------------ problems


def _problem(found: _Found, tree: Tree) -> Problem:
    spot = find(found.location)
    place = tree.place(spot.path)
    match found.kind:
        case "union_tag_not_found" | "union_tag_invalid":
            return _kind_problem(found, spot, tree)
        case "extra_forbidden":
            what, place = _unknown_key(spot, tree), tree.place(spot.path, of_key=True)
        case _ if found.location[-1:] == ("[key]",):
            what, place = _unknown_name(found), tree.place(spot.path, of_key=True)
        case "missing":
            key = str(spot.path[-1])
            what = f"missing; for instance '{key}: {example(key, spot.schema)}'"
        case "value_error":
            said = str(found.context["error"])
            what = said.removeprefix(f"{spot.path[-1]} ") if spot.path else said
            place = tree.place(spot.path, of_key=True)
        case _:
            what = _wrong_value(spot.schema, tree.get(*spot.path))
    return Problem(key=spot.path, what=what, place=place)


def _unknown_key(spot: Spot, tree: Tree) -> str:
    key, valid = str(spot.path[-1]), sorted(spot.owner["properties"])
    what = f"not a key of '{clip(spot.owner_name)}'" if spot.owner_name else "not a key"
    if key == "<<":
        return f"{what}: YAML 1.2 has no merge keys; repeat the keys"
    if _UNSPACED.match(key):
        return f"{what}; put a space after the colon"
    if key.startswith("-"):
        return f"{what}; put a space after the dash"
    hint = did_you_mean(key, _free(spot, tree)) or did_you_mean(key, valid) or _elsewhere(key, spot)
    return f"{what}{hint} (valid: {', '.join(valid)})"


def _unknown_name(found: _Found) -> str:
    """Say which names the keys of a mapping are chosen from."""
    name, valid = str(found.location[-2]), find(found.location[:-2]).schema["propertyNames"]["enum"]
    return f"there is no such table{did_you_mean(name, valid)} (valid: {', '.join(sorted(valid))})"


def _free(spot: Spot, tree: Tree) -> list[str]:
    """Return the keys that the mapping could have and has not."""
    given = tree.get(*spot.path[:-1])
    return [each for each in sorted(spot.owner["properties"]) if each not in given]


def _elsewhere(key: str, spot: Spot) -> str:
    """Say where a key belongs that stands in the wrong mapping."""
    if others := [name for name, kind in spot.options.items() if key in kind["properties"]]:
        return f"; it is a key of {', '.join(sorted(others))}"
    found = homes(key)
    return f"; it belongs {found[0]}" if len(found) == 1 else ""


def _wrong_value(schema: dict[str, Any], value: Any) -> str:
    if value is None:
        return f"has no value; it must be {words(schema)}"
    return f"must be {words(schema)}, is {show_value(value)}{_hint(schema, value)}"


def _hint(schema: dict[str, Any], value: Any) -> str:
    """Guess how a value of the wrong type came about."""
    wanted = {part.get("type") for part in schema.get("anyOf", [schema])}
    if isinstance(value, str):
        return _hint_on_text(schema, wanted, value)
    if isinstance(value, dict):
        if "array" not in wanted:
            return ""
        if all(key.isdecimal() for key in value):
            return "; it is not in the file, so set the whole list"
        dashed = any(key.startswith("-") for key in value)
        return "; put a space after the dash" if dashed else "; begin each item with '- '"
    if isinstance(value, list):
        return ""
    if "string" in wanted and not wanted & {"integer", "number"}:
        return "; put it in quotation marks"
    if "array" in wanted:
        return f"; put it in square brackets: [{show_value(value)}]"
    whole = isinstance(value, float) and value.is_integer() and "integer" in wanted
    return f"; write {value:.0f}" if whole else ""


def _hint_on_text(schema: dict[str, Any], wanted: set[Any], value: str) -> str:
    if (allowed := choices(schema)) and (hint := did_you_mean(value, allowed)):
        return hint
    if "array" in wanted:
        return f"; put it in square brackets: [{clip(value)}]"
    if (wanted == {"object"} or variants(schema)) and _UNSPACED.match(value):
        return "; put a space after the colon"
    if wanted & {"integer", "number"}:
        if _is_number(value):
            return "; take the quotation marks away"
        return "; write it without the comma" if _is_number(value.replace(",", "")) else ""
    if wanted == {"boolean"} and value.lower() in ("yes", "y", "on", "no", "n", "off"):
        return f"; write {'true' if value.lower() in ('yes', 'y', 'on') else 'false'}"
    return ""


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", text) is not None


# ------------------------------------------------------------ noise


def _noise(found: _Found, others: list[_Found], tree: Tree) -> bool:
    """Tell whether another finding says all that there is to say."""
    spot = find(found.location)
    if found.kind == "too_short":  # also said of a list whose items are wrong
        return bool(tree.get(*spot.path))
    if found.kind in ("missing", "union_tag_not_found"):
        key = spot.path if found.kind == "missing" else (*spot.path, tag_key(spot.schema))
        return any(key == _meant(other, tree) for other in others)
    if "anyOf" in spot.schema:  # one of two types does not fit; an item of the other does not
        paths = [find(other.location).path for other in others]
        return any(path[: len(spot.path)] == spot.path != path for path in paths)
    return False


def _meant(found: _Found, tree: Tree) -> KeyPath | None:
    """Return the key that an unknown key was probably meant to be."""
    if found.kind != "extra_forbidden":
        return None
    spot = find(found.location)
    likely = closest(str(spot.path[-1]), _free(spot, tree))
    return None if likely is None else (*spot.path[:-1], likely)
