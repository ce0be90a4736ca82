"""What the report says of attributes: ratios, each against its reference, causes apart."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup

from gmts_models.reporting import words
from gmts_models.reporting.model_sections import display_name
from gmts_models.reporting.run_folder import RunFolder
from gmts_models.reporting.scales import ACCENT
from gmts_models.reporting.sections import Table, small
from gmts_models.reporting.svg import interval_mark

_SOONER, _LONGER = "← longer · sooner →", "← sooner · longer →"
_WIDEST = math.log(10)


@dataclass(frozen=True, slots=True)
class _Ratio:
    """How a ratio is called, what it means, and what lies to either side of 1."""

    name: str
    meaning: str
    sides: str = _SOONER


_RATIOS = {
    "hazard": _Ratio(
        "Hazard ratio",
        "Hazard ratio: how many times as fast people leave, at any moment, as those of the "
        "reference. Above 1 they leave sooner.",
    ),
    "odds": _Ratio(
        "Odds ratio",
        "Odds ratio: how many times as high the odds of leaving are, in any month, as those of "
        "the reference. Above 1 they leave sooner.",
    ),
    "time": _Ratio(
        "Time ratio",
        "Time ratio: how many times as long people stay as those of the reference. Above 1 they "
        "stay longer.",
        _LONGER,
    ),
    "subdistribution hazard": _Ratio(
        "Subdistribution hazard ratio",
        "Subdistribution hazard ratio: above 1, more people leave that way by any month, be it "
        "that they leave that way faster or that fewer leave in other ways.",
    ),
}
_OTHER = _Ratio("Ratio", "Ratio: the exponential of the coefficient, against the reference.")


def effects(run: RunFolder) -> tuple[Table, ...]:
    """Return the ratios of one model of each kind of ratio: the best that has intervals."""
    return tuple(
        _by_cause(run, model) if _has_causes(run, model) else _of_all(run, model)
        for model in _chosen(run)
    )


def text(run: RunFolder) -> str:
    """Say how the ratios are to be read."""
    return (
        "Each attribute at the same values of the others, by models fitted to everyone. They "
        "describe who leaves; they do not say why, nor what would change it."
    )


def elsewhere(run: RunFolder) -> str:
    """Say which models have ratios of their own, in the tables only."""
    shown = set(_chosen(run))
    names = [display_name(run, name) for name in _best_first(run) if name not in shown]
    if not names:
        return ""
    return (
        "Shown is the best model of each kind of ratio. In tables/coefficients_MODEL.csv: "
        f"{words.in_words(names)}."
    )


def ratio_of(run: RunFolder, model: str) -> str:
    """Return what a model's ratios are of: "hazard" where its table does not say."""
    table = run.coefficients.get(model)
    found = "" if table is None or not len(table) else str(table["ratio_of"].iloc[0])
    return found or "hazard"


def _best_first(run: RunFolder) -> list[str]:
    board = run.leaderboard.sort_values("rank", kind="stable", na_position="last")["model"]
    names = dict.fromkeys([*board, *run.coefficients])
    return [
        name
        for name in names
        if name in run.coefficients and run.coefficients[name]["ratio"].notna().any()
    ]


def _chosen(run: RunFolder) -> list[str]:
    best = _best_first(run)
    with_limits = [name for name in best if run.coefficients[name]["lower"].notna().any()]
    chosen: dict[tuple[str, bool], str] = {}
    for name in [*with_limits, *best]:
        of = str(run.coefficients[name]["ratio_of"].iloc[0])
        chosen.setdefault((of, _has_causes(run, name)), name)
    return sorted(chosen.values(), key=best.index)


def _has_causes(run: RunFolder, model: str) -> bool:
    return _has_causes_in(run.coefficients[model])


def _has_causes_in(table: pd.DataFrame) -> bool:
    return bool((table["cause"] != "").any())


def _ratio(run: RunFolder, model: str) -> _Ratio:
    return _RATIOS.get(str(run.coefficients[model]["ratio_of"].iloc[0]), _OTHER)


# ----------------------------------------------------------------- tables


def _of_all(run: RunFolder, model: str) -> Table:
    table, ratio = run.coefficients[model], _ratio(run, model)
    span = _span(table)
    rows: list[tuple[str, ...]] = []
    for attribute, reference, part in _attributes(table):
        if reference is not None:
            rows += [(attribute,), (reference, "", "1", "")]
        for label, row in _named(attribute, reference, part):
            rows.append((label, _mark(row, span), _cell(row), _p(float(row["p"]))))
    return Table(
        caption=f"{display_name(run, model)}: {ratio.name.lower()}s of all attributes together",
        head=("Attribute", ratio.sides, ratio.name, "p"),
        rows=tuple(rows),
        notes=_notes(run, table, ratio),
    )


