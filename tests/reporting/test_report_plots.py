"""Plots: what they draw, and that they stay clear of pyplot and of the user's settings."""

from __future__ import annotations

import ast
import itertools
import math
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

import gmts_models.reporting
from gmts_models.data.contract.columns import SPECIALISMS
from gmts_models.errors import InputError
from gmts_models.reporting import (
    plot_calibration,
    plot_groups,
    plot_leaderboard,
    plot_retention,
)
from gmts_models.reporting.plots import save_png, to_svg
from gmts_models.reporting.scales import (
    ACCENT,
    GREY,
    INK,
    MUTED,
    at_risk_on,
    calibration_ticks,
    group_colours,
    month_ticks,
    ratio_ticks,
    retention_floor,
)

NAN = math.nan
PACKAGE = Path(gmts_models.reporting.__file__).parent


def _curves(groups: dict[str, list[float]], at_risk: int = 40) -> pd.DataFrame:
    rows = [
        {
            "group": group,
            "months": 12.0 * k,
            "retention": kept,
            "lower": kept - 0.05,
            "upper": min(kept + 0.05, 1.0),
            "at_risk": float(at_risk - k),
        }
        for group, curve in groups.items()
        for k, kept in enumerate(curve)
    ]
    columns = ["group", "months", "retention", "lower", "upper", "at_risk"]
    return pd.DataFrame(rows, columns=columns)


TWO = _curves({"All": [1, 0.9, 0.85], "Finance": [1, 0.95, 0.9], "Human Resources": [1, 0.8, 0.7]})


# --------------------------------------------------------------- scales


def test_months_are_labelled_every_twelve() -> None:
    assert month_ticks(_curves({"A": [1] * 6})) == [0, 12, 24, 36, 48, 60]
    assert month_ticks(_curves({"A": [1] * 12})) == [0, 24, 48, 72, 96, 120]
    short = TWO.assign(months=TWO["months"] / 4)
    assert month_ticks(short) == [0, 1, 2, 3, 4, 5, 6]
    assert month_ticks(_curves({})) == [0, 12, 24]


@pytest.mark.parametrize("last", [0.5, 3, 13, 17, 18, 59, 60, 66, 67, 138, 700])
def test_every_month_lies_within_half_a_step_of_the_ticks(last: float) -> None:
    ticks = month_ticks(pd.DataFrame({"months": [0.0, last]}))
    step = ticks[1] - ticks[0]
    assert last <= ticks[-1] + step / 2
    assert 2 <= len(ticks) <= 8
    assert set(np.diff(ticks)) == {step}


def test_floor_is_below_every_interval() -> None:
    assert retention_floor(_curves({"A": [1, 0.9]})) == 0.5
    assert retention_floor(_curves({"A": [1, 0.5]})) == 0.25
    assert retention_floor(_curves({"A": [1, 0.2]})) == 0
    assert retention_floor(_curves({})) == 0


def test_numbers_at_risk() -> None:
    curve = _curves({"A": [1, 0.9, 0.8]})
    shown = at_risk_on(curve, [0, 12, 24, 36])
    assert shown[:3] == [40, 39, 38]
    assert math.isnan(shown[3])  # the curve ends where too few are left
    assert math.isnan(at_risk_on(curve.assign(at_risk=NAN), [0])[0])


def test_calibration_ticks_hold_everything() -> None:
    points = pd.DataFrame(
        {"predicted": [0.08], "observed": [0.12], "lower": [0.05], "upper": [0.21]}
    )
    assert calibration_ticks(points) == [0.05, 0.1, 0.15, 0.2, 0.25]
    assert calibration_ticks(points * NAN) == [0.0, 0.5, 1.0]
    same = pd.DataFrame({"predicted": [0.1], "observed": [0.1], "lower": [NAN], "upper": [NAN]})
    assert calibration_ticks(same) == [0.1, 0.12]


def test_a_specialism_keeps_its_colour() -> None:
    alone, among = group_colours(["Human Resources"]), group_colours(["All", *SPECIALISMS])
    assert alone["Human Resources"] == among["Human Resources"]
    assert len({among[name] for name in SPECIALISMS}) == len(SPECIALISMS)
    many = group_colours([f"Industry {k}" for k in range(20)])
    assert {many[name] for name in many if name != "All"} == {ACCENT}


def _linear(colour: str) -> np.ndarray:
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def _contrast_on_white(colour: str) -> float:
    return float(1.05 / (_linear(colour) @ [0.2126, 0.7152, 0.0722] + 0.05))


