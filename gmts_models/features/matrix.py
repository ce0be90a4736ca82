"""The matrix X: which features it has, and what is known of its rows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Literal

import pandas as pd

from gmts_models.data.people import People
from gmts_models.errors import InputError
from gmts_models.features.attribute import Attribute, source_of
from gmts_models.features.catalogue import BUILT_IN, available, tells, wanted_names
from gmts_models.features.known import known_on
from gmts_models.features.prediction_date import Asked

LANDMARK = "landmark"
"""The feature that tells the rows of a stack apart: months since the start."""

_SAME_AS_LANDMARK = "tenure_months"

DEFAULT = "default"
"""Stands for the default recipe, alone or among other names."""

Features = Literal["default"] | Sequence[str]


def candidates(people: People, features: Features, own: Sequence[Attribute]) -> list[Attribute]:
    """Return the attributes that may become features, whether or not they tell people apart."""
    ready, names = available(people, own), []
    for name in [*_listed(features), *(each.name for each in own)]:
        names += wanted_names(people) if name == DEFAULT else [name]
    return [ready[name] for name in dict.fromkeys(names) if name in ready]


def _listed(features: Features) -> list[str]:
    return [features] if isinstance(features, str) else list(features)


def make_matrix(
    people: People,
    features: Features,
    own: Sequence[Attribute],
    rows: Asked,
    *,
    stacked: bool = False,
) -> pd.DataFrame:
    """Return X of n rows, index 0..n-1.

    Parameters
    ----------
    people, features, own : as of `build_features`. Of the default recipe there is what says
        something on these dates; what is named, and the user's own attributes, are always there.
    rows : n.
    stacked : whether the rows are landmarks.
    """
    named = [*_listed(features), *(each.name for each in own)]
    if DEFAULT not in named:
        return make_features(people, named, rows, own)
    chosen = candidates(people, features, own)
    _check_known(people, chosen, rows)
    known = known_on(people, rows.person, rows.on)
    added, there = {*named} - {DEFAULT, LANDMARK}, {each.name for each in chosen}
    if lacking := sorted(added - there):
        raise _no_feature(lacking[0], people, own)
    skipped = {_SAME_AS_LANDMARK} - added if stacked else set()
    made = {each.name: each.values(known) for each in chosen if each.name not in skipped}
    kept = {name: each for name, each in made.items() if name in added or tells(name, each)}
    if stacked or LANDMARK in named:
        kept[LANDMARK] = pd.Series(rows.months)
    return pd.DataFrame(kept, index=pd.RangeIndex(len(rows.person)))


def make_features(
    people: People, names: Sequence[str], rows: Asked, own: Sequence[Attribute] = ()
) -> pd.DataFrame:
    """Return X of n rows, index 0..n-1, from what is known of them.

    Raises
    ------
    InputError : there is no such feature in these data, or it does not say when it is known.
    """
    ready = available(people, own)
    for name in names:
        if name not in ready and name != LANDMARK:
            raise _no_feature(name, people, own)
    _check_known(people, [ready[name] for name in names if name in ready], rows)
    known = known_on(people, rows.person, rows.on)
    made = {  # a name that is there twice is made once
        name: ready[name].values(known) if name in ready else pd.Series(rows.months)
        for name in dict.fromkeys(names)
    }
    return pd.DataFrame(made, index=pd.RangeIndex(len(rows.person)))


def _no_feature(name: str, people: People, own: Sequence[Attribute]) -> InputError:
    mine = next((each for each in (*own, *BUILT_IN) if each.name == name), None)
    if mine is not None:
        return InputError(
            f"the feature {name!r} cannot be made from these data",
            where="features",
            fix=f"it is made from {', '.join(mine.sources)}",
        )
    for table, attributes in people.table_attributes.items():
        if name in attributes:
            return InputError(
                f"{name!r} is a column of {table}, of which a person may have many rows",
                where="features",
                fix="make a feature of it in Python, by gmts_models.Attribute with "
                f'sources=("{table}.{name}",)',
            )
    ready = available(people, own)
    close = difflib.get_close_matches(name, ready, n=1)
    return InputError(
        f"there is no feature {name!r} in these data"
        + (f"; did you mean {close[0]!r}?" if close else ""),
        where="features",
        fix=f"choose among {', '.join(sorted(ready))}",
    )


def _check_known(people: People, attributes: Iterable[Attribute], rows: Asked) -> None:
    """Refuse the user's own facts of which nobody says when they are known."""
    after = bool((rows.months > 0).any())
    for attribute in attributes:
        for table, name in map(source_of, (*attribute.sources, *attribute.optional)):
            column = people.attributes.get(name)
            if table != "trainees" or column is None or column.known == "start":
                continue
            if column.known is None and after:
                raise InputError(
                    f"{name} does not say when it is known, so it cannot be used for prediction "
                    "dates after the start",
                    where=f"attributes, {name}",
                    fix="declare known: start where it is known before the first day, or the date "
                    "column from which it is; or name the features without it",
                )
            if column.known is not None and not people.has_dates:
                raise InputError(
                    f"{name} is known from a date, and these people have none",
                    where=f"attributes, {name}",
                    fix="declare known: start, or give dates in place of ready durations",
                )
