"""What does not fit together in the data section, as far as it is certain before data are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gmts_models.config.problems import KeyPath, Problem, clip, did_you_mean
from gmts_models.config.tree import Tree
from gmts_models.data.contract.columns import BY_NAME, Column
from gmts_models.data.contract.tables import TABLES

NEED_PATH = frozenset({"nlswork", "unemployment_mccall"})
"""Open data sets that are read from the user's copy; the others come with lifelines."""

FIRST_COHORT, LAST_COHORT = 2011, 2022
"""Of the synthetic scheme, where the configuration does not say."""

_PLACES = ("path", "table", "query")


def problem(
    tree: Tree, key: KeyPath, what: str, *, of_key: bool = False, at: KeyPath | None = None
) -> Problem:
    """Return a problem in the place where `key`, or else `at`, is said."""
    return Problem(key=key, what=what, place=tree.place(at or key, of_key=of_key))


def cohorts(tree: Tree) -> tuple[int, int]:
    """Return the first and last cohort of the synthetic scheme; 0, 1 where they are not known."""
    if tree.get("data", "source") != "synthetic":
        return 0, 1
    said = (
        tree.get("data", "first_cohort") or FIRST_COHORT,
        tree.get("data", "last_cohort") or LAST_COHORT,
    )
    known = all(isinstance(each, int) and not isinstance(each, bool) for each in said)
    return said if known else (0, 1)


# ------------------------------------------------ open and synthetic data


def _open_data_have_a_path(tree: Tree) -> Iterator[Problem]:
    name = tree.get("data", "name")
    if tree.get("data", "source") != "open" or not isinstance(name, str):
        return
    given = tree.get("data", "path") is not None
    if name in NEED_PATH and not given:
        yield problem(
            tree,
            ("data", "path"),
            f"missing: {name} is read from your own copy; docs/open-data.md says how to get it",
        )
    elif name not in NEED_PATH and given and isinstance(tree.get("data", "path"), str):
        yield problem(
            tree,
            ("data", "path"),
            f"{clip(name)} comes with lifelines and is not read from a file; leave it out",
            of_key=True,
        )


def _cohorts_in_order(tree: Tree) -> Iterator[Problem]:
    first, last = cohorts(tree)
    if first > last:
        key = "first_cohort" if tree.get("data", "first_cohort") is not None else "last_cohort"
        yield problem(tree, ("data", key), f"the first cohort ({first}) is after the last ({last})")


# --------------------------------------------------------- where from


def _one_place_each(tree: Tree) -> Iterator[Problem]:
    database = tree.get("data", "source") == "database"
    if database:
        given = [key for key in _PLACES[1:] if tree.get("data", key) is not None]
        if len(given) == 2:
            yield problem(tree, ("data", "query"), _either("table and query"), of_key=True)
        elif not given:
            what = "missing; for instance 'table: trainees', or a 'query' in its place"
            yield problem(tree, ("data", "table"), what, at=("data",))
    for name, spec in _tables(tree):
        given = [key for key in _PLACES if spec.get(key) is not None]
        key = ("data", "tables", name, given[-1] if given else "")
        if len(given) > 1:
            yield problem(tree, key, _either(" and ".join(given)), of_key=True)
        elif given and given[0] != "path" and not database:
            what = "is of a database, and the trainees come from a file; give a 'path'"
            yield problem(tree, key, what, of_key=True)


def _either(given: str) -> str:
    return f"{given} are given; keep one"


def _queries_read(tree: Tree) -> Iterator[Problem]:
    from gmts_models.data.reading.database import Database
    from gmts_models.errors import InputError

    for key, spec in [(("data",), tree.get("data")), *_placed_tables(tree)]:
        query = spec.get("query") if isinstance(spec, dict) else None
        if isinstance(query, str):
            try:
                Database("sqlite://", query=query)
            except InputError as error:
                yield problem(tree, (*key, "query"), f"{error.what}; {error.fix}")


