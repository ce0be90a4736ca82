"""docs/statistics.md: its example runs, and what it names exists and is all that there is."""

from __future__ import annotations

import ast
import doctest
import re
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "statistics.md"
STATS = ROOT / "gmts_models" / "stats"


def test_the_example_runs() -> None:
    failed, tried = doctest.testfile(str(PAGE), module_relative=False)
    assert tried > 10
    assert failed == 0


def test_every_function_named_is_there() -> None:
    rows = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines()]
    cells = [row[1] for row in rows if row[0].startswith("| ") and len(row) > 1]
    dotted = {name for cell in cells for name in re.findall(r"`((?:[a-z_]+\.)+[a-z_]+)`", cell)}
    for name in dotted - {"gmts_models.stats"}:
        home, _, function = name.rpartition(".")
        if not (STATS / (name.replace(".", "/") + ".py")).is_file():  # that is a room's name
            assert hasattr(import_module(f"gmts_models.stats.{home}"), function), name
    assert len(dotted) > 35


def test_every_estimator_that_agrees_with_r_is_named() -> None:
    """What a docstring says to agree with an R call, a statistician will look for here."""
    text = PAGE.read_text(encoding="utf-8")
    for path in STATS.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            if "Agrees with" in (ast.get_docstring(node) or ""):
                assert node.name in text, f"{path.name}: {node.name}"
