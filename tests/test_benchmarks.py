"""Benchmarks run: our sides, at a size that shows nothing of their speed."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _find_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def test_our_sides_give_the_figures_that_others_are_held_against(tmp_path: Path) -> None:
    from benchmarks import ours
    from benchmarks.cases import CASES
    from benchmarks.run import difference
    from benchmarks.simulate import Data, write

    for number, case in enumerate(CASES):
        recipe = replace(case.recipe, people=600, groups=min(case.recipe.groups, 20))
        recipe = replace(recipe, draws=min(recipe.draws, 3))
        write(recipe, tmp_path / str(number))
        data = Data(tmp_path / str(number))
        assert len(data.time) == 600 * recipe.rows_each
        sides = [side for side in case.sides if side in ours.SIDES]
        assert sides[0] == "gmts_models"
        figures = {side: list(ours.SIDES[side][case.kind](data)()) for side in sides}
        assert figures["gmts_models"]
        assert all(math.isfinite(each) for each in figures["gmts_models"])
        for side in sides[1:]:
            allowed = case.agree.get(side, 1e-6)
            assert allowed is None or difference(figures[side], figures["gmts_models"]) <= allowed


@pytest.mark.slow
def test_a_run_measures_in_other_processes_and_writes_what_it_found(tmp_path: Path) -> None:
    from benchmarks.run import main
    from benchmarks.table import table

    output = tmp_path / "found.json"
    assert main(["--ours", "--quick", "--only", "cox-robust", "--output", str(output)]) == 0
    found = json.loads(output.read_text(encoding="utf-8"))
    sides = found["cases"]["cox-robust"]["sides"]
    assert list(sides) == ["gmts_models", "gmts_models, plain fit"]
    assert all(len(side["seconds"]) == 2 and side["median"] > 0 for side in sides.values())
    assert found["cases"]["cox-robust"]["targets"][0]["bound"] == "<= 2"
    assert "errors robust to 2,000 clusters | gmts_models | " in table(found)


def test_differences_are_relative_to_each_figure() -> None:
    from benchmarks.run import difference

    assert difference([1.0, 2.2], [1.0, 2.0]) == pytest.approx(0.1)
    assert difference([1.0, 2.2, 9.0], [1.0, 2.0]) == pytest.approx(0.1)
    assert difference([100.0, 1e-3], [100.0, 0.0]) == pytest.approx(1e-3)
