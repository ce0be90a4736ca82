"""What the report says of groups that borrow strength: how far they differ, and are sure to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup

from gmts_models.reporting import words
from gmts_models.reporting.model_effects import ratio_of
from gmts_models.reporting.model_sections import display_name
from gmts_models.reporting.plots import group_panel, to_svg
from gmts_models.reporting.run_folder import RunFolder
from gmts_models.reporting.scales import group_colours
from gmts_models.reporting.sections import Table
from gmts_models.reporting.svg import inline_svg

_MOST_DRAWN = 40
_MOST_PLACES = 10
_LEVEL = 0.95
"""Of the limits that a model with partial pooling states of its groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """The groups of one column, or the slopes of an attribute in them.

    Attributes
    ----------
    title : of the drawing.
    spread : how far the groups differ, in a sentence.
    svg : dot plot; "" where there are too many groups to draw.
    table : the numbers.
    """

    title: str
    spread: str
    svg: str
    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """How groups differ, by the best model with partial pooling.

    Attributes
    ----------
    title : of the section.
    text : what is shown, and by which model.
    terms : the first is that of the specialisms.
    places : the chance of each place; None where there are many places.
    notes : what is left out.
    """

    title: str
    text: str
    terms: tuple[Term, ...]
    places: Table | None
    notes: tuple[str, ...]


def differences(run: RunFolder) -> Differences | None:
    """Return how groups differ; None where no model has groups to show."""
    if not len(run.groups_pooled):
        return None
    board = run.leaderboard.sort_values("rank", kind="stable", na_position="last")["model"]
    held = list(run.groups_pooled["model"].unique())
    model = next((name for name in board if name in held), held[0])
    others = [display_name(run, name) for name in held if name != model]
    table = run.groups_pooled[run.groups_pooled["model"] == model]
    first = str(table["term"].iloc[0])
    what = _plural(first)
    name = display_name(run, model)
    return Differences(
        title=f"How {what} differ",
        text=(
            f"{name} estimates the {_quantity(run, model)} of each group against the average of "
            "the groups, other attributes being equal. A group of few people says little, so its "
            "estimate is drawn towards the average, as far as its own people leave open: that is "
            "why small groups do not stand out by chance."
        ),
        terms=tuple(
            _term(run, model, str(term), part, number)
            for number, (term, part) in enumerate(table.groupby("term", sort=False))
        ),
        places=_places(run, model, what),
        notes=_notes(run, table, first, others),
    )


def _quantity(run: RunFolder, model: str) -> str:
    return "odds of leaving in a month" if ratio_of(run, model) == "odds" else "hazard of leaving"


def _plural(term: str) -> str:
    plain = {"specialism": "specialisms", "region": "regions", "cohort": "cohorts"}
    return plain.get(term, f"groups by {words.spaced(term)}")


def _term(run: RunFolder, model: str, term: str, table: pd.DataFrame, number: int) -> Term:
    spread = run.group_spread
    own = spread[(spread["model"] == model) & (spread["term"] == term)]
    return Term(
        title=f"By {words.spaced(term)}" if number == 0 else words.spaced(term).capitalize(),
        spread=_spread(own.iloc[0]) if len(own) else "",
        svg=_drawing(run, table, number) if len(table) <= _MOST_DRAWN else "",
        table=_table(run, model, term, table),
    )


def _spread(row: pd.Series) -> str:
    sd, lower, upper = (float(row[name]) for name in ("sd", "lower", "upper"))
    if math.isnan(sd):
        return ""
    return (
        f"About two in three such groups lie between {words.ratio(math.exp(-sd))} and "
        f"{words.ratio(math.exp(sd))} times the average (standard deviation of the log ratios "
        f"{words.number(sd, 2)}, {words.level(_LEVEL)} interval "
        f"{words.limits(lower, upper, 2)}; it is above 0 by construction, and does not say that "
        "groups differ)."
    )


def _drawing(run: RunFolder, table: pd.DataFrame, number: int) -> str:
    read = [
        f"{group} {words.ratio(ratio)}"
        for group, ratio in zip(table["group"], table["ratio"], strict=True)
    ]
    label = f"Ratio of each group to the average, with its interval: {', '.join(read)}."
    known = group_colours(run.groups)
    colours = {str(group): known[group] for group in table["group"] if group in known}
    drawing = to_svg(group_panel(table, colours))
    return inline_svg(drawing, name=f"groups{number}", label=label)


def _table(run: RunFolder, model: str, term: str, table: pd.DataFrame) -> Table:
    of = "Odds ratio" if ratio_of(run, model) == "odds" else "Hazard ratio"
    rows = tuple(
        (
            str(row["group"]),
            words.with_limits(
                words.ratio(row["ratio"]),
                words.ratio_limits(row["ratio"], row["lower"], row["upper"]),
            ),
            _drawn(float(row["shrinkage"])),
        )
        for _, row in table.iterrows()
    )
    slope = " by " in term
    return Table(
        caption=f"{words.spaced(term).capitalize()}: {of.lower()} against the average",
        head=("Group", of, "Drawn towards the average"),
        rows=rows,
        notes=(
            f"In brackets: {words.level(_LEVEL)} interval. "
            + ("Per unit of the attribute. " if slope else "Above 1: leaves sooner. ")
            + "Drawn towards the average by 100 %: the group's own people say nothing; by 0 %: "
            "they alone decide.",
        ),
    )


def _drawn(shrinkage: float) -> str:
    return words.MISSING if math.isnan(shrinkage) else f"by {words.percent(shrinkage)}"


def _places(run: RunFolder, model: str, what: str) -> Table | None:
    ranks = run.ranks[run.ranks["model"] == model]
    last = int(np.nan_to_num(ranks["rank"].max())) if len(ranks) else 0
    if not 1 < last <= _MOST_PLACES:
        return None
    cells = ranks.drop_duplicates(["group", "rank"]).set_index(["group", "rank"])["probability"]
    places = range(1, last + 1)
    expected = (ranks["rank"] * ranks["probability"]).groupby(ranks["group"]).sum()
    return Table(
        caption=f"The chance of each place among {last} {what}: 1 keeps its people best",
        head=(what.split()[0].capitalize().removesuffix("s"), *map(str, places)),
        rows=tuple(
            (str(group), *(_shaded(float(cells.get((group, place), math.nan))) for place in places))
            for group in expected.sort_values(kind="stable").index
        ),
        notes=(
            "No league table: the chance of each place. Where no cell of a row is dark, the data "
            "do not tell which place is the group's. Groups are in the order of their mean place.",
        ),
    )


def _shaded(chance: float) -> str:
    if math.isnan(chance):
        return words.MISSING
    shade = f"background: rgba(0, 94, 184, {0.55 * min(max(chance, 0.0), 1.0):.2f})"
    return Markup('<span class="shade" style="{}">{}</span>').format(shade, words.percent(chance))


def _notes(run: RunFolder, table: pd.DataFrame, first: str, others: list[str]) -> tuple[str, ...]:
    notes = []
    if run.facts.threshold > 1:
        notes.append(
            f"A group is left out where fewer than {run.facts.threshold} of its people were "
            "there, left or stayed, and so is another where the first could be worked out from "
            "it."
        )
    shown = set(table.loc[table["term"] == first, "group"])
    if first == "specialism" and (missing := [g for g in run.groups if g not in shown]):
        notes.append(f"Left out: {words.in_words(missing)}.")
    if others:
        notes.append(f"{words.in_words(others)}: in tables/groups.csv and tables/ranks.csv.")
    return tuple(notes)
