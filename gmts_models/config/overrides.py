"""Changes to a configuration from outside its file: ``models.0.alpha=0.1``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from gmts_models.config.places import last_part
from gmts_models.config.problems import KeyPath, Place, Problem, clip, dotted, show_value
from gmts_models.config.tree import Tree, UnreadableError, read_tree

_WITH_A_PLACE = re.compile(r"://|\b(?:path|store|uri|url)\b[\"']?\s*:")


def apply_overrides(tree: Tree, overrides: Sequence[str]) -> list[Problem]:
    """Change the values of a tree in place; return what cannot be applied.

    A key that is not there is added with the mappings that it stands in; whether it is valid is
    checked with the rest. An item of a list must be there.
    """
    found = (_apply(tree, override) for override in overrides)
    return [problem for problem in found if problem is not None]


def shareable_override(override: str) -> str:
    """Return an override as it may be published: no address, and of a path the last part."""
    key, equals, value = override.partition("=")
    name = key.rpartition(".")[2].strip()
    if name in ("uri", "url") or _WITH_A_PLACE.search(value):
        return f"{key}{equals}..."
    if name in ("path", "store"):
        return f"{key}{equals}{last_part(value)}"
    return override


def _apply(tree: Tree, override: str) -> Problem | None:
    place = Place(override=override)
    name, equals, text = override.partition("=")
    steps = [step.strip() for step in name.split(".")]
    if not equals or not all(steps):
        return Problem(key=(), what="write key=value, such as models.0.alpha=0.1", place=place)
    try:
        value = read_tree(text, override=override)
    except UnreadableError as error:
        return Problem(key=tuple(steps), what=f"the value is {error.problem.what}", place=place)
    node: Any = tree.data
    path: KeyPath = ()
    for number, step in enumerate(steps):
        key = _key(node, step)
        if key is None:
            what = _not_there(node, step, path)
            return Problem(key=(*path, *steps[number:]), what=what, place=place)
        path = (*path, key)
        if number == len(steps) - 1:
            node[key] = value.data
        elif _child(node, key) is None:
            node[key] = {}
            tree.places[path] = tree.keys[path] = place
        node = node[key]
    _move_places(tree, value, path, place)
    return None


def _key(node: Any, step: str) -> str | int | None:
    if isinstance(node, dict):
        return step
    if isinstance(node, list) and step.isdecimal() and int(step) < len(node):
        return int(step)
    return None


def _child(node: Any, key: Any) -> Any:
    return node.get(key) if isinstance(node, dict) else node[key]


def _not_there(node: Any, step: str, path: KeyPath) -> str:
    where = dotted(path)
    if not isinstance(node, list):
        return f"{where} is {show_value(node)}, so there is nothing in it"
    if not node:
        return f"{where} is an empty list"
    numbers = "item 0 only" if len(node) == 1 else f"items 0 to {len(node) - 1}"
    for number, item in enumerate(node):
        if isinstance(item, dict) and step in (item.get("name"), item.get("kind")):
            return f"{where} is a list, with {numbers}; '{clip(step)}' is {where}.{number}"
    return f"{where} is a list, with {numbers}"


def _move_places(tree: Tree, value: Tree, path: KeyPath, place: Place) -> None:
    """Replace what the file said under `path` by the override."""
    for places in (tree.places, tree.keys):
        for old in [each for each in places if each[: len(path)] == path]:
            del places[old]
    tree.places[path] = tree.keys[path] = place
    tree.places.update({(*path, *each): place for each in value.places})
    tree.keys.update({(*path, *each): place for each in value.keys})
    tree.refused |= {(*path, *each) for each in value.refused}
    for problem in value.problems:
        tree.problems.append(
            Problem(key=(*path, *problem.key), what=problem.what, place=problem.place)
        )
