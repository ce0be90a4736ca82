"""Which attributes there are, which can be made of some people, and which are taken by default."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from gmts_models.data.contract.columns import BY_NAME
from gmts_models.data.people import People
from gmts_models.features.attribute import Attribute, from_column, source_of
from gmts_models.features.built_in import (
    assessments,
    labour_market,
    peers,
    placements,
    roles,
    scheme,
    start,
    surveys,
)
from gmts_models.features.known import Known

BUILT_IN: tuple[Attribute, ...] = (
    *start.ATTRIBUTES,
    *scheme.ATTRIBUTES,
    *placements.ATTRIBUTES,
    *roles.ATTRIBUTES,
    *surveys.ATTRIBUTES,
    *assessments.ATTRIBUTES,
    *peers.ATTRIBUTES,
    *labour_market.ATTRIBUTES,
)
"""The attributes that come with the package, in the order of X's columns."""

ON_REQUEST = frozenset(
    {
        *(each.name for each in (*peers.ATTRIBUTES, *labour_market.ATTRIBUTES)),
        *scheme.ON_REQUEST,
        *placements.ON_REQUEST,
        *roles.ON_REQUEST,
        *surveys.ON_REQUEST,
        *assessments.ON_REQUEST,
    }
)
"""Built-in attributes that enter X only when they are named. Those of peers and of the labour
market are much the same for everyone of a cohort, so that at one time since the start they stand in
for the cohort, and for each other. The rest follow, or nearly so, from features of the recipe."""

LEAST_KNOWN = 0.05
"""Share of the rows of which a feature of the default recipe must be known."""

_KINDS = ("category", "number", "flag")


def available(people: People, own: Iterable[Attribute] = ()) -> dict[str, Attribute]:
    """Return every attribute that can be made from these people's tables, by name.

    Of those of one name a column that the user declared goes before what comes with the package.

    Parameters
    ----------
    people : checked records.
    own : further attributes of the user's; they go before all others.
    """
    raw = [
        from_column(column)
        for column in BY_NAME.values()
        if column.known == "start" and column.kind in _KINDS
    ]
    columns = [from_column(column) for column in people.attributes.values()]
    made = (*surveys.for_people(people), *labour_market.for_people(people))
    every = (*raw, *BUILT_IN, *made, *columns, *own)
    return {each.name: each for each in every if _is_there(each, people)}


def default_names(people: People, known: Known) -> tuple[str, ...]:
    """Return the default recipe: the built-in attributes, and the user's own unprotected ones.

    Left out are those `ON_REQUEST`, the user's own series of the labour market with them, and what
    says nothing on these prediction dates: an attribute that is known of next to nobody, and,
    specialism apart, one with the same value for everyone.
    """
    ready = available(people)
    names = (name for name in wanted_names(people) if name in ready)
    return tuple(name for name in names if tells(name, ready[name].values(known)))


def wanted_names(people: People) -> list[str]:
    """Return the default recipe before it is seen which of it is there and says something."""
    built_in = [each.name for each in BUILT_IN]
    wanted = [name for name in built_in if name not in {*ON_REQUEST, *people.attributes}]
    wanted += [name for name, column in people.attributes.items() if not column.protected]
    of_surveys = [each.name for each in surveys.for_people(people) if not each.protected]
    return wanted + [name for name in of_surveys if name not in built_in]


def tells(name: str, values: pd.Series) -> bool:
    """Whether the values of a feature say anything; the specialism is kept all the same.

    They do where they differ and are known of `LEAST_KNOWN` of the rows: of fewer, a model would
    learn what a handful of people did.
    """
    if name == "specialism":
        return True
    known = float(values.notna().mean()) if len(values) else 0.0
    return known > 0 and known >= LEAST_KNOWN and len(values.unique()) > 1


def _is_there(attribute: Attribute, people: People) -> bool:
    for source in attribute.sources:
        table, column = source_of(source)
        frame = people.trainees if table == "trainees" else people.tables.get(table)
        if frame is None or column not in frame:
            return False
    return True
