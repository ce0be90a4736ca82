"""What the report says of the models: which predicts best, how well, for whom."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from gmts_models.reporting import words
from gmts_models.reporting.plots import calibration_panel, to_svg
from gmts_models.reporting.run_folder import ALL, RunFolder
from gmts_models.reporting.scales import ACCENT, MUTED, calibration_ticks
from gmts_models.reporting.sections import Panel, Table, hidden_note, small
from gmts_models.reporting.svg import inline_svg, interval_mark

_KINDS = {
    "kaplan_meier": "Kaplan-Meier",
    "cox": "Cox",
    "cox_elastic_net": "Cox (elastic net)",
    "cox_firth": "Cox (Firth)",
    "cox_time_effects": "Cox (effects in time)",
    "hierarchical_cox": "Hierarchical Cox",
    "cause_specific_cox": "Cause-specific Cox",
    "fine_gray": "Fine-Gray",
    "discrete_time_hazard": "Monthly hazards",
    "hierarchical_hazard": "Hierarchical hazards",
    "exponential_aft": "Exponential",
    "weibull_aft": "Weibull",
    "log_normal_aft": "Log-normal",
    "log_logistic_aft": "Log-logistic",
    "generalised_gamma_aft": "Generalised gamma",
    "spline_aft": "Spline",
    "logistic": "Logistic regression",
    "hist_gradient_boosting": "Gradient boosting",
    "random_forest": "Random forest",
    "stacked": "Stack",
}
_REFERENCE = ("the reference", "reference")

MEANINGS = (
    (
        "Brier score",
        "Mean squared distance between the predicted risk and what happened. Lower is better; "
        "0 is perfect.",
    ),
    (
        "IPA",
        "Share of the Brier score that the model takes away from one that gives everybody the "
        "same risk. Higher is better; 0 is no gain.",
    ),
    (
        "AUC",
        "Chance that someone who left by the month was given a higher risk than someone who had "
        "not. 0.5 is a coin toss, 1 is perfect.",
    ),
    (
        "C\u2011index",
        "Chance that the one who left earlier of two people was given the higher risk. 0.5 is a "
        "coin toss, 1 is perfect.",
    ),
    (
        "Observed / expected",
        "Departures that happened, divided by those predicted. 1 is right; above 1, more left than "
        "predicted.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The panels of one model, one a horizon."""

    model: str
    role: str
    panels: tuple[Panel, ...]


def best_model(run: RunFolder) -> str | None:
    """Return the first model of the leaderboard that has a score."""
    scored = run.leaderboard.dropna(subset=["mean_brier"]).sort_values("rank", kind="stable")
    return str(scored["model"].iloc[0]) if len(scored) else None


def reference_model(run: RunFolder) -> str | None:
    """Return the model that the others are compared with."""
    if (run.leaderboard["model"] == run.facts.reference).any():
        return run.facts.reference
    found = run.leaderboard[run.leaderboard["verdict"].isin(_REFERENCE)]["model"]
    return str(found.iloc[0]) if len(found) else None


def display_name(run: RunFolder, model: str) -> str:
    """Return a model's name for readers: that of its kind, unless the user gave another."""
    kinds = dict(zip(run.leaderboard["model"], run.leaderboard["kind"], strict=True))
    kinds |= {each.name: each.kind for each in run.facts.models if each.kind}
    return _KINDS.get(model, model) if kinds.get(model, model) in (model, "") else model


def clock(run: RunFolder) -> str:
    """Say from when the models' horizons count; nothing where that is the start of the clock."""
    facts = run.facts
    if facts.at == "start" and not facts.landmarks:
        return ""
    when = words.prediction_date(facts.at, facts.landmarks)
    text = (
        f"Here risk is asked {when}: months count from there, given that the person is still here "
        "then, and the models know what was dated before. "
    )
    begin = "the start"
    if facts.endpoint == "post_scheme":
        text, begin = f"{text}Before completion, months count from completion. ", "completion"
    if facts.landmarks:
        text += "A person stands at each of these dates that they reach, and counts once. "
    return f"{text}The curves and the retention above count from {begin}."


