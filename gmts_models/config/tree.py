"""YAML 1.2 text as plain values, each with its place in the text.

Built from ruamel.yaml's events, so that no object is ever made from a tag: a file is text,
numbers, true or false, lists and mappings, and an explicit tag is an error. Plain scalars are read
by the core schema of YAML 1.2 (``no`` and ``2024-08-31`` are text, ``1e-3`` is a number). Keys
are always text. Anchors and aliases work; merge keys (``<<``) are not part of YAML 1.2.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from gmts_models.config.problems import KeyPath, Place, Problem, clip
from gmts_models.config.syntax import explain

_MOST_NODES = 20_000
_DEEPEST = 20
_LONGEST_INTEGER = 300  # Python does not print integers of thousands of digits
_NULL = re.compile(r"(null|Null|NULL|~)?")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"([-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class UnreadableError(Exception):
    """The text is no YAML document of a few values; holds the one problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


@dataclass(slots=True, kw_only=True)
class Tree:
    """Plain values and where they are said.

    Attributes
    ----------
    data : None, bool, int, float, str, list or dict with text as keys.
    places : of values: a scalar's own place, else that of its key.
    keys : of keys.
    problems : that do not stop the reading.
    refused : values that cannot be judged further.
    """

    data: Any = None
    places: dict[KeyPath, Place] = field(default_factory=dict)
    keys: dict[KeyPath, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    refused: set[KeyPath] = field(default_factory=set)

    def place(self, path: KeyPath, *, of_key: bool = False) -> Place:
        """Return where `path` is said, or else what it would stand in."""
        if of_key and path in self.keys:
            return self.keys[path]
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place())

    def get(self, *path: str | int) -> Any:
        """Return the value at a path; None where there is none."""
        value = self.data
        for step in path:
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value


def read_tree(text: str, *, override: str | None = None) -> Tree:
    r"""Read one YAML document.

    Parameters
    ----------
    text : with ``\n`` between lines.
    override : what to give as the place of everything, in place of lines and columns.

    Raises
    ------
    UnreadableError : a syntax error, several documents, an alias of nothing or of itself, or a
        document that is too large or nested too deeply for a configuration.
    """
    return _Builder(text, override).build()


@dataclass(slots=True)
class _Node:
    place: Place
    tag: str | None
    value: Any  # of a scalar; else the nodes within, of a mapping keys and values in turn
    text: str = ""  # of a scalar as it is written: a key such as 1 or no is a name like any other
    kind: Literal["mapping", "list"] | None = None


