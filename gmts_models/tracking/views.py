"""Ready-made views of an experiment's runs in MLflow's pages, and their addresses.

MLflow keeps a shared view as a tag of the experiment. The format is its own and undocumented:
3.17 reads a wrapper with a name and a packed state, and lists it in the menu "Views"; 3.10 reads
plain settings. The tag holds both.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

_TAG = "mlflow.sharedViewState."
# By these names the views are in addresses.
LEADERBOARD = "gmts-models"
RETENTION = "gmts-retention"
_HORIZONS_SHOWN = 5
# Older pages take a view as the whole of their settings, and break where one is missing.
_DEFAULTS: dict[str, Any] = {
    "runsExpanded": {},
    "runsPinned": [],
    "runsHidden": [],
    "runsVisibilityMap": {},
    "runsHiddenMode": "FIRST_10_RUNS",
    "viewMaximized": False,
    "runListHidden": False,
    "isAccordionReordered": False,
    "useGroupedValuesInCharts": True,
    "hideEmptyCharts": True,
    "groupBy": None,
    "groupsExpanded": {},
    "autoRefreshEnabled": True,
    "globalLineChartConfig": {
        "xAxisKey": "step",
        "lineSmoothness": 0,
        "selectedXAxisMetricKey": "",
    },
    "startTime": "ALL",
    "lifecycleFilter": "Active",
    "modelVersionFilter": "All Runs",
    "datasetsFilter": [],
}


def view_tags(horizons: Sequence[float], milliseconds: int) -> dict[str, str]:
    """Return the experiment's tags that hold our views.

    Parameters
    ----------
    horizons : months.
    milliseconds : since 1970: when the views were made.
    """
    months = [f"{horizon:g}m" for horizon in horizons[:_HORIZONS_SHOWN]]
    leaderboard = {
        "searchFilter": "tags.`gmts.model` != ''",
        "orderByKey": _column("metrics", "mean_brier"),
        "orderByAsc": True,
        "selectedColumns": [
            _column("metrics", "mean_brier"),
            _column("metrics", "mean_ipa"),
            _column("metrics", "mean_auc"),
            _column("metrics", "c_index"),
            *(_column("metrics", f"brier.{month}") for month in months),
            *(_column("tags", f"gmts.{name}") for name in ("verdict", "at", "synthetic", "run")),
        ],
    }
    retention = {
        "searchFilter": "",
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "selectedColumns": [
            *(_column("metrics", f"retention.{month}") for month in months),
            *(
                _column("tags", f"gmts.{name}")
                for name in ("endpoint", "at", "synthetic", "scheme")
            ),
            _column("attributes", "Dataset"),
        ],
    }
    return {
        f"{_TAG}{LEADERBOARD}": _pack("Models, best first", leaderboard, milliseconds),
        f"{_TAG}{RETENTION}": _pack("Runs and retention", retention, milliseconds),
    }


def view_address(experiment_id: str, view: str = LEADERBOARD) -> str:
    """Return the address of an experiment's runs in a view, after the server's."""
    page = f"#/experiments/{experiment_id}/runs?workflowType=machine_learning"
    return f"{page}&viewStateShareKey={view}"


def run_address(experiment_id: str, run_id: str) -> str:
    """Return the address of a run's page, after the server's."""
    return f"#/experiments/{experiment_id}/runs/{run_id}?workflowType=machine_learning"


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{name}`"


def _pack(name: str, state: Mapping[str, Any], milliseconds: int) -> str:
    state = {**_DEFAULTS, **state, "columnOrder": state["selectedColumns"]}
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()
    wrapper = {
        "name": name,
        "createdAt": milliseconds,
        "updatedAt": milliseconds,
        "state": f"deflate;{packed}",
    }
    return json.dumps(wrapper | state)
