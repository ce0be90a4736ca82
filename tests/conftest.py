"""Fixtures shared by all tests."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from postgres_server import PostgresServer, find_program, running_server

REFERENCE = Path(__file__).parent / "reference"


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the developer's own store or tracker."""
    for name in ("MLFLOW_TRACKING_URI", "GMTS_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def open_data() -> Callable[[str], Path]:
    """Give the path of an open data file that the project may not ship.

    The folder comes from GMTS_OPEN_DATA. Unset, the test skips; set, a missing file fails it.
    """

    def find(relative: str) -> Path:
        folder = os.environ.get("GMTS_OPEN_DATA")
        if not folder:
            pytest.skip("GMTS_OPEN_DATA is not set: it names the folder with the open data files")
        path = Path(folder) / relative
        if not path.is_file():
            pytest.fail(f"GMTS_OPEN_DATA is set, but {relative} is not there")
        return path

    return find


@pytest.fixture(scope="session")
def r_values() -> Callable[[str], dict[str, Any]]:
    """Give R's values by the id of their file: case name -> what R returned."""

    def load(name: str) -> dict[str, Any]:
        content = json.loads((REFERENCE / "values" / f"{name}.json").read_text(encoding="utf-8"))
        return {case["name"]: case["out"] for case in content["cases"]}

    return load


@pytest.fixture(scope="session")
def repetitions() -> int:
    """Give how often a simulation repeats: few by default, GMTS_SIMULATION_REPETITIONS if set."""
    return int(os.environ.get("GMTS_SIMULATION_REPETITIONS", "250"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Give a PostgreSQL server; the test skips where none is installed, and fails so on CI."""
    if find_program("initdb") is None or find_program("postgres") is None:
        if os.environ.get("CI"):
            pytest.fail("there is no PostgreSQL server: .ci/run installs one")
        pytest.skip("there is no PostgreSQL server: initdb and postgres are not found")
    with running_server() as server:
        yield server
