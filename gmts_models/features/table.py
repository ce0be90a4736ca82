"""From people to X and y, for one endpoint and one or several prediction dates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gmts_models.config import Endpoint
from gmts_models.data.endpoints import Followed, build_outcome
from gmts_models.data.months import Days
from gmts_models.data.people import People
from gmts_models.errors import InputError
from gmts_models.features.attribute import Attribute
from gmts_models.features.matrix import Features, make_matrix
from gmts_models.features.prediction_date import (
    Asked,
    AskedAt,
    At,
    ask,
    pick,
    read_at,
    read_landmarks,
    restart,
    stack,
)
from gmts_models.outcome import Floats, Ints, Outcome

UNKNOWN = "unknown"
"""The cohort of those whose cohort is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What has to be done again to new people before a model can speak of them.

    Attributes
    ----------
    names : features, in the order of X's columns.
    at : the prediction date: "start", whole months since the start, a day as "2021-09-01", or
        "scheme_end".
    endpoint : what counts as leaving.
    landmarks : months since the start of the prediction dates that are stacked; None = one date,
        `at`.
    attributes : the user's own, beyond those that come with the package.
    episodes : whether rows are start-stop episodes, which no new person has.
    """

    names: tuple[str, ...]
    at: At = "start"
    endpoint: Endpoint = "left_nhs"
    landmarks: tuple[int, ...] | None = None
    attributes: tuple[Attribute, ...] = ()
    episodes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FeatureTable:
    """Features and outcomes of the same n rows; all parts share one index.

    A row is a person; in a stack it is a person on one of several prediction dates, and among
    episodes a stretch of a person's time. ``y.people`` tells whose rows are whose.

    Attributes
    ----------
    X : (n, p) frame: categories as text, numbers as float, missing values as missing.
    y : n rows.
    ids : (n,) trainee ids.
    specialism, cohort : (n,) text labels; the cohort is "all" where none is known.
    start : (n,) when the cohort began: the start date in years, or the year and month that the
        cohort's label begins with; NaN where neither tells.
    follow_up : (n,) months from the clock's start to the census; NaN where not known.
    on : (n,) prediction dates; NaT where durations came ready.
    landmark : (n,) of them in months since the start.
    recipe : how X was made.
    """

    X: pd.DataFrame
    y: Outcome
    ids: pd.Series
    specialism: pd.Series
    cohort: pd.Series
    start: Floats
    follow_up: Floats
    on: Days
    landmark: Floats
    recipe: Recipe

    def __len__(self) -> int:
        return len(self.X)

    def __repr__(self) -> str:
        return f"FeatureTable(n={len(self)}, features={list(self.X.columns)}, {self.y!r})"


def build_features(
    people: People,
    at: AskedAt = "start",
    endpoint: Endpoint = "left_nhs",
    *,
    landmarks: Iterable[int] | None = None,
    features: Features = "default",
    attributes: Sequence[Attribute] = (),
    competing: bool = False,
) -> FeatureTable:
    """Derive the attributes known on the prediction date, and the outcome after it.

    Parameters
    ----------
    people : of `load_trainees(...).valid` or `simulate_trainees`.
    at : the prediction date: "start", with what is known on the start date; whole months since
        the start (12); a day ("2021-09-01", or a date); or "scheme_end". After the start, only
        who is still at risk has a row, and time restarts (``features/prediction_date.py``).
    endpoint : "left_nhs", "left_scheme" or "post_scheme".
    landmarks : months since the start, such as [0, 6, 12]: a row for each person and each of them
        at which the person is at risk, one landmark after the other, indexed 0..n-1. By default X
        then has the feature "landmark". In place of `at`.
    features : names, or "default" for the built-in ones whose columns are there and the user's
        own that are not protected characteristics; among other names "default" stands for these.
    competing : whether an exit that ends the risk is an event with a cause of its own
        (`build_outcome`), as models of several causes need it.
    attributes : the user's own functions of what is known; they become features too.

    Raises
    ------
    InputError : a feature cannot be made from these columns; a prediction date is no date; nobody
        is at risk on it; or it comes after the start and a column of the user's own does not say
        when it is known.

    Notes
    -----
    Where durations came ready there are no dates: a number of months is taken off the durations,
    and what is known is what was known at the start.
    """
    when = read_at(at)
    marks = None if landmarks is None else read_landmarks(landmarks)
    if marks is not None and when != "start":
        raise InputError(
            "a stack has its landmarks for prediction dates",
            where="at, landmarks",
            fix="say one of the two",
        )
    dates: tuple[At, ...] = (when,) if marks is None else tuple(each or "start" for each in marks)
    followed = build_outcome(people, endpoint, competing=competing)
    parts = [restart(people, followed, endpoint, date) for date in dates]
    rows = stack([pick(ask(people, d), p.rows) for d, p in zip(dates, parts, strict=True)])
    # At the start X is that of everyone, whatever became of them.
    asked = ask(people, "start") if dates == ("start",) else rows
    X = make_matrix(people, features, attributes, asked, stacked=marks is not None)
    if asked is not rows:
        X = X.iloc[rows.person].reset_index(drop=True)
    y, follow_up = parts[0].y, parts[0].follow_up
    if marks is None:
        X = X.set_axis(people.trainees.index[rows.person], axis=0)
    else:
        y, follow_up = _stacked_outcome(parts, rows), np.concatenate([p.follow_up for p in parts])
    recipe = Recipe(
        names=tuple(map(str, X)),
        at=when,
        endpoint=endpoint,
        landmarks=marks,
        attributes=tuple(attributes),
    )
    return as_table(people, X, y, rows, follow_up, recipe)


def as_table(
    people: People, X: pd.DataFrame, y: Outcome, rows: Asked, follow_up: Floats, recipe: Recipe
) -> FeatureTable:
    """Put the parts together, all with X's index."""
    part = people.trainees.iloc[rows.person].set_axis(X.index, axis=0)
    return FeatureTable(
        X=X,
        y=y,
        ids=part["trainee_id"],
        specialism=part["specialism"].astype(object),
        cohort=_cohorts(part),
        start=_start_years(part),
        follow_up=follow_up,
        on=rows.on,
        landmark=rows.months,
        recipe=recipe,
    )


def _stacked_outcome(parts: Sequence[Followed], rows: Asked) -> Outcome:
    """Return the outcome of a stack: a person stands on the clock of each landmark."""
    return Outcome(
        np.concatenate([part.y.entry for part in parts]),
        np.concatenate([part.y.exit for part in parts]),
        np.concatenate([part.y.event for part in parts]),
        parts[0].y.causes,
        ids=rows.person,
        clocks=rows.months,
        index=pd.RangeIndex(len(rows.person)),
    )


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