def verdict(run: RunFolder) -> str:
    """Say in one or two sentences which model predicts best and what that is worth."""
    best, reference = best_model(run), reference_model(run)
    if best is None:
        return "No model could be scored."
    name = display_name(run, best)
    if reference is None:
        return f"{name} has the lowest mean Brier score."
    against = display_name(run, reference)
    if best == reference:
        return f"No model predicted better than {against}, the reference."
    row = run.leaderboard[run.leaderboard["model"] == best].iloc[0]
    if str(row["verdict"]).startswith("better"):
        return f"{name} predicted best, and better than {against}, the reference."
    return (
        f"{name} has the lowest mean Brier score, but is {row['verdict']} ({against}): "
        "the data do not show that it predicts better."
    )


def leaderboard(run: RunFolder) -> Table | None:
    """Return the models, best first; None where none was compared."""
    board = run.leaderboard.sort_values("rank", kind="stable", na_position="last")
    if not len(board):
        return None
    limits = board[["difference_lower", "difference_upper", "difference"]]
    widest = float(limits.abs().max().max())
    span = (-widest, widest) if widest > 0 else (-1.0, 1.0)
    return Table(
        caption="Models by mean Brier score over the horizons, best first",
        head=(
            "Model",
            "Mean Brier",
            "← better · worse →",
            "Difference",
            "Verdict",
            "IPA",
            "AUC",
            "C\u2011index",
        ),
        rows=tuple(_leaderboard_row(run, row, span) for _, row in board.iterrows()),
        text=(4,),
        notes=(
            f"In brackets: {words.level(run.facts.level)} interval. "
            "Difference: mean Brier score less the reference's; "
            "below 0 (left of the line) is better. "
            f"{words.SCHEMES.get(run.facts.scheme, '')}".strip(),
        ),
    )