def _databases_have_no_sheets(tree: Tree) -> Iterator[Problem]:
    if tree.get("data", "source") == "database" and tree.get("data", "sheet") is not None:
        yield problem(
            tree, ("data", "sheet"), "a database has no sheets; leave it out", of_key=True
        )


def _tables_need_dates(tree: Tree) -> Iterator[Problem]:
    if tree.get("data", "columns", "duration_months") and any(_tables(tree)):
        what = "need the dates of the trainees, and data.columns has duration_months in their place"
        yield problem(tree, ("data", "tables"), what, of_key=True)


# ------------------------------------------------------------ columns


@dataclass(frozen=True, slots=True, kw_only=True)
class _Described:
    """A table whose columns the configuration describes."""

    key: KeyPath
    spec: dict[str, Any]
    contract: Mapping[str, Column]
    page: str

    def part(self, name: str) -> dict[str, Any]:
        """Return a mapping within, empty where there is none."""
        value = self.spec.get(name)
        return value if isinstance(value, dict) else {}

    @property
    def known(self) -> list[str]:
        """The names that a column may have."""
        return [*self.contract, *self.part("attributes")]


def _described(tree: Tree) -> Iterator[_Described]:
    source = tree.get("data", "source")
    if source in ("file", "database"):
        yield _Described(key=("data",), spec=tree.get("data"), contract=BY_NAME, page="data.md")
    elif source == "snapshots":
        from gmts_models.data.snapshots.contract import SNAPSHOTS

        yield _Described(
            key=("data",), spec=tree.get("data"), contract=SNAPSHOTS.by_name, page="snapshots.md"
        )
    for key, spec in _placed_tables(tree):
        name = str(key[-1])
        if name in TABLES:
            yield _Described(key=key, spec=spec, contract=TABLES[name].by_name, page="tables.md")


def _columns_exist(tree: Tree) -> Iterator[Problem]:
    for table in _described(tree):
        known, page = table.known, f"not a column of the contract (docs/{table.page})"
        for name, theirs in table.part("columns").items():
            if name not in known:
                turned = f"; turn it round: '{theirs}: {clip(name)}'" if theirs in known else ""
                hint = turned or did_you_mean(name, known) or "; declare others as attributes"
                yield problem(tree, (*table.key, "columns", name), page + hint, of_key=True)
        for name in table.part("labels"):
            key = (*table.key, "labels", name)
            if name not in known:
                yield problem(tree, key, page + did_you_mean(name, known), of_key=True)
            elif name in table.contract and table.contract[name].kind == "id":
                yield problem(tree, key, "an id has no labels; leave it out", of_key=True)


def _attributes_are_new_and_dated(tree: Tree) -> Iterator[Problem]:
    for table in _described(tree):
        dates = [name for name, column in table.contract.items() if column.kind == "date"]
        for name, spec in table.part("attributes").items():
            key = (*table.key, "attributes", name)
            if name in table.contract:
                what = "is a column of the contract already; leave it out here"
                yield problem(tree, key, what, of_key=True)
            when = spec.get("known") if isinstance(spec, dict) else None
            if isinstance(when, str) and when not in ("start", *dates):
                valid = (
                    f"{did_you_mean(when, ['start', *dates])} (valid: start, {', '.join(dates)})"
                )
                what = f"'{clip(when)}' is no date column of this table{valid}"
                yield problem(tree, (*key, "known"), what)


DATA_RULES: tuple[Callable[[Tree], Iterator[Problem]], ...] = (
    _open_data_have_a_path,
    _cohorts_in_order,
    _one_place_each,
    _queries_read,
    _databases_have_no_sheets,
    _tables_need_dates,
    _columns_exist,
    _attributes_are_new_and_dated,
)


def _tables(tree: Tree) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the tables beside the trainees that are described."""
    tables = tree.get("data", "tables")
    for name, spec in tables.items() if isinstance(tables, dict) else ():
        if isinstance(spec, dict):
            yield name, spec


def _placed_tables(tree: Tree) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    for name, spec in _tables(tree):
        yield ("data", "tables", name), spec
