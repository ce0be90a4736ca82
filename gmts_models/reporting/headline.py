"""The answer in short: one sentence for everybody, one a specialism."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from gmts_models.reporting import words
from gmts_models.reporting.run_folder import ALL, RunFolder
from gmts_models.reporting.scales import group_colours
from gmts_models.reporting.svg import interval_mark

_NEARLY_ALL = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One specialism in one sentence, with its interval drawn beside it."""

    group: str
    colour: str
    sentence: str
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The answer to the question.

    Attributes
    ----------
    horizon : months at which the specialisms are compared; NaN where nothing is estimable.
    overall, comparison : sentences; empty where they cannot be said.
    answers : one a specialism.
    """

    horizon: float
    overall: str
    comparison: str
    answers: tuple[Answer, ...]


def headline(run: RunFolder) -> Headline:
    """Answer the question at the longest horizon that nearly all specialisms reach."""
    table, groups = run.retention, run.groups
    horizon = _headline_horizon(table, groups)
    at = table[table["horizon_months"] == horizon].drop_duplicates("group").set_index("group")
    colours = group_colours(groups)
    known = at[["retention", "lower", "upper"]]
    span = (float(known.min().min()), float(known.max().max())) if len(known) else (0.0, 1.0)
    if not span[1] > span[0]:
        span = (0.0, 1.0)
    whole = _cell(at, ALL, "retention")
    return Headline(
        horizon=horizon,
        overall=_overall(run, at, horizon),
        comparison=_comparison(at.drop(index=ALL, errors="ignore")),
        answers=tuple(
            Answer(
                group=group,
                colour=colours[group],
                sentence=_sentence(run, group, horizon),
                mark=interval_mark(
                    _cell(at, group, "retention"),
                    _cell(at, group, "lower"),
                    _cell(at, group, "upper"),
                    span,
                    colour=colours[group],
                    line=whole,
                ),
            )
            for group in groups or ([ALL] if len(at) else [])
        ),
    )


def _headline_horizon(table: pd.DataFrame, groups: list[str]) -> float:
    known = table[table["retention"].notna() & table["group"].isin(groups or [ALL])]
    if not len(known):
        known = table[table["retention"].notna()]
    if not len(known):
        return math.nan
    reached = known.groupby("horizon_months")["group"].nunique()
    return float(reached[reached >= _NEARLY_ALL * reached.max()].index.max())


def _cell(at: pd.DataFrame, group: str, column: str) -> float:
    return float(at[column].get(group, math.nan))


def _stayed(run: RunFolder, horizon: float) -> str:
    if run.facts.endpoint == "post_scheme":
        return f"reach {words.months(horizon)} after completing without {run.facts.event_words}"
    return f"reach {words.months(horizon)} without {run.facts.event_words}"


def _overall(run: RunFolder, at: pd.DataFrame, horizon: float) -> str:
    kept = _cell(at, ALL, "retention")
    if math.isnan(kept):
        return ""
    n = _cell(at, ALL, "n")
    people = "people" if math.isnan(n) else f"{words.count(n)} people"
    lower, upper = _cell(at, ALL, "lower"), _cell(at, ALL, "upper")
    decimals = words.decimals_for([upper - lower])
    limits = words.percent_limits(lower, upper, decimals)
    if limits != words.NO_INTERVAL:
        limits = f"{words.level(run.facts.level)} interval {limits}"
    share = words.percent(kept, decimals)
    return f"An estimated {share} of the {people} {_stayed(run, horizon)} ({limits})."


def _comparison(at: pd.DataFrame) -> str:
    known = at.dropna(subset=["retention"])
    if len(known) < 2 or known["retention"].nunique() < 2:
        return ""
    low, high = str(known["retention"].idxmin()), str(known["retention"].idxmax())
    shares = [words.percent(_cell(known, group, "retention")) for group in (low, high)]
    text = f"The lowest estimate is {shares[0]} ({low}), the highest {shares[1]} ({high})."
    gap = _cell(known, high, "lower") - _cell(known, low, "upper")
    if math.isnan(gap):
        return text
    if gap > 0:
        return f"{text} Their intervals do not overlap."
    return f"{text} Their intervals overlap: these data do not clearly tell the two apart."


def _sentence(run: RunFolder, group: str, horizon: float) -> str:
    mine = run.retention[run.retention["group"] == group].sort_values("horizon_months")
    known = mine[mine["retention"].notna()]
    if not len(known):
        return "Too few people to say."
    there = known[known["horizon_months"] == horizon]
    row = (there if len(there) else known).iloc[-1]
    decimals = words.decimals_for([row["upper"] - row["lower"]])
    limits = words.percent_limits(row["lower"], row["upper"], decimals)
    kept = words.percent(row["retention"], decimals)
    text = f"{kept} {_stayed(run, row['horizon_months'])} ({limits})."
    return text if len(there) else f"{text} Too few have been followed for longer."
