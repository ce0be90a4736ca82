"""Do hazards stay proportional? Where they do not, mean months stayed say it without them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from gmts_models.errors import InputError
from gmts_models.features.table import FeatureTable
from gmts_models.models.encoding import fit_design, term_sources
from gmts_models.models.protocol import group_label
from gmts_models.models.survival.cox import CoxPH
from gmts_models.outcome import Floats
from gmts_models.stats.cox.fit import fit_cox
from gmts_models.stats.cox.proportionality import Transform, proportionality_test
from gmts_models.stats.survival.restricted_mean import difference_of_means, restricted_mean

LEVEL = 0.05
"""Share of attributes that keep their effect and are noted all the same: of all together, since
the p-values are Holm's."""
_QUARTERS = (0.25, 0.5, 0.75)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ProportionalityCheck:
    """Tests of whether effects change in time, and what to say where they do.

    Attributes
    ----------
    tests : a row an attribute, and one for all together ("GLOBAL"): attribute, chi2, df, p, p_holm.
    breached : attributes whose effect changes.
    restricted_means : for these, a row a group of people: attribute, group, months (mean months
        stayed up to `until`), lower, upper, difference (from the first group), difference_lower,
        difference_upper. Numbers are cut at their quartiles. The difference needs no
        proportionality, and takes no account of other attributes.
    until : months up to which the means are taken.
    """

    tests: pd.DataFrame
    breached: tuple[str, ...]
    restricted_means: pd.DataFrame
    until: float

    def to_frame(self) -> pd.DataFrame:
        """Return the tests."""
        return self.tests

    def __str__(self) -> str:
        if not self.breached:
            return "No effect was seen to change in time."
        return (
            f"The effect of {', '.join(self.breached)} changes in time: its hazard ratio is an "
            "average over the follow-up. The mean months stayed up to "
            f"{self.until:g} months need no such average: check_proportional_hazards gives them."
        )

    def __repr__(self) -> str:
        return f"ProportionalityCheck({self})"


def check_proportional_hazards(
    table: FeatureTable,
    model: CoxPH | None = None,
    *,
    until: float | None = None,
    transform: Transform = "km",
    level: float = 0.95,
) -> ProportionalityCheck:
    """Test the attributes of a Cox model, and give restricted means of those that fail.

    Parameters
    ----------
    table : of `build_features`.
    model : unfitted `CoxPH`, whose strata, ties, penalty and encoder are taken; default
        ``CoxPH()``.
    until : months; default: the last departure that is still followed in every group shown, at
        most 60.
    transform : of time, as for `stats.cox.proportionality.proportionality_test`.
    level : of the limits of the means.

    Raises
    ------
    InputError : `model` is no `CoxPH`.
    FitError, NotEstimableError : as the fit and the test.

    Source: Grambsch & Therneau (1994), Biometrika 81:515-526; Holm (1979), Scandinavian Journal of
    Statistics 6:65-70; Royston & Parmar (2013), BMC Medical Research Methodology 13:152.
    """
    cox = CoxPH() if model is None else model
    if not isinstance(cox, CoxPH):
        raise InputError(
            f"proportional hazards are what CoxPH assumes, not {type(cox).__name__}",
            where="check_proportional_hazards(model=...)",
        )
    tests = _tests(table, cox, transform)
    changes = (tests["p_holm"] < LEVEL) & (tests["attribute"] != "GLOBAL")
    breached = tuple(tests.loc[changes, "attribute"])
    groups = {name: _groups(table.X[name]) for name in breached if name in table.X}
    horizon = _common_follow_up(table, groups) if until is None else float(until)
    means = [_means(table, name, labels, horizon, level) for name, labels in groups.items()]
    return ProportionalityCheck(
        tests=tests,
        breached=breached,
        restricted_means=pd.concat(means, ignore_index=True) if means else pd.DataFrame(),
        until=horizon,
    )


def _tests(table: FeatureTable, cox: CoxPH, transform: Transform) -> pd.DataFrame:
    y = table.y
    X = table.X if cox.strata is None else table.X.drop(columns=cox.strata)
    design, matrix = fit_design(cox.encoder, X)
    strata = None
    if cox.strata is not None:
        strata = pd.factorize(table.X[cox.strata].map(group_label), sort=True)[0]
    fit = fit_cox(
        matrix,
        y.exit,
        y.left,
        y.entry,
        strata=strata,
        clusters=y.people,
        ties=cox.ties,
        penalty=np.full(len(design.names), cox.alpha) if cox.alpha else None,
        names=design.names,
    )
    columns: dict[str, list[int]] = {}
    for j, source in enumerate(term_sources(design)):
        columns.setdefault(source.column or design.names[j], []).append(j)
    found = proportionality_test(fit, transform, terms=list(columns.items()))
    return pd.DataFrame(
        {
            "attribute": found.terms,
            "chi2": found.chi2,
            "df": found.df,
            "p": found.p,
            "p_holm": [*_holm(found.p[:-1]), found.p[-1]],
        }
    )


def _holm(p: Floats) -> Floats:
    """Return p-values adjusted for their number; missing ones are none."""
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known])]
    steps = (len(order) - np.arange(len(order))) * p[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def _groups(column: pd.Series) -> pd.Series:
    """Return a column as categories in order; more than five numbers are cut at quartiles."""
    numbers = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if not numbers or column.nunique() <= 5:
        labels = column.map(group_label, na_action="ignore").astype(object).fillna("missing")
        return labels.astype("category")
    edges = np.unique(column.quantile(list(_QUARTERS)))
    names = [
        f"up to {edges[0]:g}",
        *(f"{a:g} to {b:g}" for a, b in pairwise(edges)),
        f"above {edges[-1]:g}",
    ]
    place = np.searchsorted(edges, column.to_numpy(float), side="left")
    labels = pd.Series(np.array(names, dtype=object)[place], index=column.index)
    order = pd.CategoricalDtype([*names, "missing"], ordered=True)
    return labels.where(column.notna(), "missing").astype(order).cat.remove_unused_categories()


def _common_follow_up(table: FeatureTable, groups: dict[str, pd.Series]) -> float:
    last = [60.0, float(table.y.exit.max())]
    for labels in groups.values():
        last += list(pd.Series(table.y.exit).groupby(labels.to_numpy(object)).max())
    return float(min(last))


def _means(
    table: FeatureTable, name: str, labels: pd.Series, until: float, level: float
) -> pd.DataFrame:
    y = table.y
    present = list(labels.cat.categories)
    found = {}
    for label in present:
        at = labels.to_numpy(object) == label
        found[label] = restricted_mean(
            y.exit[at],
            y.left[at],
            y.entry[at],
            clusters=y.people[at],
            until=until,
            level=level,
        )
    rows = []
    for label, each in found.items():
        row = {"attribute": name, "group": label, "months": each.mean}
        row |= {"lower": each.lower, "upper": each.upper}
        if label != present[0]:
            apart = difference_of_means(each, found[present[0]])
            row |= {
                "difference": apart.estimate,
                "difference_lower": apart.lower,
                "difference_upper": apart.upper,
            }
        rows.append(row)
    return pd.DataFrame(rows)
