"""R's values, case by case, and a register of the checks that hold ours against them.

A check is a function of one `Case`, registered with `against`; it computes what R computed and
calls ``case.agree(name, got, want)`` for each figure. ``test_conformance.py`` runs each as a test,
and fails where a case of `KINDS` has no check and no reason in ``left_out.py``.
``python tests/conformance`` runs the same checks and writes docs/conformance.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

REFERENCE = Path(__file__).parents[1] / "reference"
KINDS = "abcdeghij"
"""First letters of the files in tests/reference/values that are checked here: estimators. Scores
and classification (f, k) are checked with the evaluation."""

CLOSED_FORM = 1e-9
"""Relative: Kaplan-Meier, log-rank, Aalen-Johansen, rates; R's values carry 17 digits."""
ITERATED = 1e-6
"""Relative: maxima that both sides iterate to; R stops by the change of its log likelihood."""


class DataMissingError(Exception):
    """An open data file that the project may not ship is not on this machine."""


@dataclass
class Case:
    """One R call with what it returned.

    Attributes
    ----------
    file, name : where it stands in tests/reference/values.
    call : the R call; ``d`` is the data file.
    out : what R returned.
    paths : the data files, relative to the reference folder.
    largest : the largest relative difference seen, and of which figure.
    """

    file: str
    name: str
    call: str
    out: Any
    paths: tuple[str, ...]
    largest: float = 0.0
    largest_of: str = ""
    figures: int = 0
    estimator: str = field(default="")

    @property
    def id(self) -> str:
        """The case's name among all."""
        return f"{self.file}-{self.name}"

    def data(self, which: int = 0) -> pd.DataFrame:
        """Read the data file; "" is missing, categories are text."""
        return pd.read_csv(
            find(self.paths[which]),
            keep_default_na=False,
            na_values=[""],
            float_precision="round_trip",
        )

    def agree(
        self, what: str, got: Any, want: Any, *, rtol: float = CLOSED_FORM, atol: float = 1e-12
    ) -> None:
        """Assert that our figures are R's; both NaN where R says NA.

        The difference is relative to the larger of |want| and atol / rtol, elementwise.
        """
        ours = np.asarray(got, dtype=float)
        theirs = np.asarray(want, dtype=float)
        assert ours.shape == theirs.shape, f"{what}: shape {ours.shape}, R has {theirs.shape}"
        np.testing.assert_array_equal(
            np.isnan(ours), np.isnan(theirs), err_msg=f"{what}: not estimable elsewhere than in R"
        )
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol, err_msg=what)
        shown = np.isfinite(theirs)
        self.figures += int(shown.sum())
        size = np.maximum(np.abs(theirs[shown]), atol / rtol)
        difference = np.max(np.abs(ours[shown] - theirs[shown]) / size, initial=0.0)
        if difference >= self.largest:
            self.largest, self.largest_of = float(difference), what


Check = Callable[[Case], None]
CHECKS: dict[tuple[str, str], tuple[str, Check]] = {}


def against(file: str, *names: str, estimator: str) -> Callable[[Check], Check]:
    """Register a check of the cases `names` of `file`; `estimator` is our function's name."""

    def register(check: Check) -> Check:
        for name in names:
            assert (file, name) not in CHECKS, f"{file}, {name} is checked twice"
            CHECKS[file, name] = (estimator, check)
        return check

    return register


def cases() -> list[Case]:
    """Return every case of `KINDS`."""
    found = []
    for path in sorted((REFERENCE / "values").glob(f"[{KINDS}]_*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        paths = content["data"] if isinstance(content["data"], list) else [content["data"]]
        found += [
            Case(path.stem, each["name"], each["call"], each["out"], tuple(paths))
            for each in content["cases"]
        ]
    return found


def shorten(call: str, most: int = 140) -> str:
    """Return an R call on one line, cut where it is long."""
    line = " ".join(call.split())
    return line if len(line) <= most else line[: most - 3] + "..."


def find(relative: str) -> Path:
    """Return the path of a data file, from the project or from the folder GMTS_OPEN_DATA.

    Raises
    ------
    DataMissingError : it may not be shipped, and GMTS_OPEN_DATA is not set.
    FileNotFoundError : GMTS_OPEN_DATA is set, and the file is not there.
    """
    own = REFERENCE / relative
    if own.is_file():
        return own
    folder = os.environ.get("GMTS_OPEN_DATA")
    if not folder:
        raise DataMissingError(
            f"{relative} may not be shipped: GMTS_OPEN_DATA names the folder with open data files"
        )
    path = Path(folder) / "reference" / relative
    if not path.is_file():
        raise FileNotFoundError(f"GMTS_OPEN_DATA is set, but reference/{relative} is not there")
    return path


def summary_of(values: Any) -> dict[str, Any]:
    """Shorten a vector as R's long ones are kept: n, first and last five, sum, sum of squares."""
    flat = np.asarray(values, dtype=float)
    return {
        "n": len(flat),
        "first": flat[:5],
        "last": flat[-5:],
        "sum": flat.sum(),
        "sumsq": np.square(flat).sum(),
    }


def agree_with_summary(
    case: Case, what: str, values: Any, want: dict[str, Any], *, rtol: float, atol: float = 1e-12
) -> None:
    """Compare a vector with R's shortened one (`summary_of`)."""
    got = summary_of(values)
    assert got["n"] == want["n"], f"{what}: {got['n']} values, R has {want['n']}"
    for part in ("first", "last"):
        case.agree(f"{what}, {part}", got[part], want[part], rtol=rtol, atol=atol)
    # A sum near 0 is what its terms leave: its digits count relative to theirs.
    scale = max(1.0, float(np.abs(np.asarray(values, dtype=float)).sum()))
    case.agree(f"{what}, sum", got["sum"], want["sum"], rtol=rtol, atol=max(atol, rtol * scale))
    case.agree(f"{what}, sumsq", got["sumsq"], want["sumsq"], rtol=rtol, atol=atol)