def test_contrast() -> None:
    named = group_colours([f"group {k}" for k in range(8)])
    for colour in {*named.values(), *group_colours(SPECIALISMS).values(), INK, MUTED, ACCENT}:
        assert _contrast_on_white(colour) >= 4.5
    assert _contrast_on_white(GREY) >= 3


# Machado, Oliveira & Fernandes (2009), severity 1: protanopia, deuteranopia, tritanopia.
BLINDNESS = {
    "none": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]


def _lab(linear: np.ndarray) -> np.ndarray:
    xyz = np.array(TO_XYZ) @ np.clip(linear, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eye", BLINDNESS)
def test_specialisms_are_told_apart_by_every_eye(eye: str) -> None:
    colours = group_colours(SPECIALISMS)
    seen = [_lab(np.array(BLINDNESS[eye]) @ _linear(colours[name])) for name in SPECIALISMS]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 15


# ---------------------------------------------------------------- plots


def test_retention_draws_steps_with_everybody_behind() -> None:
    figure = plot_retention(TWO)
    assert len(figure.axes) == 2
    behind, own = figure.axes[0].get_lines()
    assert own.get_drawstyle() == behind.get_drawstyle() == "steps-post"
    np.testing.assert_array_equal(own.get_xydata(), [[0, 1], [12, 0.95], [24, 0.9]])
    assert behind.get_color() == GREY
    assert own.get_color() == group_colours(["Finance"])["Finance"]
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert texts[-1] == "Human Resources"
    assert texts.index("24") < texts.index("38")  # the month, then who is at risk
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def test_retention_of_chosen_groups() -> None:
    assert len(plot_retention(TWO, groups=["Finance"], colours={"Finance": "red"}).axes) == 1
    assert len(plot_retention(TWO[TWO["group"] == "All"]).axes) == 1
    with pytest.raises(InputError, match="no curve"):
        plot_retention(TWO, groups=["Finance", "Astronomy"])


def test_leaving_on_the_first_day_is_a_visible_drop() -> None:
    own = plot_retention(_curves({"A": [0.8, 0.7]})).axes[0].get_lines()[0]
    np.testing.assert_array_equal(own.get_xydata(), [[0, 1], [0, 0.8], [12, 0.7]])


def test_no_curve_at_all() -> None:
    figure = plot_retention(_curves({}))
    assert [text.get_text() for text in figure.texts] == ["No group is large enough for a curve."]


CALIBRATION = pd.DataFrame(
    {
        "model": ["cox"] * 4,
        "horizon_months": [12.0, 12.0, 24.0, 24.0],
        "bin": [1, 2, 1, 2],
        "predicted": [0.1, 0.2, 0.2, NAN],
        "observed": [0.12, 0.18, 0.25, NAN],
        "lower": [0.05, 0.1, 0.2, NAN],
        "upper": [0.2, 0.25, 0.3, NAN],
        "n": [50, 50, 50, NAN],
    }
)


def test_calibration_draws_a_panel_a_horizon() -> None:
    figure = plot_calibration(CALIBRATION)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["by 12 months", "by 24 months"]
    points = figure.axes[0].get_lines()[-1]
    np.testing.assert_array_equal(points.get_xydata(), [[0.1, 0.12], [0.2, 0.18]])
    assert len(figure.axes[1].get_lines()[-1].get_xydata()) == 1  # the hidden group is not drawn
    assert len(plot_calibration(CALIBRATION, horizon_months=24).axes) == 1


def test_calibration_of_several_models() -> None:
    both = pd.concat([CALIBRATION, CALIBRATION.assign(model="km", observed=0.3)])
    with pytest.raises(InputError, match="several models") as caught:
        plot_calibration(both)
    assert caught.value.fix == "choose one: cox, km"
    points = plot_calibration(both, model="km", horizon_months=12).axes[0].get_lines()[-1]
    assert set(points.get_ydata()) == {0.3}
    assert not plot_calibration(CALIBRATION.head(0)).axes


LEADERBOARD = pd.DataFrame(
    {
        "model": ["cox", "km", "$broken_"],
        "mean_brier": [0.13, 0.14, NAN],
        "difference": [-0.01, 0.0, NAN],
        "difference_lower": [-0.02, 0.0, NAN],
        "difference_upper": [-0.001, 0.0, NAN],
        "verdict": ["better than the reference", "the reference", "could not be fitted: why"],
    }
)


def test_leaderboard_is_best_first_from_the_top() -> None:
    ax = plot_leaderboard(LEADERBOARD).axes[0]
    assert ax.yaxis_inverted()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["cox", "km", "$broken_"]
    assert [text.get_text() for text in ax.texts] == LEADERBOARD["verdict"].tolist()
    np.testing.assert_array_equal(ax.get_lines()[-1].get_xdata(), LEADERBOARD["difference"])


def test_leaderboard_without_models_or_scores(tmp_path: Path) -> None:
    assert not plot_leaderboard(LEADERBOARD.head(0)).axes
    figure = plot_leaderboard(LEADERBOARD.tail(1))
    assert save_png(figure, tmp_path / "a.png").stat().st_size > 1000


# ---------------------------------------------------------------- groups


GROUPS = pd.DataFrame(
    {
        "model": "cox",
        "term": ["specialism"] * 3 + ["region"],
        "group": ["A", "B", "x" * 90, "N"],
        "ratio": [0.5, 1.0, 2.0, 1.0],
        "lower": [0.4, 0.8, 1.5, 0.9],
        "upper": [0.7, 1.2, 3.9, 1.1],
    }
)


def test_groups_are_dots_on_a_log_scale_a_panel_a_term() -> None:
    first, second = plot_groups(GROUPS).axes
    dots = first.collections[-1].get_offsets()
    assert np.asarray(dots).tolist() == [[0.5, 0], [1, 1], [2, 2]]
    assert first.get_xscale() == "log"
    assert first.get_xlim()[0] < 0.4 < 3.9 < first.get_xlim()[1]
    assert [tick.get_text() for tick in second.get_xticklabels()] == ["0.8", "1", "1.25"]
    assert first.get_ylim()[0] > first.get_ylim()[1]  # the first group on top
    assert not plot_groups(GROUPS.head(0)).axes
    with pytest.raises(InputError, match="several models"):
        plot_groups(GROUPS.assign(model=["a", "a", "a", "b"]))


@pytest.mark.parametrize(
    ("ratios", "ticks"),
    [
        ([], [0.8, 1, 1.25]),
        ([np.nan, 1.0], [0.8, 1, 1.25]),
        ([0.51, 1.2], [0.5, 0.67, 1, 1.5, 2]),
        ([0.05, 1.2], [0.01, 0.1, 1, 10, 100]),
        ([1e9, 0.0], [0.001, 0.1, 1, 10, 1000]),
    ],
)
def test_ratio_ticks_hold_every_ratio(ratios: list[float], ticks: list[float]) -> None:
    assert ratio_ticks(np.array(ratios)) == pytest.approx(ticks)


# --------------------------------------------------- labels and settings


@pytest.mark.parametrize("label", ["$\\frac{$", "a_b^c", "健康分析", "<i>&", "", "long " * 60])
def test_any_label_can_be_drawn(label: str, tmp_path: Path) -> None:
    figure = plot_retention(_curves({"All": [1, 0.9], label: [1, 0.8]}))
    save_png(figure, tmp_path / "a.png")
    save_png(plot_leaderboard(LEADERBOARD.assign(model=label)), tmp_path / "b.png")
    assert "<script" not in to_svg(figure)


def test_the_users_settings_are_left_alone(tmp_path: Path) -> None:
    plain = save_png(plot_retention(TWO), tmp_path / "a.png").read_bytes()
    with matplotlib.rc_context({"text.usetex": True, "font.size": 40, "axes.facecolor": "red"}):
        before = dict(matplotlib.rcParams)
        styled = save_png(plot_retention(TWO), tmp_path / "b.png").read_bytes()
        assert dict(matplotlib.rcParams) == before
    assert styled == plain


def test_a_figure_gives_the_same_svg_twice() -> None:
    assert to_svg(plot_retention(TWO)) == to_svg(plot_retention(TWO))


def test_matplotlib_is_loaded_late_and_pyplot_never() -> None:
    program = (
        "import sys, gmts_models.reporting as r\n"
        "assert 'matplotlib' not in sys.modules, 'loaded at once'\n"
        "assert {'plot_retention', 'write_report'} <= set(dir(r))\n"
        "r.plot_retention, r.plot_calibration, r.plot_leaderboard, r.write_report\n"
        "assert 'matplotlib.figure' in sys.modules\n"
        "assert 'matplotlib.pyplot' not in sys.modules, 'pyplot'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="plot_everything"):
        _ = gmts_models.reporting.plot_everything


def test_one_module_imports_matplotlib() -> None:
    found = set()
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "matplotlib" for name in names):
                found.add(path.name)
    assert found == {"plots.py"}