def _leaderboard_row(run: RunFolder, row: pd.Series, span: tuple[float, float]) -> tuple[str, ...]:
    name = str(row["model"])
    is_reference = name == reference_model(run)
    low, high = float(row["difference_lower"]), float(row["difference_upper"])
    difference = float(row["difference"])
    scored = not math.isnan(row["mean_brier"])
    compared = scored and not is_reference and not math.isnan(difference)
    return (
        display_name(run, name),
        words.with_limits(words.number(row["mean_brier"]), words.limits(row["lower"], row["upper"]))
        if scored
        else words.MISSING,
        interval_mark(difference, low, high, span, colour=ACCENT, line=0.0)
        if compared
        else words.MISSING,
        words.with_limits(words.signed(difference), words.signed_limits(low, high))
        if compared
        else words.MISSING,
        _sentence(str(row["verdict"])),
        words.points(row["mean_ipa"]),
        words.number(row["mean_auc"]),
        words.number(row["c_index"]),
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def group_scores(run: RunFolder, horizon: float) -> Table | None:
    """Return how well the best model does in each specialism, beside the reference.

    Parameters
    ----------
    run : the run.
    horizon : months to show, where the best model has scores there; else the last one it has.
    """
    best, reference = best_model(run), reference_model(run)
    if best is None:
        return None
    scores = run.scores[run.scores["model"] == best]
    scored = scores[(scores["score"] == "brier") & scores["estimate"].notna()]
    by_group = scored[scored["group"] != ALL]
    if not len(by_group):
        return None
    if not (by_group["horizon_months"] == horizon).any():
        horizon = float(by_group["horizon_months"].max())
    at = run.scores[run.scores["horizon_months"] == horizon]
    found = at.drop_duplicates(["model", "score", "group"]).set_index(["model", "score", "group"])
    landmarks = {f"landmark {m}": f"At {words.months(m)}" for m in run.facts.landmarks}
    groups = [group for group in at["group"].unique() if group != ALL]
    other = reference if reference not in (None, best) else None
    name = display_name(run, best)
    head = [
        "Specialism" + (", or since the start" if landmarks else ""),
        "People scored",
        f"Brier, {name}",
    ]
    head += [f"Brier, {display_name(run, other)}"] if other else []
    rows = tuple(
        _group_row(found, group, best, other, landmarks.get(group, group))
        for group in (*groups, *([ALL] if (at["group"] == ALL).any() else []))
    )
    return Table(
        caption=f"Scores of {name} by specialism, at {words.months(horizon)}",
        head=(*head, f"AUC, {name}", f"Observed / expected, {name}"),
        rows=rows,
        notes=_group_notes(run, rows),
    )


def _group_row(
    found: pd.DataFrame, group: str, best: str, other: str | None, name: str
) -> tuple[str, ...]:
    def read(model: str, score: str, decimals: int) -> str:
        if (model, score, group) not in found.index:
            return words.MISSING
        key = (model, score, group)
        estimate, lower, upper = (float(found[c][key]) for c in ("estimate", "lower", "upper"))
        if math.isnan(estimate):
            return words.MISSING
        shown = words.number(estimate, decimals)
        return words.with_limits(shown, words.limits(lower, upper, decimals))

    key = (best, "brier", group)
    n = float(found["n"][key]) if key in found.index else math.nan
    return (
        "Everybody" if group == ALL else name,
        words.count(n),
        read(best, "brier", 3),
        *([read(other, "brier", 3)] if other else []),
        read(best, "auc", 2),
        read(best, "observed_expected", 2),
    )


def _group_notes(run: RunFolder, rows: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    shown = {cell for row in rows for cell in row}
    notes = [f"In brackets: {words.level(run.facts.level)} interval."]
    if words.MISSING in shown:
        notes.append(f"{words.MISSING} not estimable, or {small(run)}.")
    return (*notes, *hidden_note(run, rows))


def calibration(run: RunFolder) -> tuple[Calibration, ...]:
    """Draw the calibration of the best model and of the reference, on the same axes."""
    best, reference = best_model(run), reference_model(run)
    roles: dict[str, str] = {}
    if best is not None:
        roles[best] = "lowest mean Brier score"
    if reference is not None:
        roles[reference] = (
            "the reference" if reference not in roles else "lowest mean Brier score; the reference"
        )
    points = run.calibration.dropna(subset=["predicted", "observed"])
    points = points[points["model"].isin(roles)]
    ticks = {
        horizon: calibration_ticks(points[points["horizon_months"] == horizon])
        for horizon in sorted(points["horizon_months"].unique())
    }
    drawn = []
    for number, (model, role) in enumerate(roles.items()):
        mine = points[points["model"] == model]
        if len(mine):
            colour = MUTED if model == reference and model != best else ACCENT
            panels = _calibration_panels(run, mine, colour, ticks, f"calibration{number}")
            drawn.append(Calibration(model=display_name(run, model), role=role, panels=panels))
    return tuple(drawn)


def _calibration_panels(
    run: RunFolder,
    points: pd.DataFrame,
    colour: str,
    ticks: dict[float, list[float]],
    name: str,
) -> tuple[Panel, ...]:
    panels = []
    for number, (horizon, shares) in enumerate(ticks.items()):
        part = points[points["horizon_months"] == horizon]
        if not len(part):
            continue
        pairs = [
            f"{words.percent(predicted)} predicted, {words.percent(observed)} seen"
            for predicted, observed in zip(part["predicted"], part["observed"], strict=True)
        ]
        model = display_name(run, str(part["model"].iloc[0]))
        label = f"Calibration of {model} by {words.months(horizon)}: {'; '.join(pairs)}."
        drawing = to_svg(calibration_panel(part, colour, shares))
        panels.append(
            Panel(
                title=f"By {words.months(horizon)}",
                colour=colour,
                svg=inline_svg(drawing, name=f"{name}-{number}", label=label),
            )
        )
    return tuple(panels)
