"""Plots of a run's tables: the one door to matplotlib.

Every function takes a frame in the columns of the run folder's table of that name and returns a
new `Figure`; no global state of pyplot is touched, so that plots are safe in threads and servers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from textwrap import shorten, wrap
from typing import Any
from warnings import catch_warnings, filterwarnings

import numpy as np
import pandas as pd
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from gmts_models.disclosure import SUPPRESSED, show_count
from gmts_models.errors import InputError
from gmts_models.outcome import Floats
from gmts_models.reporting.run_folder import ALL
from gmts_models.reporting.scales import (
    ACCENT,
    GREY,
    INK,
    MUTED,
    RULE,
    at_risk_on,
    calibration_ticks,
    group_colours,
    month_ticks,
    ratio_ticks,
    retention_floor,
)
from gmts_models.reporting.words import months as in_months

# ------------------------------------------------------------- retention


def plot_retention(
    curves: pd.DataFrame,
    *,
    groups: Sequence[str] | None = None,
    colours: Mapping[str, str] | None = None,
    columns: int | None = None,
) -> Figure:
    """Draw retention by group as small multiples, with everybody in grey behind.

    Parameters
    ----------
    curves : group, months, retention, lower, upper, at_risk; the group "All" is everybody.
    groups : which to draw, in which order; default all but "All", or "All" where it is alone.
    colours : by group; default `group_colours`.
    columns : panels side by side; default by the number of groups.

    Raises
    ------
    InputError : a group is not in `curves`.
    """
    drawn = _groups(curves, groups)
    colours = {**group_colours(drawn), **(colours or {})}
    ticks, floor = month_ticks(curves), retention_floor(curves)
    with _own_style():
        return _small_multiples(curves, drawn, colours, ticks, floor, columns)


def _groups(curves: pd.DataFrame, groups: Sequence[str] | None) -> list[str]:
    present = list(curves["group"].unique())
    if groups is None:
        return [group for group in present if group != ALL] or present
    if missing := [group for group in groups if group not in present]:
        raise InputError(f"{len(missing)} groups have no curve", where=f"groups={missing}")
    return list(groups)


def _small_multiples(
    curves: pd.DataFrame,
    groups: Sequence[str],
    colours: Mapping[str, str],
    ticks: Sequence[int],
    floor: float,
    columns: int | None,
) -> Figure:
    across = columns or min(max(len(groups), 1), 3 if len(groups) <= 9 else 4)
    down = max(1, math.ceil(len(groups) / across))
    width, height = 3.5 * across, 2.75 * down + 0.2
    figure = Figure(figsize=(width, height), dpi=120, facecolor="white")
    if not groups:
        _say(figure, "No group is large enough for a curve.")
        return figure
    for number, group in enumerate(groups):
        row, column = divmod(number, across)
        ax = _axes(figure, left=3.5 * column + 0.06, bottom=2.75 * (down - 1 - row) + 0.72)
        _panel(ax, curves, group, colours[group], ticks, floor)
        _below(ax, curves[curves["group"] == group], ticks)
        title = "\n".join(wrap(shorten(str(group), 76, placeholder="…"), 40)) or " "
        look: dict[str, Any] = {"color": colours[group], "fontsize": 10.5, "fontweight": "bold"}
        ax.text(0, 1.03, title, transform=ax.transAxes, va="bottom", **look)
    note = (
        f"Under each panel: months, and people at risk ({SUPPRESSED} = too few to show). "
        "Grey line: everybody."
    )
    figure.text(0.06 / width, 0.12 / height, note, fontsize=8, color=MUTED)
    return figure


def _axes(figure: Figure, *, left: float, bottom: float) -> Axes:
    """Add a panel of 3.38 x 1.68 inches."""
    width, height = figure.get_size_inches()
    return figure.add_axes((left / width, bottom / height, 3.38 / width, 1.68 / height))


def retention_panel(
    curves: pd.DataFrame, group: str, colour: str, ticks: Sequence[int], floor: float
) -> Figure:
    """Draw one group alone, without labels of months: the report sets them as a table's head.

    The panel spans half a step to either side of `ticks`, so that a table of as many equal columns
    under it has each column centred on its month.
    """
    with _own_style():
        figure = Figure(figsize=(320 / 72, 180 / 72), dpi=72, facecolor="none")
        ax = figure.add_axes((0, 0.01, 1, 0.98))
        _panel(ax, curves, group, colour, ticks, floor, labels=10.5)
        return figure


def _panel(
    ax: Axes,
    curves: pd.DataFrame,
    group: str,
    colour: str,
    ticks: Sequence[int],
    floor: float,
    labels: float = 8.5,
) -> None:
    step = ticks[1] - ticks[0]
    left, right = -step / 2, ticks[-1] + step / 2
    ax.set_xlim(left, right)
    ax.set_ylim(floor - 0.03 * (1 - floor), 1 + 0.16 * (1 - floor))
    ax.axis("off")
    tall = 1 - floor
    levels = np.linspace(floor, 1, {0.0: 5, 0.25: 4, 0.5: 3}[floor])
    ax.hlines(levels[1:], left, right, color=RULE, linewidth=0.8, zorder=0)
    ax.hlines(floor, left, right, color=MUTED, linewidth=1, zorder=0)
    every = 12 if step % 12 == 0 else step
    months = np.arange(0, ticks[-1] + 0.5, every)
    ax.vlines(months, floor - 0.03 * tall, floor, color=MUTED, linewidth=1, zorder=0)
    for level in levels:
        share = f"{100 * level:.0f}\u202f%"
        ax.text(left, level + 0.015 * tall, share, fontsize=labels, color=MUTED, va="bottom")
    if group != ALL and (curves["group"] == ALL).any():
        everybody = _steps(curves[curves["group"] == ALL])
        ax.plot(*everybody, drawstyle="steps-post", color=GREY, linewidth=1.3)
    _curve(ax, curves[curves["group"] == group], colour)


def _curve(ax: Axes, curve: pd.DataFrame, colour: str) -> None:
    ordered = curve.sort_values("months")
    months, lower, upper = (ordered[c].to_numpy(float) for c in ("months", "lower", "upper"))
    band: dict[str, Any] = {"step": "post", "alpha": 0.17, "linewidth": 0, "zorder": 1.5}
    ax.fill_between(months, lower, upper, color=colour, **band)
    ax.plot(*_steps(curve), drawstyle="steps-post", color=colour, linewidth=2, zorder=3)


def _steps(curve: pd.DataFrame) -> tuple[Floats, Floats]:
    ordered = curve.sort_values("months")
    months, kept = ordered["months"].to_numpy(float), ordered["retention"].to_numpy(float)
    if len(months) and months[0] == 0 and kept[0] < 1:
        # Some left on the first day: the curve drops there, from everybody.
        months, kept = np.append(0.0, months), np.append(1.0, kept)
    return months, kept


def _below(ax: Axes, curve: pd.DataFrame, ticks: Sequence[int]) -> None:
    across = ax.get_xaxis_transform()
    for tick, at_risk in zip(ticks, at_risk_on(curve, ticks), strict=True):
        for depth, text, colour in ((-0.02, str(tick), MUTED), (-0.135, show_count(at_risk), INK)):
            place: dict[str, Any] = {"transform": across, "ha": "center", "va": "top"}
            ax.text(tick, depth, text, fontsize=8.5, color=colour, **place)


# ----------------------------------------------------------- calibration


def plot_calibration(
    calibration: pd.DataFrame,
    *,
    horizon_months: float | None = None,
    model: str | None = None,
    colour: str = ACCENT,
) -> Figure:
    """Draw observed against predicted risk, a panel a horizon.

    Parameters
    ----------
    calibration : model, horizon_months, bin, predicted, observed, lower, upper, n.
    horizon_months : which; default all, side by side.
    model : which; needed where there are several.
    colour : of the points.

    Raises
    ------
    InputError : there are several models and none is named.
    """
    models = list(calibration["model"].unique())
    if model is None and len(models) > 1:
        raise InputError(
            "the table holds several models",
            where="model",
            fix=f"choose one: {', '.join(map(str, models))}",
        )
    mine = calibration if model is None else calibration[calibration["model"] == model]
    mine = mine.dropna(subset=["predicted", "observed"])
    if horizon_months is not None:
        mine = mine[mine["horizon_months"] == horizon_months]
    horizons = sorted(mine["horizon_months"].unique())
    with _own_style():
        across = max(len(horizons), 1)
        figure = Figure(figsize=(2.9 * across, 3.1), dpi=120, facecolor="white")
        if not horizons:
            _say(figure, "No calibration to show.")
            return figure
        figure.set_layout_engine("constrained")
        for number, horizon in enumerate(horizons):
            ax = figure.add_subplot(1, across, number + 1)
            part = mine[mine["horizon_months"] == horizon]
            _calibration(ax, part, colour, calibration_ticks(part))
            ax.set_title(f"by {in_months(horizon)}", fontsize=10, color=INK, loc="left")
            ax.set_xlabel("predicted to leave", fontsize=9, color=MUTED)
            if number == 0:
                ax.set_ylabel("seen to leave", fontsize=9, color=MUTED)
        return figure


def calibration_panel(calibration: pd.DataFrame, colour: str, ticks: Sequence[float]) -> Figure:
    """Draw the groups of one model at one horizon, with `ticks` on both axes."""
    with _own_style():
        figure = Figure(figsize=(210 / 72, 200 / 72), dpi=72, facecolor="none")
        ax = figure.add_axes((0.19, 0.13, 0.79, 0.84))
        _calibration(ax, calibration, colour, ticks)
        return figure


def _calibration(ax: Axes, points: pd.DataFrame, colour: str, ticks: Sequence[float]) -> None:
    low, high = ticks[0], ticks[-1]
    margin = 0.02 * (high - low)
    ax.plot([low, high], [low, high], color=GREY, linewidth=1.2, zorder=1, clip_on=False)
    ax.vlines(points["predicted"], points["lower"], points["upper"], color=colour, linewidth=1.6)
    ax.plot(
        points["predicted"],
        points["observed"],
        linestyle="none",
        marker="o",
        markersize=6,
        color=colour,
        markeredgecolor="white",
        markeredgewidth=0.8,
        zorder=3,
        clip_on=False,
    )
    ax.set_xlim(low - margin, high + margin)
    ax.set_ylim(low - margin, high + margin)
    ax.set_xticks(ticks, [_share(tick) for tick in ticks])
    ax.set_yticks(ticks, [_share(tick) for tick in ticks])
    ax.set_aspect("equal")
    ax.grid(color=RULE, linewidth=0.8)
    _plain(ax)


# ----------------------------------------------------------- leaderboard


def plot_leaderboard(leaderboard: pd.DataFrame) -> Figure:
    """Draw each model's mean Brier score less the reference's, with its interval.

    Parameters
    ----------
    leaderboard : model, mean_brier, difference, difference_lower, difference_upper, verdict; best
        first.
    """
    with _own_style():
        figure = Figure(figsize=(8, 1.1 + 0.42 * max(len(leaderboard), 1)), dpi=120)
        if not len(leaderboard):
            _say(figure, "No model was scored.")
            return figure
        figure.set_layout_engine("constrained")
        ax = figure.add_subplot()
        _differences(ax, leaderboard)
        return figure


def _differences(ax: Axes, leaderboard: pd.DataFrame) -> None:
    rows = np.arange(len(leaderboard))
    difference = leaderboard["difference"].to_numpy(float)
    ax.axvline(0, color=GREY, linewidth=1.2, zorder=1)
    ax.hlines(
        rows,
        leaderboard["difference_lower"].to_numpy(float),
        leaderboard["difference_upper"].to_numpy(float),
        color=ACCENT,
        linewidth=1.8,
    )
    ax.plot(difference, rows, "o", color=ACCENT, markersize=7, markeredgecolor="white", zorder=3)
    ax.set_ylim(len(leaderboard) - 0.5, -0.5)
    if not np.isfinite(difference).any():
        ax.set_xlim(-0.01, 0.01)
    names = [shorten(str(model), 44, placeholder="…") for model in leaderboard["model"]]
    ax.set_yticks(rows, names, fontsize=9.5, color=INK, parse_math=False)
    verdicts = [shorten(str(verdict), 44, placeholder="…") for verdict in leaderboard["verdict"]]
    for row, verdict in zip(rows, verdicts, strict=True):
        ax.annotate(
            verdict,
            (1.02, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8.5,
            color=MUTED,
        )
    ax.set_xlabel("mean Brier score less the reference's (left is better)", fontsize=9, color=MUTED)
    ax.grid(axis="x", color=RULE, linewidth=0.8)
    _plain(ax)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)


# ---------------------------------------------------------------- groups


def plot_groups(groups: pd.DataFrame) -> Figure:
    """Draw the ratio of each group to the average, with its interval, a panel a term.

    Parameters
    ----------
    groups : model, term, group, ratio, lower, upper; of one model.

    Raises
    ------
    InputError : there are several models.
    """
    if len(groups["model"].unique()) > 1:
        raise InputError("the table holds several models", where="groups", fix="choose one")
    terms = list(groups["term"].unique())
    sizes = [max(2, int((groups["term"] == term).sum())) for term in terms]
    with _own_style():
        figure = Figure(figsize=(6, 1 + 0.8 * len(terms) + 0.42 * sum(sizes)), dpi=120)
        if not terms:
            _say(figure, "No group is large enough to show.")
            return figure
        figure.set_layout_engine("constrained")
        axes = figure.subplots(len(terms), 1, squeeze=False, height_ratios=sizes)[:, 0]
        for ax, term in zip(axes, terms, strict=True):
            _dots(ax, groups[groups["term"] == term], {}, 9.5)
            ax.set_title(
                shorten(str(term), 60, placeholder="…"), fontsize=10, color=INK, loc="left"
            )
        axes[-1].set_xlabel("ratio to the average of the groups", fontsize=9, color=MUTED)
        return figure


def group_panel(groups: pd.DataFrame, colours: Mapping[str, str]) -> Figure:
    """Draw the groups of one term, each name above its interval; narrow enough for a phone."""
    with _own_style():
        height = 36 * len(groups) + 30
        figure = Figure(figsize=(360 / 72, height / 72), dpi=72, facecolor="none")
        ax = figure.add_axes((0.02, 26 / height, 0.96, 1 - 28 / height))
        _dots(ax, groups, colours, 13)
        return figure


def _dots(ax: Axes, groups: pd.DataFrame, colours: Mapping[str, str], size: float) -> None:
    rows = np.arange(len(groups))
    ratio, lower, upper = (groups[c].to_numpy(float) for c in ("ratio", "lower", "upper"))
    names = [str(group) for group in groups["group"]]
    drawn = [colours.get(name, ACCENT) for name in names]
    ax.axvline(1, color=GREY, linewidth=1.2, zorder=1)
    ax.hlines(rows, lower, upper, color=drawn, linewidth=2)
    ax.scatter(ratio, rows, s=42, color=drawn, edgecolors="white", linewidths=0.8, zorder=3)
    ax.set_ylim(len(groups) - 0.6, -0.85)
    ax.set_xscale("log")
    ticks = ratio_ticks(np.r_[ratio, lower, upper])
    ax.set_xlim(ticks[0] / 1.02, ticks[-1] * 1.02)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_yticks([])
    for row, name in zip(rows, names, strict=True):
        place: dict[str, Any] = {"transform": ax.get_yaxis_transform(), "va": "center"}
        short = shorten(name, 48, placeholder="…")
        ax.text(0, row - 0.42, short, fontsize=size, color=INK, **place)
    ax.grid(axis="x", color=RULE, linewidth=0.8)
    _plain(ax)
    ax.tick_params(labelsize=size - 1)
    ax.spines["left"].set_visible(False)


# ---------------------------------------------------------------- saving


def to_svg(figure: Figure) -> str:
    """Return a figure as SVG with its text as text; the same figure gives the same characters."""
    held = StringIO()
    with _own_style(), _any_script():
        figure.savefig(held, format="svg", metadata={"Date": None})
    return held.getvalue()


def save_png(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG."""
    with _own_style(), _any_script():
        figure.savefig(path, format="png", metadata={"Software": None})
    return path


@contextmanager
def _own_style() -> Iterator[None]:
    """Leave the user's matplotlib settings out, so that a report is the same for everybody."""
    ours = {"svg.fonttype": "none", "svg.hashsalt": "gmts_models", "text.parse_math": False}
    with style.context(["default", ours]):
        yield


@contextmanager
def _any_script() -> Iterator[None]:
    """Let labels be in any script: a PNG shows boxes for what its font lacks, an SVG does not."""
    with catch_warnings():
        filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def _plain(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(MUTED)
    ax.tick_params(colors=MUTED, labelsize=9, length=3)
    ax.set_axisbelow(True)


def _say(figure: Figure, words: str) -> None:
    figure.text(0.5, 0.5, words, ha="center", va="center", color=MUTED, fontsize=11)


def _share(value: float) -> str:
    return f"{100 * value:.3g}%"
