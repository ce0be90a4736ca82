"""A run on a database leaves nothing of its address, and nobody's id, in what it writes or says."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy
from postgres_server import PASSWORD, PostgresServer

import gmts_models as gm
from gmts_models import cli
from gmts_models.config.file import read_config

CANARY = "Zqxjkv"
CONFIG = """
name: canary
data:
  source: database
  url: postgresql+pg8000://with_password:${GMTS_TEST_PASSWORD}@127.0.0.1:PORT/postgres
  query: select * from people where specialism is not null order by trainee_id
  census_date: "2019-09-30"
  tables: {roles: {table: canary_roles}}
horizons: [12, 24]
models: [{kind: kaplan_meier}, {kind: cox, alpha: 1.0}]
evaluation: {scheme: {kind: k_fold, folds: 3}, bootstrap: 0}
jobs: 1
"""


def fill(server: PostgresServer) -> None:
    people = gm.simulate_trainees(5, cohorts=range(2014, 2017), census_date="2019-09-30")
    frame = people.trainees.assign(
        trainee_id=[f"{CANARY}-{i:05d}" for i in range(len(people))], disability=None
    )
    roles = pd.DataFrame(
        {"trainee_id": frame["trainee_id"].head(20), "start_date": pd.Timestamp("2018-01-01")}
    )
    engine = sqlalchemy.create_engine(server.url(), poolclass=sqlalchemy.NullPool)
    frame.to_sql("people", engine, index=False)
    roles.to_sql("canary_roles", engine, index=False)
    server.run("grant select on people, canary_roles to with_password")


def test_nothing_is_left_of_an_address(
    postgres: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    fill(postgres)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GMTS_TEST_PASSWORD", PASSWORD)
    (tmp_path / "canary.yaml").write_text(
        CONFIG.replace("PORT", str(postgres.port)), encoding="utf-8"
    )
    url = str(read_config("canary.yaml").config.data.url.get_secret_value())
    monkeypatch.setenv("GMTS_TEST_URL", url)
    caplog.set_level(logging.INFO)
    run = ["run", "canary.yaml", "--store", "store", "--set", "data.url=${GMTS_TEST_URL}"]
    with pytest.raises(SystemExit) as stopped:
        cli.main(run)
    assert stopped.value.code == 0
    printed = capfd.readouterr()
    said = printed.out + printed.err + caplog.text
    secrets = [PASSWORD, "p%40ss", "with_password", f"127.0.0.1:{postgres.port}", CANARY]
    assert [secret for secret in secrets if secret in said] == []
    files = [each for each in (tmp_path / "store").rglob("*") if each.is_file()]
    assert any(each.suffix == ".db" for each in files)
    found = [
        (each.name, secret)
        for each in files
        for secret in secrets
        if secret.encode() in each.read_bytes() and "private" not in each.parts
    ]
    assert found == []
    (config,) = (tmp_path / "store").rglob("runs/*/config.yaml")
    assert "url: postgresql\n" in config.read_text(encoding="utf-8")
    record = (config.parent / "run.json").read_text(encoding="utf-8")
    assert "a query of a PostgreSQL database" in record
    assert "--set data.url=..." in record
