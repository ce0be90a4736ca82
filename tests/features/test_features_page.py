"""The page on features says what the code does, and its examples run.

``GMTS_UPDATE_DOCS=1 pytest tests/features/test_features_page.py`` writes the tables anew.
"""

from __future__ import annotations

import doctest
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from gmts_models.features.attribute import Attribute, source_of, when_known
from gmts_models.features.built_in import (
    assessments,
    labour_market,
    peers,
    placements,
    roles,
    scheme,
    start,
    surveys,
)
from gmts_models.features.catalogue import BUILT_IN, ON_REQUEST

PAGE = Path(__file__).parents[2] / "docs" / "features.md"
FIRST, LAST = "<!-- features -->\n", "<!-- end of the features -->"
ROOMS = {
    "Before the first day": start,
    "Time and the scheme": scheme,
    "Placements": placements,
    "Posts": roles,
    "Surveys": surveys,
    "Assessments": assessments,
    "Peers": peers,
    "The labour market": labour_market,
}
HEAD = "| feature | kind | meaning | made from | known from |\n|---|---|---|---|---|\n"
MOST = 4
"""Columns of one table that are named one by one."""


def made_from(sources: Sequence[str]) -> str:
    by_table: dict[str, list[str]] = {}
    for source in sources:
        by_table.setdefault(source_of(source)[0], []).append(source)
    parts = [
        f"{len(each)} columns of `{table}`"
        if len(each) > MOST
        else ", ".join(f"`{name}`" for name in each)
        for table, each in by_table.items()
    ]
    return ", ".join(parts)


def line(each: Attribute) -> str:
    unit = f" ({each.unit})" if each.unit else ""
    source = made_from(each.sources)
    if each.optional:
        source += f"; where there: {made_from(each.optional)}"
    name = f"`{each.name}`" + (" *" if each.name in ON_REQUEST else "")
    return f"| {name} | {each.kind} | {each.meaning}{unit} | {source} | {when_known(each)} |\n"


def tables() -> Iterator[str]:
    for title, room in ROOMS.items():
        yield f"\n### {title}\n\n{HEAD}" + "".join(map(line, room.ATTRIBUTES))


def test_the_tables_are_those_of_the_code() -> None:
    shown = [each.name for room in ROOMS.values() for each in room.ATTRIBUTES]
    assert shown == [each.name for each in BUILT_IN]
    made, page = "".join(tables()) + "\n", PAGE.read_text(encoding="utf-8")
    before, rest = page.split(FIRST)
    found, after = rest.split(LAST)
    if os.environ.get("GMTS_UPDATE_DOCS"):
        PAGE.write_text(before + FIRST + made + LAST + after, encoding="utf-8", newline="\n")
        return
    assert found == made


def test_the_examples_run() -> None:
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert tried > 20
    assert failed == 0