class _Builder:
    def __init__(self, text: str, override: str | None) -> None:
        self.text = text
        self.override = override
        self.starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self.tree = Tree()
        self.count = 0

    def build(self) -> Tree:
        root = self._compose()
        if root is not None:
            self.tree.places[()] = root.place
            self.tree.data = self._expand(root, (), ())
        return self.tree

    # ------------------------------------------------ from events to nodes

    def _compose(self) -> _Node | None:
        anchors: dict[str, _Node] = {}
        stack: list[_Node] = [_Node(place=Place(), tag=None, value=[])]
        documents = 0
        try:
            for event in YAML(typ="safe", pure=True).parse(self.text):
                if isinstance(event, DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        raise self._unreadable(
                            event.start_mark.index,
                            "a second YAML document begins here; keep one, without '---' between",
                        )
                elif isinstance(event, CollectionEndEvent):
                    stack.pop()
                elif isinstance(event, NodeEvent):
                    node = self._node(event, anchors)
                    stack[-1].value.append(node)
                    if isinstance(event, CollectionStartEvent):
                        stack.append(node)
                        self._check_size(len(stack), node.place)
        except YAMLError as error:
            index, what = explain(self.text, error)
            raise self._unreadable(index, f"not valid YAML: {what}") from None
        return stack[0].value[0] if stack[0].value else None

    def _node(self, event: Any, anchors: dict[str, _Node]) -> _Node:
        if isinstance(event, AliasEvent):
            if event.anchor not in anchors:
                raise self._unreadable(
                    event.start_mark.index,
                    f"the alias *{clip(event.anchor)} refers to no anchor above; if it is text, "
                    "put it in quotation marks",
                )
            return anchors[event.anchor]
        node = _Node(place=self._place(event.start_mark.index), tag=event.tag, value=[])
        if isinstance(event, ScalarEvent):
            plain = event.style is None and event.tag is None
            node.text = event.value
            node.value = _resolve(event.value) if plain else event.value
        else:
            node.kind = "mapping" if isinstance(event, MappingStartEvent) else "list"
        if event.anchor:
            anchors[event.anchor] = node
        return node

    # ------------------------------------------------ from nodes to values

    def _expand(self, node: _Node, path: KeyPath, above: tuple[int, ...]) -> Any:
        self.count += 1
        self._check_size(len(path), node.place)
        if id(node) in above:
            raise UnreadableError(
                Problem(key=path, what="the alias stands within its own anchor", place=node.place)
            )
        if node.tag is not None:
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            self._add(path, f"tags such as {clip(tag)} are not allowed; write plain values", node)
            self.tree.refused.add(path)
        if node.kind == "mapping":
            return self._expand_mapping(node, path, (*above, id(node)))
        if node.kind == "list":
            for number, item in enumerate(node.value):
                self.tree.places[*path, number] = item.place
            return [
                self._expand(item, (*path, number), (*above, id(node)))
                for number, item in enumerate(node.value)
            ]
        if isinstance(node.value, str) and _has_surrogate(node.value):
            self._add(path, "holds half of a character; write the character itself", node)
            return ""
        return node.value

    def _expand_mapping(self, node: _Node, path: KeyPath, above: tuple[int, ...]) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key, value in zip(node.value[::2], node.value[1::2], strict=True):
            if key.kind is not None or key.tag is not None:
                self._add(path, "a key is plain text, not a list, a mapping or tagged", key)
                continue
            name = "" if _has_surrogate(key.text) else key.text
            here = (*path, name)
            if here in self.tree.keys and name in mapping:
                self._add(here, self._twice(self.tree.keys[here], key.place), key)
            scalar = value.kind is None and value.value is not None
            self.tree.keys[here] = key.place
            self.tree.places[here] = value.place if scalar else key.place
            mapping[name] = self._expand(value, here, above)
        return mapping

    def _twice(self, first: Place, second: Place) -> str:
        lines = f", on lines {first.line} and {second.line}" if first.override is None else ""
        return f"given twice{lines}; keep one"

    # ------------------------------------------------ help

    def _check_size(self, depth: int, place: Place) -> None:
        if depth > _DEEPEST or self.count > _MOST_NODES:
            large = "nested too deeply" if depth > _DEEPEST else "too large"
            raise UnreadableError(Problem(key=(), what=f"{large} for a configuration", place=place))

    def _place(self, index: int) -> Place:
        if self.override is not None:
            return Place(override=self.override)
        line = bisect_right(self.starts, index)
        return Place(line=line, column=index - self.starts[line - 1] + 1)

    def _add(self, path: KeyPath, what: str, node: _Node) -> None:
        self.tree.problems.append(Problem(key=path, what=what, place=node.place))

    def _unreadable(self, index: int, what: str) -> UnreadableError:
        last = len(self.text.rstrip("\n"))  # the end of the text is the end of its last line
        return UnreadableError(Problem(key=(), what=what, place=self._place(min(index, last))))


def _resolve(text: str) -> Any:
    """Read a plain scalar by the core schema of YAML 1.2 (its section 10.3.2)."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    if _INTEGER.fullmatch(text) and len(text) <= _LONGEST_INTEGER:
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if special := _SPECIAL.fullmatch(text):
        return float(text.replace(".", "")) if special[1] is not None else float("nan")
    return text


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= sign <= "\udfff" for sign in text)
