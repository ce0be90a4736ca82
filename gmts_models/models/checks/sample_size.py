"""Are there enough people for this model? Riley's criteria, and events per parameter by group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gmts_models.errors import FitError, InputError
from gmts_models.features.table import FeatureTable
from gmts_models.models.encoding import fit_design
from gmts_models.models.survival.kaplan_meier import KaplanMeier
from gmts_models.outcome import Bools, Outcome
from gmts_models.stats.sample_size import SHRINKAGE, SampleSize, sample_size


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SampleSizeCheck:
    """What a model of so many parameters needs, and what there is.

    Attributes
    ----------
    overall : of all rows together.
    groups : a row a specialism: group, people, left, events_per_parameter, shrinkage (the factor
        that effects learned from this group alone have to be shrunk by; missing where nobody
        left). Counts are as they are: not for publication.
    apart : whether the model is fitted to each group by itself.
    """

    overall: SampleSize
    groups: pd.DataFrame
    apart: bool

    @property
    def enough(self) -> bool:
        """Whether there are enough people; in each group, where groups are fitted apart."""
        if self.apart:
            return bool((self.groups["shrinkage"] >= SHRINKAGE).all())
        return self.overall.enough

    def to_frame(self) -> pd.DataFrame:
        """Return the groups."""
        return self.groups

    def __str__(self) -> str:
        found = self.overall
        said = (
            f"{found.people:,} people, {found.events:,} of whom left, and {found.parameters} "
            f"parameters: {found.events_per_parameter:.1f} departures a parameter. "
        )
        if self.apart:
            least = self.groups["shrinkage"].fillna(0).min()
            said += (
                "Each specialism is fitted by itself; in the one that tells least, effects have "
                f"to be shrunk by a factor of {least:.2f}"
            )
            return said + (
                " (Riley et al. 2019)." if self.enough else f", and {SHRINKAGE} is wanted."
            )
        if self.enough:
            return said + "That is enough (Riley et al. 2019)."
        return said + (
            f"{found.needed:,} people would be needed (Riley et al. 2019); with these, effects "
            f"have to be shrunk by a factor of {found.shrinkage:.2f}."
        )

    def __repr__(self) -> str:
        return f"SampleSizeCheck({self})"


def check_sample_size(
    table: FeatureTable, model: Any = None, *, horizon: float = 24, r2: float | None = None
) -> SampleSizeCheck | None:
    """Compare the people in a table with those that a model of its columns needs.

    Parameters
    ----------
    table : of `build_features`.
    model : unfitted estimator, which tells the columns that take part and whether specialisms are
        fitted apart; default: one model of all columns.
    horizon : months at which the overall risk is to be known.
    r2 : Cox and Snell's R squared that is expected; see `stats.sample_size.sample_size`.

    Returns
    -------
    SampleSizeCheck; None where there is nothing to estimate but curves (`KaplanMeier`).

    Raises
    ------
    FitError : nobody leaves.

    Notes
    -----
    Each encoded column counts as one parameter, penalty or not, since a penalised model chooses
    among as many. Trees choose among more. The criteria are for prediction; they ask more than the
    old rule of ten departures a parameter.

    Source: Riley, Snell, Ensor et al. (2019), Statistics in Medicine 38:1276-1296.
    """
    if isinstance(model, KaplanMeier):
        return None
    if not table.y.left.any():
        raise FitError("nobody leaves in these rows", where="table")
    X, apart = _taking_part(table.X, model)
    parameters = len(fit_design(None, X)[0].names) if X.shape[1] else 1
    groups = table.specialism.to_numpy(dtype=str)
    rows = []
    for group in np.unique(groups):
        found = _count(table.y, groups == group)
        size = sample_size(*found, parameters, horizon, r2) if found[1] else None
        rows.append(
            {
                "group": group,
                "people": found[0],
                "left": found[1],
                "events_per_parameter": found[1] / parameters,
                "shrinkage": np.nan if size is None else size.shrinkage,
            }
        )
    everyone = _count(table.y, np.ones(len(table), dtype=bool))
    return SampleSizeCheck(
        overall=sample_size(*everyone, parameters, horizon, r2),
        groups=pd.DataFrame(rows),
        apart=apart,
    )


def _taking_part(X: pd.DataFrame, model: Any) -> tuple[pd.DataFrame, bool]:
    """Return the columns that have effects, and whether groups are fitted apart."""
    out: list[str] = []
    apart = False
    while model is not None:
        for name in ("strata", "by", "crossed"):
            given = getattr(model, name, None)
            if given is not None:
                out += [given] if isinstance(given, str) else list(given)
        apart |= getattr(model, "pooling", None) == "none"
        model = getattr(model, "estimator", None)
        if not hasattr(model, "predict_risk"):  # a classifier within has no columns of its own
            break
    return X.drop(columns=[name for name in out if name in X]), apart


def _count(y: Outcome, rows: Bools) -> tuple[int, int, float]:
    """Return people, how many of them left, and their person-months."""
    if not rows.any():
        raise InputError("there are no rows", where="table")
    people = len(np.unique(y.people[rows]))
    left = len(np.unique(y.people[rows & y.left]))
    months = float((y.exit - y.entry)[rows].sum())
    return people, left, max(months, 1e-9)
