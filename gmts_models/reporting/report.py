"""The report of a run: one self-contained page, made from the run folder's files alone.

It can be made again at any time from the same folder, to the last byte. The page holds no script
and loads nothing from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gmts_models.reporting import (
    destinations,
    limits,
    model_effects,
    model_groups,
    model_searches,
    model_sections,
    sections,
    words,
)
from gmts_models.reporting.headline import headline
from gmts_models.reporting.page import page_template
from gmts_models.reporting.plots import (
    plot_calibration,
    plot_groups,
    plot_leaderboard,
    plot_retention,
    save_png,
)
from gmts_models.reporting.run_folder import RunFolder, read_run_folder
from gmts_models.reporting.sections import Table

_ENDPOINTS = {
    "left_nhs": "counted from the first day",
    "left_scheme": "counted from the first day; completing the scheme ends the risk",
    "post_scheme": "among those who completed the scheme, counted from completion",
}


def write_report(run_folder: Path) -> Path:
    """Write ``report.html`` into a run folder.

    Parameters
    ----------
    run_folder : holds ``run.json`` and ``tables/``.

    Returns
    -------
    The path of the page. It is written whole or not at all, and takes the place of an older one.

    Raises
    ------
    DataError : the folder holds no finished run.
    """
    folder = Path(run_folder)
    page = render_report(read_run_folder(folder))
    path = folder / "report.html"
    draft = folder / "report.html.part"
    draft.write_text(page, encoding="utf-8", newline="\n")
    draft.replace(path)
    return path


def write_figures(run_folder: Path) -> tuple[Path, ...]:
    """Write ``figures/*.png`` into a run folder: retention, leaderboard, calibration by model.

    Raises
    ------
    DataError : the folder holds no finished run.
    """
    run = read_run_folder(Path(run_folder))
    folder = run.path / "figures"
    folder.mkdir(exist_ok=True)
    curves = run.curves.dropna(subset=["retention"])
    drawn = [g for g in run.groups if (curves["group"] == g).any()] or None
    figures = {
        "retention": plot_retention(curves, groups=drawn),
        "leaderboard": plot_leaderboard(run.leaderboard),
    }
    for model in run.calibration["model"].unique():
        figures[f"calibration_{_plain(str(model))}"] = plot_calibration(
            run.calibration, model=model
        )
    for model, part in run.groups_pooled.groupby("model", sort=False):
        figures[f"groups_{_plain(str(model))}"] = plot_groups(part)
    return tuple(save_png(figure, folder / f"{name}.png") for name, figure in figures.items())


def render_report(run: RunFolder) -> str:
    """Return the page of a run as HTML."""
    answer, counts = headline(run), sections.counts(run)
    page: str = page_template("report.html.j2").render(
        facts=run.facts,
        title=f"Retention by specialism: {run.facts.experiment}",
        level=words.level(run.facts.level),
        created=words.day(run.facts.created),
        census=words.day(run.facts.census_date) if run.facts.census_date else "",
        endpoint=_ENDPOINTS.get(run.facts.endpoint, ""),
        answer=answer,
        counts=counts,
        counts_hidden=" ".join(sections.hidden_note(run, counts)),
        rejected=sections.rejected(run),
        cohorts=sections.cohorts(run),
        curves=sections.curves(run),
        curve_notes=sections.curve_notes(run),
        without_curve=sections.without_curve(run),
        retention=sections.retention(run),
        destinations=destinations.destinations(run),
        destinations_title=destinations.title(run),
        clock=model_sections.clock(run),
        verdict=model_sections.verdict(run),
        leaderboard=model_sections.leaderboard(run),
        meanings=model_sections.MEANINGS,
        group_scores=model_sections.group_scores(run, answer.horizon),
        calibration=model_sections.calibration(run),
        differences=model_groups.differences(run),
        effects=model_effects.effects(run),
        effects_text=model_effects.text(run),
        effects_elsewhere=model_effects.elsewhere(run),
        searches=model_searches.searches(run),
        limits=limits.limits(run),
        made=_made(run),
        models=_models(run),
        quiet=(words.MISSING, words.TOO_FEW, words.NOT_ESTIMABLE),
        disclosure=_disclosure(run),
        in_words=words.in_words,
    )
    return page


def _plain(model: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", model)


def _disclosure(run: RunFolder) -> str:
    threshold = run.facts.threshold
    if threshold == 1:
        return "Every count is shown: disclosure control was switched off for this run."
    return (
        f"Counts from 1 to {threshold - 1} are not shown (*), nor is the next smallest count where "
        "the first could be had from it by subtraction. Nothing is estimated for fewer than "
        f"{threshold} people, or where fewer than {threshold} are left to follow. "
        "No row, name or identifier of a person is in this report."
    )


def _made(run: RunFolder) -> tuple[tuple[str, str], ...]:
    facts = run.facts
    commit = facts.git_commit or "not known"
    if facts.git_commit and facts.git_dirty:
        commit += ", with changes that were not committed"
    seconds = f", in {facts.seconds:,.0f} seconds"
    versions = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    draws = f" Intervals of scores: {facts.bootstrap:,} draws." if facts.bootstrap else ""
    made = {
        "Run": facts.run_name,
        "Made": f"{words.day(facts.created)}{seconds}",
        "Data": facts.source,
        "Times": "" if facts.resolution == "unknown" else f"told by the {facts.resolution}",
        "Data fingerprint (SHA-256)": facts.data_sha256,
        "Configuration": "config.yaml in the run folder",
        "Configuration fingerprint (SHA-256)": facts.config_sha256,
        "Prediction date": _prediction_date(run),
        "Features": ", ".join(facts.features),
        "Evaluation": words.SCHEMES.get(facts.scheme, facts.scheme) + draws,
        "Seed": "" if facts.seed is None else str(facts.seed),
        "Code (git commit)": commit,
        "Versions": versions,
    }
    return tuple((term, value) for term, value in made.items() if value)


def _prediction_date(run: RunFolder) -> str:
    at, landmarks = run.facts.at, run.facts.landmarks
    if at == "start" and not landmarks:
        return ""
    return words.prediction_date(at, landmarks)


def _models(run: RunFolder) -> Table | None:
    if not run.facts.models:
        return None
    return Table(
        caption="Models and their settings",
        head=("Model", "Kind", "Settings", "Seconds"),
        rows=tuple(
            (
                model.name,
                model.kind or words.MISSING,
                _settings(model.params) or "none",
                words.MISSING if model.seconds is None else f"{model.seconds:,.1f}",
            )
            for model in run.facts.models
        ),
        text=(1, 2),
    )


def _settings(params: Mapping[str, Any]) -> str:
    """Return settings as "alpha = 0.1, tune (search = grid)"; what is not set is left out."""
    return ", ".join(
        f"{key} ({inner})" if isinstance(value, Mapping) else f"{key} = {inner}"
        for key, value in params.items()
        if (inner := _setting(value))
    )


def _setting(value: Any) -> str:
    if isinstance(value, Mapping):
        return _settings(value)
    if isinstance(value, list | tuple):
        listed = ", ".join(map(str, value))
        return f"[{listed}]" if len(value) > 1 else listed
    return "" if value is None else str(value)
