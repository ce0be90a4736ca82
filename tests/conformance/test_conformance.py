"""Every estimator against R, case by case."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from left_out import LEFT_OUT
from reference import CHECKS, Case, DataMissingError, cases, shorten

for path in sorted(Path(__file__).parent.glob("check_*.py")):
    import_module(path.stem)

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_agrees_with_r(case: Case) -> None:
    key = (case.file, case.name)
    if key in LEFT_OUT:
        assert key not in CHECKS, "a case that is left out has a check"
        pytest.skip(LEFT_OUT[key])
    assert key in CHECKS, "no check, and no reason in left_out.py"
    fresh = replace(case)
    try:
        CHECKS[key][1](fresh)
    except DataMissingError as missing:
        pytest.skip(str(missing))
    assert fresh.figures, "the check compared nothing"


def test_checks_and_reasons_are_of_cases_that_exist() -> None:
    known = {(case.file, case.name) for case in CASES}
    assert set(CHECKS) <= known
    assert set(LEFT_OUT) <= known


def test_the_page_shows_every_call() -> None:
    page = Path(__file__).parents[2] / "docs" / "conformance.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    rows = [line.split(" | ")[:2] for line in lines if line.startswith("| `")]
    shown = {(estimator.strip("| `"), call.strip("`")) for estimator, call in rows}
    for case in CASES:
        if (case.file, case.name) in LEFT_OUT:
            assert any(case.name in line for line in lines)
            continue
        estimator = CHECKS[case.file, case.name][0]
        call = shorten(case.call).replace("|", "\\|")
        assert (estimator, call) in shown, f"{case.id}: run python tests/conformance"
