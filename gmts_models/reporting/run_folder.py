"""What a run left behind, read back for a report: ``run.json`` and the tables.

The files are the interface, so nothing here knows how they were computed. Disclosure control was
applied before they were written; small counts are masked again all the same, so that a table
mended by hand cannot show one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from gmts_models.disclosure import is_small, suppress_counts
from gmts_models.errors import DataError
from gmts_models.run_record import RunRecord, read_record

ALL = "All"
"""The group that holds everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """The columns of one table.

    Attributes
    ----------
    text, numbers, counts : columns by kind.
    of : the count of the people whom the estimates describe, where there is one.
    estimates : columns that are blanked where `of` is small.
    """

    text: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    of: str | None = None
    estimates: tuple[str, ...] = ()


_LAYOUTS = {
    "retention": _Layout(
        text=("group",),
        numbers=("horizon_months", "retention", "lower", "upper"),
        counts=("n", "at_risk"),
        of="n",
        estimates=("retention", "lower", "upper"),
    ),
    "curves": _Layout(
        text=("group",),
        numbers=("months", "retention", "lower", "upper"),
        counts=("at_risk",),
        of="at_risk",
        estimates=("retention", "lower", "upper"),
    ),
    "scores": _Layout(
        text=("model", "score", "group"),
        numbers=("horizon_months", "estimate", "se", "lower", "upper"),
        counts=("n",),
        of="n",
        estimates=("estimate", "se", "lower", "upper"),
    ),
    "incidence": _Layout(
        text=("group", "cause"),
        numbers=("horizon_months", "incidence", "lower", "upper", "lowest", "highest"),
        counts=("n",),
        of="n",
        estimates=("incidence", "lower", "upper", "lowest", "highest"),
    ),
    "leaderboard": _Layout(
        text=("model", "kind", "verdict"),
        numbers=(
            "rank",
            "mean_brier",
            "lower",
            "upper",
            "difference",
            "difference_lower",
            "difference_upper",
            "mean_ipa",
            "mean_auc",
            "c_index",
        ),
    ),
    "calibration": _Layout(
        text=("model",),
        numbers=("horizon_months", "bin", "predicted", "observed", "lower", "upper"),
        counts=("n",),
        of="n",
        estimates=("predicted", "observed", "lower", "upper"),
    ),
    "data": _Layout(text=("item",), counts=("count",)),
    "rejected": _Layout(text=("reason",), counts=("rows",)),
    "cohorts": _Layout(text=("cohort", "specialism"), counts=("n",)),
    "groups": _Layout(
        text=("model", "term", "group"), numbers=("ratio", "lower", "upper", "shrinkage")
    ),
    "group_spread": _Layout(text=("model", "term"), numbers=("sd", "lower", "upper")),
    "ranks": _Layout(text=("model", "group"), numbers=("rank", "probability")),
    "trials": _Layout(
        text=("model", "fold", "params", "score", "error"), numbers=("trial", "value", "seconds")
    ),
}
_COEFFICIENTS = _Layout(
    text=("term", "cause", "attribute", "label", "reference", "ratio_of"),
    numbers=("coefficient", "ratio", "lower", "upper", "p"),
)
"""Of each model that has coefficients; which of the columns there are depends on the model."""

_OPTIONAL = frozenset({"incidence", "groups", "group_spread", "ranks", "trials"})
"""Tables that a run writes only where it has something to say."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RunFolder:
    """A finished run.

    Attributes
    ----------
    path : the folder.
    facts : ``run.json``.
    retention, curves, incidence, scores, leaderboard, calibration, data, rejected, cohorts,
    group_spread, ranks, trials : the tables of these names, with text as text and everything else
        as floats; missing = suppressed, or not estimable. A table without rows was not written.
    groups_pooled : the table groups, of models in which groups borrow strength.
    coefficients : by model, where it has them; "" where a row says nothing.
    """

    path: Path
    facts: RunRecord
    retention: pd.DataFrame
    curves: pd.DataFrame
    incidence: pd.DataFrame
    scores: pd.DataFrame
    leaderboard: pd.DataFrame
    calibration: pd.DataFrame
    data: pd.DataFrame
    rejected: pd.DataFrame
    cohorts: pd.DataFrame
    groups_pooled: pd.DataFrame
    group_spread: pd.DataFrame
    ranks: pd.DataFrame
    trials: pd.DataFrame
    coefficients: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def groups(self) -> list[str]:
        """The specialisms, in the order of the retention table, without "All"."""
        return [group for group in self.retention["group"].unique() if group != ALL]

    def __repr__(self) -> str:
        return f"RunFolder({self.facts.run_name})"


def read_run_folder(path: Path) -> RunFolder:
    """Read ``run.json`` and the tables of a run folder.

    Parameters
    ----------
    path : the folder.

    Raises
    ------
    InputError : the folder holds no finished run.
    DataError : a file of it is not what a run writes.
    """
    facts = read_record(path)
    tables = {name: _read_table(path, name, facts.threshold) for name in _LAYOUTS}
    found = {model.name: _read_coefficients(path, model.name) for model in facts.models}
    return RunFolder(
        path=path,
        facts=facts,
        groups_pooled=tables.pop("groups"),
        coefficients={name: table for name, table in found.items() if len(table)},
        **tables,
    )


def _read_coefficients(folder: Path, model: str) -> pd.DataFrame:
    path = folder / "tables" / f"coefficients_{model}.csv"
    columns = [*_COEFFICIENTS.text, *_COEFFICIENTS.numbers]
    if not path.is_file():
        return pd.DataFrame(columns=columns)
    try:
        raw = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=columns)
    table = _typed(raw.reindex(columns=columns, fill_value=""), _COEFFICIENTS)
    # Runs of earlier versions do not say what their terms are about.
    table["attribute"] = table["attribute"].where(table["attribute"] != "", table["term"])
    return table


def _read_table(folder: Path, name: str, threshold: int) -> pd.DataFrame:
    layout = _LAYOUTS[name]
    columns = [*layout.text, *layout.numbers, *layout.counts]
    path = folder / "tables" / f"{name}.csv"
    try:
        # Read as text: a specialism may be called "NA", and a float may be written "nan".
        raw = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except FileNotFoundError:
        if name in _OPTIONAL:
            return _typed(pd.DataFrame(columns=columns, dtype=str), layout)
        raise DataError(
            f"the run has no table {name}.csv",
            where=str(path.parent),
            fix="the run is not complete: run the experiment again",
        ) from None
    except pd.errors.EmptyDataError:
        raw = pd.DataFrame(columns=columns, dtype=str)
    if missing := [column for column in columns if column not in raw]:
        raise DataError(
            f"columns are missing: {', '.join(missing)}",
            where=str(path),
            fix="the table is not one that a run writes: run the experiment again",
        )
    return _mask(_typed(raw, layout), layout, threshold)


def _typed(raw: pd.DataFrame, layout: _Layout) -> pd.DataFrame:
    typed = {column: raw[column].astype(object) for column in layout.text}
    for column in (*layout.numbers, *layout.counts):
        number = pd.to_numeric(raw[column], errors="coerce").astype(float)
        typed[column] = number.where(number.abs() != float("inf"))
    return pd.DataFrame(typed)


def _mask(table: pd.DataFrame, layout: _Layout, threshold: int) -> pd.DataFrame:
    if layout.of is not None:
        small = is_small(table[layout.of], threshold)
        for column in layout.estimates:
            table[column] = table[column].mask(small)
    for column in layout.counts:
        table[column] = suppress_counts(table[column], threshold)
    return table
