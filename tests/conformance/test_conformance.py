"""Every estimator against R, case by case."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from left_out import LEFT_OUT
from reference import CHECKS, Case, DataMissingError, cases

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
