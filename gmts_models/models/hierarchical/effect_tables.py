"""What a hierarchical fit says of its groups, as tables without counts of people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gmts_models.errors import InputError
from gmts_models.stats.hierarchy.effects import log_hazard_ratio, rank_probabilities
from gmts_models.stats.hierarchy.result import HierarchicalFit


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupComparison:
    """How the hazards of two groups compare.

    Attributes
    ----------
    term : that the groups belong to.
    group, against : labels.
    ratio, lower, upper : of the hazard of `group` to that of `against`, with its limits; of a
        slope's term, per unit of the column.
    higher : P(ratio > 1).
    level : of the limits.
    """

    term: str
    group: str
    against: str
    ratio: float
    lower: float
    upper: float
    higher: float
    level: float

    def to_frame(self) -> pd.DataFrame:
        """Return a row: term, group, against, ratio, lower, upper, higher."""
        row = {name: getattr(self, name) for name in self.__slots__ if name != "level"}
        return pd.DataFrame([row])


def group_table(fit: HierarchicalFit, units: Sequence[float]) -> pd.DataFrame:
    """Return a row a term and group: its effect against the mean of the groups.

    Parameters
    ----------
    units : (k,) of the columns of slopes that the effects are stated in; 1 elsewhere.

    Returns
    -------
    Frame of term, group, estimate and se (of the log hazard ratio), ratio, lower, upper, shrinkage.
    """
    parts = []
    for effects, unit in zip(fit.effects, units, strict=True):
        found = log_hazard_ratio(fit, effects.name, level=fit.level)
        parts.append(
            pd.DataFrame(
                {
                    "term": effects.name,
                    "group": np.array(found.labels, dtype=object),
                    "estimate": found.estimate / unit,
                    "se": found.std_err / unit,
                    "ratio": np.exp(found.estimate / unit),
                    "lower": np.exp(found.lower / unit),
                    "upper": np.exp(found.upper / unit),
                    "shrinkage": effects.shrinkage,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def spread_table(fit: HierarchicalFit, units: Sequence[float]) -> pd.DataFrame:
    """Return a row a term: the standard deviation of its groups' effects, with limits."""
    rows = [
        (spread.name, spread.mean / unit, spread.lower / unit, spread.upper / unit)
        for spread, unit in zip(fit.spreads, units, strict=True)
    ]
    return pd.DataFrame(rows, columns=["term", "sd", "lower", "upper"])


def rank_table(fit: HierarchicalFit, term: str) -> pd.DataFrame:
    """Return the probability of each rank (columns, 1 = lowest hazard) of each group (index)."""
    ranks = rank_probabilities(fit, term)
    g = len(ranks.labels)
    return pd.DataFrame(
        ranks.probability,
        index=pd.Index(ranks.labels, name="group", dtype=object),
        columns=pd.RangeIndex(1, g + 1, name="rank"),
    )


def compare_groups(
    fit: HierarchicalFit, term: str, unit: float, group: str, against: str, level: float
) -> GroupComparison:
    """Compare two groups of a term.

    Raises
    ------
    InputError : one of them was not in the fit.
    """
    labels = next(each.labels for each in fit.terms if each.name == term)
    for label in (group, against):
        if label not in labels:
            raise InputError(
                f"the fit has no group {label!r}",
                where=f"compare, {term}",
                fix=f"one of {', '.join(labels[:10])}",
            )
    found = log_hazard_ratio(fit, term, against, level=level)
    at = found.labels.index(group)
    return GroupComparison(
        term=term,
        group=group,
        against=against,
        ratio=float(np.exp(found.estimate[at] / unit)),
        lower=float(np.exp(found.lower[at] / unit)),
        upper=float(np.exp(found.upper[at] / unit)),
        higher=float(found.higher[at]),
        level=level,
    )