def _by_cause(run: RunFolder, model: str) -> Table:
    table, ratio = run.coefficients[model], _ratio(run, model)
    causes = list(table["cause"].unique())
    first = table.drop_duplicates("term")
    at = table.drop_duplicates(["term", "cause"]).set_index(["term", "cause"])
    rows: list[tuple[str, ...]] = []
    for attribute, reference, part in _attributes(first):
        if reference is not None:
            rows += [(attribute,), (reference, *("1" for _ in causes))]
        for label, row in _named(attribute, reference, part):
            keys = [(row["term"], cause) for cause in causes]
            cells = [_cell(at.loc[key]) if key in at.index else words.MISSING for key in keys]
            rows.append((label, *cells))
    return Table(
        caption=f"{display_name(run, model)}: {ratio.name.lower()}s of leaving each way",
        head=("Attribute", *causes),
        rows=tuple(rows),
        notes=_notes(run, table, ratio),
    )


def _notes(run: RunFolder, table: pd.DataFrame, ratio: _Ratio) -> tuple[str, ...]:
    notes = [f"{ratio.meaning} Of a number, per unit of it."]
    if table["lower"].notna().any():
        notes.append(f"In brackets: {words.level(run.facts.level)} interval.")
    if table["ratio"].isna().any():
        notes.append(
            f"Too few: {small(run)} have the label, or left that way with it, or have the "
            "reference that it is compared with."
            if _has_causes_in(table)
            else f"Too few: {small(run)} have the label, or the reference that it is compared with."
        )
    return tuple(notes)


def _attributes(table: pd.DataFrame) -> Iterator[tuple[str, str | None, pd.DataFrame]]:
    """Give each attribute with the name of its reference, None of numbers, and its terms."""
    for attribute in table["attribute"].unique():
        part = table[table["attribute"] == attribute]
        is_text = _is_text(part)
        named = [str(label) for label in part["reference"] if label]
        reference = f"{named[0]}: reference" if named else "reference, not named"
        yield words.spaced(str(attribute)), reference if is_text else None, part


def _is_text(part: pd.DataFrame) -> bool:
    """Whether an attribute has labels, beside that of gaps in a number."""
    labels = part["label"]
    return bool(((labels != "") & (labels != "missing")).any() or (part["reference"] != "").any())


def _named(
    attribute: str, reference: str | None, part: pd.DataFrame
) -> Iterator[tuple[str, pd.Series]]:
    """Give each term with its name for readers."""
    for _, row in part.iterrows():
        label = str(row["label"])
        if reference is not None:
            name = label or attribute
        else:
            name = f"{attribute}: {label}" if label else attribute
        yield f"{name}{_times(row)}", row


def _times(row: pd.Series) -> str:
    """Return what of time a term is multiplied by, such as " × log(1 + months)"."""
    label, attribute = str(row["label"]), str(row["attribute"])
    gap = f"missing: {attribute}"
    for base in (f"{attribute}_{label}", gap, attribute):
        if str(row["term"]).startswith(f"{base} x "):
            return f" × {str(row['term'])[len(base) + 3 :]}"
    return ""


def _cell(row: pd.Series) -> str:
    ratio, lower, upper = (float(row[name]) for name in ("ratio", "lower", "upper"))
    if math.isnan(ratio):
        return words.TOO_FEW
    if math.isnan(lower) or math.isnan(upper):
        return Markup('<b class="est">{}</b>').format(words.ratio(ratio))
    return words.with_limits(words.ratio(ratio), words.ratio_limits(ratio, lower, upper))


def _span(table: pd.DataFrame) -> tuple[float, float]:
    """Return the scale of the marks, in logs: as wide as the limits need, ten times at most."""
    with np.errstate(divide="ignore"):
        logs = np.log(table[["ratio", "lower", "upper"]].to_numpy(float))
    known = np.abs(logs[np.isfinite(logs)])
    widest = min(float(known.max()), _WIDEST) if len(known) else 0.0
    return (-widest, widest) if widest > 0 else (-1.0, 1.0)


def _mark(row: pd.Series, span: tuple[float, float]) -> str:
    values = [float(row[name]) for name in ("ratio", "lower", "upper")]
    if math.isnan(values[0]):
        return ""
    logs = [math.log(value) if value > 0 else -math.inf for value in values]
    lower, upper = (min(max(each, span[0]), span[1]) for each in logs[1:])
    return interval_mark(logs[0], lower, upper, span, colour=ACCENT, line=0.0)


def _p(value: float) -> str:
    if math.isnan(value):
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.01 else f"{value:.2f}"
