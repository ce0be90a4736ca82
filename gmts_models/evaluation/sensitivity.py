"""Does it matter what is done about missing values? The same model, three ways, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gmts_models.errors import FitError, InputError
from gmts_models.evaluation.average_risk import AverageRisk, average_risk
from gmts_models.evaluation.scoring import ALL
from gmts_models.features.table import FeatureTable, codes
from gmts_models.models.missing.imputed import impute
from gmts_models.models.missing.multiple_imputation import MultipleImputation
from gmts_models.models.missing.pooled_fits import collect_fits, has_coefficients
from gmts_models.models.protocol import check_horizons
from gmts_models.outcome import Bools, Floats, Ints
from gmts_models.stats.intervals import check_level
from gmts_models.stats.missing.scales import pool_on_scale

IMPUTED, INDICATOR, COMPLETE = "multiple imputation", "mean and indicator", "complete cases"
LEAST_LEFT = 10
"""Departures among the complete cases, below which nothing is fitted to them."""
TERM_COLUMNS = ("term", "coefficient", "ratio", "se", "lower", "upper", "p", "fmi")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MissingSensitivity:
    """The same model under three ways to deal with gaps.

    Attributes
    ----------
    coefficients : method, term, coefficient, ratio, se, lower, upper (of the ratio), p, fmi
        (multiple imputation only); no rows for models without coefficients.
    retention : method, group ("All" or a specialism), horizon_months, retention, lower, upper, n:
        the mean over the people of the group; of the complete cases where only they are used.
    rows : method, n, left (rows and departures learned from), refits, failed (of the bootstrap).
    gaps : column, missing, share_missing, r_hat (1 = the imputations have mixed).
    level : of the intervals.
    m : imputations.
    """

    coefficients: pd.DataFrame
    retention: pd.DataFrame
    rows: pd.DataFrame
    gaps: pd.DataFrame
    level: float
    m: int

    def to_frame(self) -> pd.DataFrame:
        """Return a row a quantity, the methods side by side.

        Columns: quantity ("ratio" or "retention"), name (of the term or group), horizon_months,
        and for each method its estimate, "lower, ..." and "upper, ...".
        """
        ratios = self.coefficients.rename(columns={"term": "name", "ratio": "estimate"})
        kept = self.retention.rename(columns={"group": "name", "retention": "estimate"})
        keys = ["quantity", "name", "horizon_months"]
        every = pd.concat(
            [
                part[[*keys, "method", "estimate", "lower", "upper"]]
                for part in (
                    ratios.assign(quantity="ratio", horizon_months=np.nan),
                    kept.assign(quantity="retention"),
                )
                if len(part)
            ]
        )
        result = every[keys].drop_duplicates().reset_index(drop=True)
        for method in self.rows["method"]:
            own = every[every["method"] == method].drop(columns="method")
            names = {end: f"{end}, {method}" for end in ("lower", "upper")} | {"estimate": method}
            result = result.merge(own.rename(columns=names), on=keys, how="left")
        return result

    def __repr__(self) -> str:
        told = zip(self.rows["method"], self.rows["n"], strict=True)
        return f"MissingSensitivity(m={self.m}; {', '.join(f'{a}: {n} rows' for a, n in told)})"


def missing_sensitivity(
    model: Any,
    table: FeatureTable,
    *,
    m: int = 20,
    iterations: int = 10,
    horizons: npt.ArrayLike = (12, 24, 36, 60),
    columns: Sequence[str] | None = None,
    complete_cases: bool = True,
    bootstrap: int = 200,
    level: float = 0.95,
    seed: int = 0,
    n_jobs: int = 1,
) -> MissingSensitivity:
    """Fit a model with gaps imputed, with means and indicators, and to complete cases only.

    Parameters
    ----------
    model : estimator with its own encoder, such as ``CoxPH()``; means and indicators are what it
        does about gaps by itself.
    table : of `build_features`, with gaps.
    m, iterations, columns : as for `MultipleImputation`. Gaps of other columns are left to the
        model in all three ways.
    horizons : (h,) months of the mean retention.
    complete_cases : whether to fit to them too.
    bootstrap : refits behind the intervals of retention, for each method; 0 = no intervals.
    level : of the intervals.
    seed : of imputations and bootstrap.
    n_jobs : processes for the refits; the numbers are the same for any.

    Raises
    ------
    InputError : nothing is missing, the model imputes already, or the complete cases are too few
        for it.
    FitError : the model cannot be fitted.

    Notes
    -----
    Columns without any value take no part. Someone of several rows is a complete case if all of
    them are. People are drawn again within their specialism, with
    all their rows, and their attributes are taken as they are: the intervals are about the risk of
    these people. From each of the m data sets is drawn ``bootstrap / m`` times, at least twice,
    since Rubin's rules average the variance over them. Retention is pooled, and its intervals are
    made, on the scale log(-log(retention)).
    """
    if not isinstance(table, FeatureTable):
        raise InputError(
            f"a {type(table).__name__} is no table of features",
            where="missing_sensitivity(table=)",
            fix="pass build_features(people)",
        )
    months = check_horizons(horizons)
    check_level(level)
    if isinstance(model, MultipleImputation):
        raise InputError(
            "the model imputes already",
            where="missing_sensitivity(model=...)",
            fix="give the model inside it: model.estimator",
        )
    if not len(table):
        raise InputError("the table has no rows", where="table")
    useful = table.X.loc[:, table.X.notna().any()]
    asked = useful if columns is None else useful.filter([str(name) for name in columns])
    gaps = asked.isna().any(axis=1).to_numpy()
    whole = ~np.isin(table.y.people, table.y.people[gaps])
    if not gaps.any():
        raise InputError("no value is missing, so there is nothing to compare", where="table.X")
    if complete_cases:
        _refuse_few(table, whole, asked)
    done = impute(table.X, table.y, m=m, iterations=iterations, seed=seed, columns=columns)
    study = _Study(model, table, months, level, np.random.default_rng(seed), n_jobs)
    everyone = np.arange(len(table))
    each = max(2, -(-bootstrap // m)) if bootstrap else 0
    parts = [
        study.run(IMPUTED, done.frames, everyone, each),
        study.run(INDICATOR, [table.X], everyone, bootstrap),
    ]
    if complete_cases:
        parts.append(study.run_complete(useful, np.flatnonzero(whole), bootstrap))
    return MissingSensitivity(
        coefficients=pd.concat([part[0] for part in parts], ignore_index=True),
        retention=pd.concat([part[1] for part in parts], ignore_index=True),
        rows=pd.DataFrame([part[2] for part in parts]),
        gaps=done.convergence,
        level=level,
        m=m,
    )


@dataclass(frozen=True, slots=True)
class _Study:
    """What the methods share."""

    model: Any
    table: FeatureTable
    months: Floats
    level: float
    rng: np.random.Generator
    n_jobs: int

    def run(
        self, method: str, frames: Sequence[pd.DataFrame], rows: Ints, refits: int
    ) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
        """Fit to some rows of each frame; return coefficients, retention and what was used."""
        y, labels = self.table.y[rows], self.table.specialism.astype(str).to_numpy()
        groups = {ALL: np.ones(len(rows), dtype=bool)}
        groups |= {name: labels[rows] == name for name in sorted(set(labels))}
        found = [
            average_risk(
                self.model,
                frame.iloc[rows],
                y,
                groups,
                self.months,
                strata=codes(self.table.specialism)[rows],
                refits=refits,
                rng=self.rng,
                n_jobs=self.n_jobs,
            )
            for frame in frames
        ]
        left = int(y.left.sum())
        used = {
            "method": method,
            "n": len(rows),
            "left": left,
            "refits": sum(each.refits for each in found),
            "failed": sum(each.failed for each in found),
        }
        coefficients = self._coefficients([each.fit for each in found], left)
        return (
            coefficients.assign(method=method)[["method", *TERM_COLUMNS]],
            self._retention(found, groups).assign(method=method),
            used,
        )

    def run_complete(
        self, useful: pd.DataFrame, rows: Ints, refits: int
    ) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
        """Fit to the complete cases, or say why that cannot be."""
        try:
            return self.run(COMPLETE, [useful], rows, refits)
        except FitError as error:
            raise InputError(
                f"{len(rows)} complete cases are too few for this model: {error.what}",
                where=error.where,
                fix="leave out the features with most gaps, or say complete_cases=False",
            ) from error

    def _coefficients(self, fits: Sequence[Any], left: int) -> pd.DataFrame:
        if not all(has_coefficients(fit) for fit in fits):
            return pd.DataFrame(columns=list(TERM_COLUMNS), dtype=object)
        if len(fits) > 1:
            return collect_fits(fits, left).table(self.level)
        return pd.DataFrame(fits[0].summary(self.level)).assign(fmi=np.nan)

    def _retention(self, found: Sequence[AverageRisk], groups: dict[str, Bools]) -> pd.DataFrame:
        # One data set twice has nothing between: the rules then give its own normal interval.
        sets = found if len(found) > 1 else [*found, *found]
        pooled = pool_on_scale(
            np.array([each.estimate.ravel() for each in sets]),
            np.array([each.std_err.ravel() for each in sets]),
            "cloglog",
            level=self.level,
        )
        size = len(self.months)
        return pd.DataFrame(
            {
                "group": np.repeat(list(groups), size),
                "horizon_months": np.tile(self.months, len(groups)),
                "retention": 1 - pooled.estimate,
                "lower": 1 - pooled.upper,
                "upper": 1 - pooled.lower,
                "n": np.repeat([int(own.sum()) for own in groups.values()], size),
            }
        )


def _refuse_few(table: FeatureTable, whole: Bools, asked: pd.DataFrame) -> None:
    left = int(table.y.left[whole].sum())
    if left < LEAST_LEFT:
        most = asked.isna().mean().sort_values(ascending=False, kind="stable").head(3)
        raise InputError(
            f"{left} departures are among the {int(whole.sum())} complete cases; {LEAST_LEFT} are "
            "the least to fit to",
            where="table.X; most gaps: "
            + ", ".join(f"{name} ({share:.0%})" for name, share in most.items()),
            fix="leave out the features with most gaps, or say complete_cases=False",
        )
