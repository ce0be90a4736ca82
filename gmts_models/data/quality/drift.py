"""Cohorts that differ from the others in what is recorded of them at the start.

A change of wording, of a form or of who is taken on looks alike here; either way a model learned
from the others will meet what it does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from gmts_models.data.contract.columns import BY_NAME, Column
from gmts_models.data.people import People
from gmts_models.outcome import Floats

Found = Iterator[dict[str, Any]]
Labels = npt.NDArray[np.str_]

DRIFT_COLUMNS = ("column", "cohort", "what", "n", "fewest", "size", "p")

LEAST_SHARES = 0.15
LEAST_DIFFERENCE = 0.3
LEAST_COHORT = 10
SIGNIFICANT = 0.05
_MOST_LABELS = 50
_NEW_LABEL = 0.05


def find_drift(people: People) -> Found:
    """Return the cohorts in which a column differs from the other cohorts.

    Parameters
    ----------
    people : checked records.

    Yields
    ------
    A dict with the keys `DRIFT_COLUMNS`. For a category `size` is the total variation distance of
    the shares of its labels, gaps being a label (half the sum of absolute differences), told from
    `LEAST_SHARES` on; for a number it is the difference of means in standard deviations, told from
    `LEAST_DIFFERENCE` on. `fewest` is the smallest number of people, of the cohort or of the
    others, that `what` tells of. `p` is of Pearson's chi-squared test, or of Welch's t, after Holm
    over all columns and cohorts. Cohorts of fewer than `LEAST_COHORT` are not compared.
    """
    frame = people.trainees
    if "cohort" not in frame:
        return
    sizes = frame["cohort"].value_counts()
    cohorts = sorted(sizes.index[sizes >= LEAST_COHORT])
    if len(cohorts) < 2:
        return
    found = [line for column in _compared(people) for line in _compare(frame, column, cohorts)]
    adjusted = _holm(np.array([line["p"] for line in found]))
    for line, p in zip(found, adjusted, strict=True):
        if line.pop("large") and p < SIGNIFICANT:
            yield {**line, "p": float(p)}


def _compared(people: People) -> list[Column]:
    known = {**BY_NAME, **people.attributes}
    names = [name for name in people.trainees if name in known and name != "cohort"]
    kinds = ("category", "flag", "number")
    own = set(people.attributes)
    return [
        known[name]
        for name in names
        if known[name].kind in kinds and (known[name].known == "start" or name in own)
    ]


def _compare(frame: pd.DataFrame, column: Column, cohorts: list[str]) -> Found:
    values, cohort = frame[column.name], frame["cohort"]
    number = column.kind == "number"
    if number:
        told = values.notna().to_numpy()
        parts = {each: values[told & (cohort == each).to_numpy()] for each in cohorts}
        rest = {each: values[told & (cohort != each).to_numpy()] for each in cohorts}
    else:
        counts = pd.crosstab(values.astype("string").fillna("(missing)"), cohort)
        if not 2 <= len(counts) <= _MOST_LABELS:
            return
    for each in cohorts:
        compared = (
            _compare_numbers(parts[each].to_numpy(float), rest[each].to_numpy(float))
            if number
            else _compare_labels(
                counts.index.to_numpy(str),
                counts[each].to_numpy(float),
                counts.drop(columns=each).sum(axis=1).to_numpy(float),
            )
        )
        if compared is not None:
            n = int((cohort == each).sum())
            yield {"column": column.name, "cohort": str(each), "n": n, **compared}


def _compare_labels(labels: Labels, here: Floats, others: Floats) -> dict[str, Any]:
    told = (here + others) > 0
    labels, here, others = labels[told], here[told], others[told]
    mine, theirs = here / here.sum(), others / others.sum()
    difference = np.abs(mine - theirs)
    size = float(difference.sum() / 2)
    p = float(stats.chi2_contingency(np.array([here, others]), correction=False)[1])
    largest = int(difference.argmax())
    what = f"{labels[largest]}: {mine[largest]:.0%}, elsewhere {theirs[largest]:.0%}"
    what = what.replace("%", " %")
    counts = np.r_[here[largest], others[largest]]
    counts = np.r_[counts, here.sum() - counts[0], others.sum() - counts[1]]
    new = (others == 0) & (mine >= _NEW_LABEL)
    if new.any():
        what, counts = f"only here: {', '.join(labels[new])}", here[new]
    fewest = int(counts[counts > 0].min())
    return {"what": what, "fewest": fewest, "size": size, "p": p, "large": size >= LEAST_SHARES}


def _compare_numbers(a: Floats, b: Floats) -> dict[str, Any] | None:
    if len(a) < LEAST_COHORT or len(b) < LEAST_COHORT:
        return None
    spread = float(np.concatenate([a - a.mean(), b - b.mean()]).std())
    if spread == 0:
        return None
    size = float((a.mean() - b.mean()) / spread)
    p = float(stats.ttest_ind(a, b, equal_var=False).pvalue) if a.std() or b.std() else 1.0
    return {
        "what": f"mean {a.mean():.3g}, elsewhere {b.mean():.3g}",
        "fewest": min(len(a), len(b)),
        "size": size,
        "p": p,
        "large": abs(size) >= LEAST_DIFFERENCE,
    }


def _holm(p: Floats) -> Floats:
    """Return p adjusted by Holm's step-down procedure (Holm 1979, Scand J Statist 6:65-70)."""
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
