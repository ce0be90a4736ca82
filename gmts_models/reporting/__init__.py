"""Tables, plots and the report of a run. Importing it is cheap: each name loads when asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gmts_models.reporting.plots import (
        plot_calibration,
        plot_groups,
        plot_leaderboard,
        plot_retention,
    )
    from gmts_models.reporting.report import write_figures, write_report

_HOMES = {
    "plot_calibration": "plots",
    "plot_groups": "plots",
    "plot_leaderboard": "plots",
    "plot_retention": "plots",
    "write_figures": "report",
    "write_report": "report",
}

__all__ = [
    "plot_calibration",
    "plot_groups",
    "plot_leaderboard",
    "plot_retention",
    "write_figures",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
