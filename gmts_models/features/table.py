"""From people to X and y, for one endpoint and one prediction date."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from gmts_models.config import Endpoint
from gmts_models.data.endpoints import build_outcome
from gmts_models.data.people import People
from gmts_models.errors import InputError
from gmts_models.features.catalogue import available, default_names
from gmts_models.features.known import known_at_start
from gmts_models.outcome import Floats, Ints, Outcome

UNKNOWN = "unknown"
"""The cohort of those whose cohort is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What has to be done again to new people before a model can speak of them.

    Attributes
    ----------
    names : features, in the order of X's columns.
    at : the prediction date; "start" is the day before the first day.
    endpoint : what counts as leaving.
    """

    names: tuple[str, ...]
    at: Literal["start"] = "start"
    endpoint: Endpoint = "left_nhs"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FeatureTable:
    """Features and outcomes of the same n people; all parts share one index.

    Attributes
    ----------
    X : (n, p) frame: categories as text, numbers as float, missing values as missing.
    y : n rows.
    ids : (n,) trainee ids.
    specialism, cohort : (n,) text labels; the cohort is "all" where none is known.
    start : (n,) when the cohort began: the start date in years, or the year and month that the
        cohort's label begins with; NaN where neither tells.
    follow_up : (n,) months from the clock's start to the census; NaN where not known.
    recipe : how X was made.
    """

    X: pd.DataFrame
    y: Outcome
    ids: pd.Series
    specialism: pd.Series
    cohort: pd.Series
    start: Floats
    follow_up: Floats
    recipe: Recipe

    def __len__(self) -> int:
        return len(self.X)

    def __repr__(self) -> str:
        return f"FeatureTable(n={len(self)}, features={list(self.X.columns)}, {self.y!r})"


def build_features(
    people: People,
    at: Literal["start"] = "start",
    endpoint: Endpoint = "left_nhs",
    *,
    features: Literal["default"] | Sequence[str] = "default",
) -> FeatureTable:
    """Derive the attributes known on the prediction date, and the outcome after it.

    Parameters
    ----------
    people : of `load_trainees(...).valid` or `simulate_trainees`.
    at : the prediction date: "start", with what is known on the start date.
    endpoint : "left_nhs", "left_scheme" or "post_scheme".
    features : names, or "default" for the built-in ones whose columns are there and the user's
        own that are not protected characteristics.

    Raises
    ------
    InputError : a feature cannot be made from these columns, or `at` is not "start".
    """
    if at != "start":
        raise InputError(
            "features are known at the start only",
            where=f"at={at!r}",
            fix='say at="start"; facts that come later need dated records',
        )
    names = (
        default_names(people, known_at_start(people)) if features == "default" else tuple(features)
    )
    followed = build_outcome(people, endpoint)
    part = people.trainees.iloc[followed.rows]
    return FeatureTable(
        X=make_features(people, names).iloc[followed.rows],
        y=followed.y,
        ids=part["trainee_id"],
        specialism=part["specialism"].astype(object),
        cohort=_cohorts(part),
        start=_start_years(part),
        follow_up=followed.follow_up,
        recipe=Recipe(names=names, endpoint=endpoint),
    )


def make_features(people: People, names: Sequence[str]) -> pd.DataFrame:
    """Return X for all of `people`, whatever became of them."""
    ready = available(people)
    for name in names:
        if name not in ready:
            close = difflib.get_close_matches(name, ready, n=1)
            raise InputError(
                f"there is no feature {name!r} in these data"
                + (f"; did you mean {close[0]!r}?" if close else ""),
                where="features",
                fix=f"choose among {', '.join(sorted(ready))}",
            )
    known = known_at_start(people)
    made = {name: ready[name].values(known) for name in names}
    return pd.DataFrame(made).set_axis(people.trainees.index, axis=0)


def _cohorts(frame: pd.DataFrame) -> pd.Series:
    if "cohort" not in frame:
        return pd.Series("all", frame.index, dtype=object)
    return frame["cohort"].astype(object).where(frame["cohort"].notna(), UNKNOWN)


def _start_years(frame: pd.DataFrame) -> Floats:
    if "start_date" in frame:
        days = frame["start_date"] - pd.Timestamp("1970-01-01")
        return np.asarray(1970 + days.dt.days / 365.25, dtype=float)
    told = _cohorts(frame).astype("string").str.extract(r"^(\d{4})(?:-(\d{1,2})(?!\d))?")
    parts = told.astype("Float64").to_numpy(float, na_value=np.nan)
    return np.asarray(parts[:, 0] + np.nan_to_num(parts[:, 1] - 1) / 12, dtype=float)


def codes(labels: pd.Series) -> Ints:
    """Return (n,) integer codes of labels, in their sorted order."""
    return np.unique(labels.to_numpy(dtype=str), return_inverse=True)[1].astype(np.int64)
