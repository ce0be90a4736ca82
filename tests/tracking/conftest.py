"""Stores whose database is a copy: MLflow takes seconds to make one."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sample_run import write_run_folder

from gmts_models.tracking.client import tracker
from gmts_models.tracking.store import Store, create_database, find_store


@pytest.fixture(scope="session")
def template_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = find_store(tmp_path_factory.mktemp("template"))
    create_database(store, fix="")
    return store.database


@pytest.fixture
def store(tmp_path: Path, template_database: Path) -> Store:
    root = tmp_path / "gmts_store"
    root.mkdir()
    shutil.copy(template_database, root)
    return find_store(root)


@pytest.fixture
def run_folder(store: Store) -> Path:
    return write_run_folder(store.runs / "gmts-20261124-101530-3fa2")


@pytest.fixture
def query(store: Store) -> Callable[[str], list[tuple[Any, ...]]]:
    """Ask the database itself."""

    def ask(sql: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(store.database)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    return ask


@pytest.fixture
def call(store: Store) -> Callable[..., Any]:
    """Call a method of MLflow's client on the store."""

    def ask(method: str, *args: Any, **options: Any) -> Any:
        with tracker(store.tracking_uri, fix="") as client:
            return getattr(client, method)(*args, **options)

    return ask
