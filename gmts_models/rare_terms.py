"""Disclosure control of coefficients: terms that describe few people are blank."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gmts_models.models.encoding import column_kinds
from gmts_models.models.protocol import group_label
from gmts_models.outcome import Bools, Ints, Outcome

_SAID = ("term", "cause", "attribute", "label", "reference", "ratio_of")
"""Columns of a summary that say what a row is about, and nothing of people."""


def hide_rare_terms(
    coefficients: pd.DataFrame, X: pd.DataFrame, threshold: int, people: Ints | None = None
) -> pd.DataFrame:
    """Blank the coefficients that describe fewer people than the threshold.

    Parameters
    ----------
    coefficients : a model's summary, a row a term, with or without `reference`.
    X : the rows of the fit. The term of a label is ``column_label``; where a column's reference
        label is rare, all of its terms go, since each is a comparison with it, and it is not
        named. A term's products with time go with it.
    people : (n,) codes of those whose rows they are; who has several counts once a label.
    """
    shown = coefficients.copy()
    rare, unnamed = _rare_terms(X, threshold, people)
    if "reference" in shown:
        shown.loc[shown["attribute"].isin(unnamed), "reference"] = None
    _blank(shown, shown["term"].notna(), rare)
    return shown


def hide_rare_causes(
    coefficients: pd.DataFrame, X: pd.DataFrame, y: Outcome, threshold: int
) -> pd.DataFrame:
    """Blank the coefficients of a cause that describe fewer leavers than the threshold.

    Where fewer people are known to have left for a cause, nothing of it is shown; and no label
    with which fewer did, since where leavers of a group go is not shown of so few elsewhere. Where
    it is the reference, all of its column's terms go.

    Parameters
    ----------
    coefficients : a model's summary; without causes it is returned as it is.
    X, y : the rows of the fit.
    """
    if "cause" not in coefficients:
        return coefficients
    number = {cause: code for code, cause in enumerate(y.causes or (), start=1)}
    shown = coefficients.copy()
    for cause in shown["cause"].unique():
        left = y.event == number[cause]
        if len(np.unique(y.people[left])) < threshold:
            shown = shown[shown["cause"] != cause]
        else:
            rare, _ = _rare_terms(X, threshold, y.people, left)
            _blank(shown, shown["cause"] == cause, rare)
    return shown.reset_index(drop=True)


def _blank(shown: pd.DataFrame, where: pd.Series[bool], rare: set[str]) -> None:
    """Blank the values of rare terms, and of their products with time."""
    term = shown["term"].astype(str)
    is_rare = term.isin(rare)
    for each in rare:
        is_rare |= term.str.startswith(f"{each} x ")
    values = [column for column in shown if column not in _SAID]
    shown.loc[where & is_rare, values] = np.nan


def _rare_terms(
    X: pd.DataFrame, threshold: int, people: Ints | None, among: Bools | None = None
) -> tuple[set[str], set[str]]:
    """Return the terms of labels that fewer people have, and columns whose reference is rare.

    Parameters
    ----------
    among : (n,) the rows whose people are counted; default all.
    """
    rare: set[str] = set()
    unnamed: set[str] = set()
    for position, (name, kind) in enumerate(column_kinds(X).items()):
        given = X.iloc[:, position]
        counted = given if among is None else given[among]
        of = people if people is None or among is None else people[among]
        column = counted if of is None else _once_each(counted, of)
        if given.isna().any() and int(column.isna().sum()) < threshold:
            rare.add(f"missing: {name}")
        if kind != "text":
            known = given.dropna().unique()
            sizes = column.value_counts().reindex(known, fill_value=0)
            if len(sizes) <= 2 and (sizes < threshold).any():
                rare.add(name)
            continue
        # The reference is the first label by alphabet, and never the missing one.
        labels = sorted(set(given.dropna().astype(object).map(group_label)))
        counts = column.dropna().astype(object).map(group_label).value_counts()
        sizes = counts.reindex(labels, fill_value=0)
        if sizes.iloc[0] < threshold:
            unnamed.add(name)
            rare |= {f"missing: {name}", *(f"{name}_{label}" for label in labels)}
        rare |= {f"{name}_{label}" for label in sizes.index[sizes < threshold]}
    return rare, unnamed


def _once_each(column: pd.Series, people: Ints) -> pd.Series:
    pairs = pd.DataFrame({"person": people, "label": column.to_numpy(object)})
    return column[~pairs.duplicated().to_numpy()]
