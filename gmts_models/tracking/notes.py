"""What a person reads first on MLflow's page of a run: Markdown, made from the shared tables."""

from __future__ import annotations

import math

from gmts_models.disclosure import SUPPRESSED
from gmts_models.reporting.words import prediction_date
from gmts_models.run_record import ModelRecord, RunRecord
from gmts_models.tracking.runs import Row, RunFolder, number

ALL = "All"  # the group of everybody, in each table
_LONGEST = 7500  # MLflow cuts at 8,000
_MOST_ROWS = 30

EXPERIMENT_NOTE = """\
Each run is one execution of a configuration; open it for its models, one run each.

| where | what |
|---|---|
| run, overview | the question, retention by group, the leaderboard, the limits |
| run, artifacts | `report.html`, tables, figures, `config.yaml` |
| model, `brier.12m` | Brier score at 12 months, by people the model never saw; lower is better |
| model, `brier.12m/finance` | the same for one group |
| model, `across_months/brier` | the same by horizon: the step is the month |
| model, `auc.12m`, `c_index` | discrimination: 0.5 is chance |
| model, `ipa.12m` | share of the Brier score that the model takes off; 0 is no model |
| model, `observed_expected.12m` | leavers observed to expected; 1 is right on average |
| run, `retention/finance` | the curve of one group: the step is the month |

Counts under the disclosure threshold are not shown, and no row of a person is stored here.
"""


def run_note(folder: RunFolder) -> str:
    """Return the note of an execution: question, retention, leaderboard, limits.

    MLflow shows the first three lines, so the answer comes before the tables.
    """
    record = folder.record
    retention, leaderboard = folder.tables["retention"], folder.tables.get("leaderboard", [])
    parts = [
        f"{_warning(folder)}{_line(record.question)}".strip(),
        _headline(retention, leaderboard),
        "#### Still here",
        _retention_table(retention, {atom.group: atom.share for atom in record.atoms}),
    ]
    if leaderboard:
        parts += ["#### Models, best first", _clock(record), _leaderboard_table(leaderboard)]
    parts.append(
        f"Endpoint: {_line(record.leaving or record.endpoint)} (`{record.endpoint}`). "
        f"Models are judged by `{record.scheme}`. Intervals are {100 * record.level:g}%. "
        f"`{SUPPRESSED}` = suppressed or not estimable."
    )
    if record.limits:
        parts += ["#### Limits", "\n".join(f"- {_line(limit)}" for limit in record.limits)]
    return _cut("\n\n".join(part for part in parts if part))


def model_note(folder: RunFolder, model: ModelRecord) -> str:
    """Return the note of a model: its scores on all, by horizon."""
    rows = [
        row
        for row in folder.tables["scores"]
        if row.get("model") == model.name and row.get("group") == ALL
    ]
    scores = list(dict.fromkeys(row["score"] for row in rows))
    horizons = list(dict.fromkeys(row["horizon_months"] for row in rows))
    cells = {(row["score"], row["horizon_months"]): _interval(row, "estimate", 3) for row in rows}
    body = [[score, *(cells.get((score, h), "") for h in horizons)] for score in scores]
    table = _table(["", *(_horizon(h) for h in horizons)], body)
    rank = next(
        (
            f"Number {row.get('rank')}, mean Brier {_interval(row, 'mean_brier', 4)}: "
            f"{row.get('verdict')}."
            for row in folder.tables.get("leaderboard", [])
            if row["model"] == model.name
        ),
        "",
    )
    first = f"{_warning(folder)}{rank} Scores on people the model never saw:"
    return _cut(f"{first}\n\n{table}")


def _warning(folder: RunFolder) -> str:
    return "**Synthetic data: no real person.** " if folder.record.synthetic else ""


def _clock(record: RunRecord) -> str:
    """Say from when the models' months count, where that is not the start."""
    if record.at == "start" and not record.landmarks:
        return ""
    when = prediction_date(record.at, record.landmarks)
    return f"Risk is asked {when}, and months count from there; above they count from the start."


def _headline(retention: list[Row], leaderboard: list[Row]) -> str:
    rows = [row for row in retention if row["group"] == ALL]
    months = ", ".join(f"{number(row, 'horizon_months'):g}" for row in rows)
    shares = ", ".join(_percent(row).partition(" ")[0] for row in rows)
    text = f"Still here at {months} months: **{shares}**." if rows else ""
    if leaderboard:
        best = leaderboard[0]
        text += (
            f" Best of {len(leaderboard)} models: **{best['model']}**, "
            f"mean Brier {_interval(best, 'mean_brier', 4)}."
        )
    return text.strip()


def _retention_table(rows: list[Row], atoms: dict[str, float | None]) -> str:
    groups = list(dict.fromkeys(row["group"] for row in rows))
    horizons = list(dict.fromkeys(row["horizon_months"] for row in rows))
    cells = {(row["group"], row["horizon_months"]): row for row in rows}
    body = []
    for group in groups:
        n = number(cells[next(key for key in cells if key[0] == group)], "n")
        line = [group, SUPPRESSED if math.isnan(n) else f"{n:,.0f}"]
        if atoms:
            share = atoms.get(group)
            line.append(SUPPRESSED if share is None else f"{100 * share:.0f}%")
        line += [_percent(cells[group, h]) if (group, h) in cells else "" for h in horizons]
        body.append(line)
    at_start = ["left on completing"] if atoms else []
    return _table(["group", "people", *at_start, *(_horizon(h) for h in horizons)], body)


def _leaderboard_table(rows: list[Row]) -> str:
    body = [
        [
            row.get("rank", ""),
            row["model"],
            _interval(row, "mean_brier", 4),
            _plain(row, "mean_ipa", 3),
            _plain(row, "mean_auc", 3),
            _plain(row, "c_index", 3),
            row.get("verdict", ""),
        ]
        for row in rows
    ]
    return _table(["", "model", "mean Brier", "IPA", "AUC", "C", "verdict"], body)


def _table(head: list[str], body: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *body[:_MOST_ROWS]]
    text = "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)
    left_out = len(body) - _MOST_ROWS
    return text + (f"\n\n{left_out} more rows are in the tables." if left_out > 0 else "")


def _percent(row: Row) -> str:
    value, lower, upper = (100 * number(row, name) for name in ("retention", "lower", "upper"))
    if math.isnan(value):
        return SUPPRESSED
    return f"{value:.0f}%" + ("" if math.isnan(lower + upper) else f" ({lower:.0f} to {upper:.0f})")


def _interval(row: Row, column: str, digits: int) -> str:
    value = _plain(row, column, digits)
    lower, upper = number(row, "lower"), number(row, "upper")
    if value == SUPPRESSED or math.isnan(lower + upper):
        return value
    return f"{value} ({lower:.{digits}f} to {upper:.{digits}f})"


def _plain(row: Row, column: str, digits: int) -> str:
    value = number(row, column)
    return SUPPRESSED if math.isnan(value) else f"{value:.{digits}f}"


def _horizon(months: str) -> str:
    return f"{float(months):g} months" if months else "overall"


def _line(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."
