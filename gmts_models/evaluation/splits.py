"""Who trains and who is predicted. A person never stands on both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.config import GroupedKFold, LeaveOneCohortOut, SchemeSpec, TemporalSplit
from gmts_models.errors import InputError
from gmts_models.features.table import UNKNOWN, FeatureTable, codes
from gmts_models.outcome import Bools, Ints

SchemeName = Literal["leave_one_cohort_out", "temporal", "k_fold", "new_rows"]


_NEEDS_COHORTS = {
    "where": "cohort",
    "fix": "use the scheme k_fold, or give the column cohort (or start_date)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One split; `train` and `test` are positions of rows, `label` says who is predicted."""

    label: str
    train: Ints
    test: Ints


def make_folds(
    scheme: SchemeSpec | SchemeName, table: FeatureTable, rng: np.random.Generator
) -> list[Fold]:
    """Split a table.

    Parameters
    ----------
    scheme : a specification, or the name of one with its defaults.
    table : n rows.
    rng : for the schemes that draw.

    Raises
    ------
    InputError : the table has too few cohorts or people for the scheme.
    """
    if scheme == "new_rows":  # nobody trains
        everyone = np.ones(len(table), dtype=bool)
        return [Fold(label="new rows", train=_rows(~everyone), test=_rows(everyone))]
    spec = _named(scheme) if isinstance(scheme, str) else scheme
    match spec:
        case LeaveOneCohortOut():
            return _leave_one_cohort_out(spec, table)
        case TemporalSplit():
            return _temporal(spec, table)
        case GroupedKFold():
            return _k_fold(spec, table, rng)
    assert_never(spec)


def _named(name: str) -> SchemeSpec:
    match name:
        case "leave_one_cohort_out":
            return LeaveOneCohortOut()
        case "temporal":
            return TemporalSplit()
        case "k_fold":
            return GroupedKFold()
    raise InputError(
        f"unknown scheme {name!r}",
        where="scheme",
        fix="choose leave_one_cohort_out, temporal, k_fold or new_rows",
    )


def _leave_one_cohort_out(spec: LeaveOneCohortOut, table: FeatureTable) -> list[Fold]:
    cohort = table.cohort.to_numpy(dtype=str)
    people = table.y.people
    folds = []
    sizes = pd.Series(cohort[_one_row_each(cohort, people)]).value_counts()
    for label, size in sizes.sort_index().items():
        if label == UNKNOWN:  # no cohort that could come again: they only train
            continue
        test = cohort == label
        train = ~test & ~np.isin(people, people[test])
        if size >= spec.min_size and train.any():
            folds.append(Fold(label=str(label), train=_rows(train), test=_rows(test)))
    if not folds:
        raise InputError(
            "leave-one-cohort-out needs at least two cohorts"
            + (f", one of them with {spec.min_size} people or more" if spec.min_size > 1 else ""),
            **_NEEDS_COHORTS,
        )
    return folds


def _temporal(spec: TemporalSplit, table: FeatureTable) -> list[Fold]:
    """Predict the latest cohorts; people without a cohort are left out on both sides."""
    cohort = table.cohort.to_numpy(dtype=str)
    known = cohort != UNKNOWN
    each = known & _one_row_each(cohort, table.y.people)
    began = pd.Series(table.start[each]).groupby(cohort[each]).median().sort_values()
    if began.isna().any():
        raise InputError(
            f"{int(began.isna().sum())} cohorts do not tell when they began",
            where="cohort",
            fix="give start_date, or labels that begin with the year, such as 2019-09",
        )
    if len(began) < 2:
        raise InputError("a temporal split needs at least two cohorts", **_NEEDS_COHORTS)
    share_from = np.array(
        [np.isin(cohort[each], began.index[i:]).mean() for i in range(1, len(began))]
    )
    first = 1 + int(np.abs(share_from - spec.test_fraction).argmin())
    test = np.isin(cohort, began.index[first:])
    train = known & ~test & ~np.isin(table.y.people, table.y.people[test])
    if not train.any():
        raise InputError("everyone in the earlier cohorts is in the later ones too", where="ids")
    label = f"{began.index[first]} and later"
    return [Fold(label=label, train=_rows(train), test=_rows(test))]


def _k_fold(spec: GroupedKFold, table: FeatureTable, rng: np.random.Generator) -> list[Fold]:
    """Folds of whole people, balanced within specialisms."""
    people, first = np.unique(table.y.people, return_index=True)
    if len(people) < spec.folds:
        raise InputError(
            f"{spec.folds} folds need at least as many people, there are {len(people)}",
            where="evaluation.scheme.folds",
            fix="ask for fewer folds",
        )
    order = rng.permutation(len(people))
    order = order[np.argsort(codes(table.specialism)[first][order], kind="stable")]
    fold_of = np.empty(len(people), dtype=np.int64)
    fold_of[order] = np.arange(len(people)) % spec.folds
    fold = fold_of[np.searchsorted(people, table.y.people)]
    return [
        Fold(label=f"fold {k + 1}", train=_rows(fold != k), test=_rows(fold == k))
        for k in range(spec.folds)
    ]


def _one_row_each(cohort: npt.NDArray[np.str_], people: Ints) -> Bools:
    """Return (n,) bool: the first row of each person, so that rows of one count once."""
    pairs = pd.DataFrame({"cohort": cohort, "person": people})
    return ~pairs.duplicated().to_numpy()


def _rows(mask: Bools) -> Ints:
    return np.flatnonzero(mask).astype(np.int64)
