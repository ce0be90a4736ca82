"""Canaries: distinctive identifiers are planted in the data, and must not be found anywhere else.

Looked through are: everything that the run prints and logs, the whole store with MLflow's
database and artefacts, the run folder (its private part for identifiers too), error messages, and
the representations of objects.
"""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pandas as pd
import pytest

import gmts_models as gm
from gmts_models import cli

CANARY = "Zqxjkv"
CONFIG = """
name: canary
data:
  source: file
  path: trainees.csv
  census_date: "2019-09-30"
horizons: [12, 24]
models: [{kind: kaplan_meier}, {kind: cox, alpha: 1.0}, {kind: logistic}]
evaluation: {bootstrap: 20}
jobs: 1
"""


def _plant(folder: Path) -> pd.DataFrame:
    """Give every trainee a distinctive id, and spoil some rows with distinctive text."""
    people = gm.simulate_trainees(5, cohorts=range(2014, 2018), census_date="2019-09-30")
    frame = people.trainees.copy()
    frame["trainee_id"] = [f"{CANARY}-{i:05d}" for i in range(len(frame))]
    frame = frame.astype({"start_date": str, "commute_minutes": object, "disability": object})
    for row, column in enumerate(
        (
            "start_date",
            "leave_nhs_date",
            "specialism",
            "destination",
            "commute_minutes",
            "disability",
        )
    ):
        frame[column] = frame[column].astype(object)
        for repeat in range(7):  # enough for the reason's count to be shown
            frame.loc[10 * row + repeat, column] = f"{CANARY} {row}"
    frame.loc[[100, 101], "trainee_id"] = f"{CANARY}-twice"
    frame["notes"] = f"{CANARY} has a long story"
    frame.to_csv(folder / "trainees.csv", index=False)
    (folder / "canary.yaml").write_text(CONFIG, encoding="utf-8")
    return frame


def _files_with_canary(folder: Path) -> list[str]:
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            texts = [content]
            if path.suffix == ".parquet":
                texts.append(pd.read_parquet(path).to_csv().encode())
            if any(CANARY.encode() in text or CANARY.lower().encode() in text for text in texts):
                found.append(str(path.relative_to(folder)))
    return found


@pytest.mark.tracking
@pytest.mark.slow
def test_no_identifier_leaves_the_data(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.DEBUG)
    frame = _plant(tmp_path)
    assert _files_with_canary(tmp_path) == ["trainees.csv"]  # the search finds what is there
    with pytest.raises(SystemExit) as stopped:
        cli.main(["run", "canary.yaml"])
    assert stopped.value.code == 0
    with pytest.raises(SystemExit):
        cli.main(["validate", "trainees.csv", "--census-date", "2019-09-30"])
    said = capsys.readouterr()
    assert "rejected" in said.out
    assert CANARY not in said.out + said.err + caplog.text
    (run,) = (tmp_path / "gmts_store" / "runs").iterdir()
    assert (run / "private" / "predictions.parquet").is_file()
    if os.name == "posix":
        assert stat.S_IMODE((run / "private").stat().st_mode) == 0o700
    assert (tmp_path / "gmts_store" / "mlflow.db").is_file()
    assert _files_with_canary(tmp_path / "gmts_store") == []
    # No row of a person: the private predictions reach MLflow in no form.
    artifacts = tmp_path / "gmts_store" / "artifacts"
    assert [path for path in artifacts.rglob("*") if "predictions" in path.name] == []
    rows = sum(1 for path in artifacts.rglob("*.csv") if len(pd.read_csv(path)) == len(frame))
    assert rows == 0


def test_objects_show_no_rows(tmp_path: Path) -> None:
    _plant(tmp_path)
    checked = gm.load_trainees(tmp_path / "trainees.csv", census_date="2019-09-30")
    table = gm.build_features(checked.valid)
    fitted = gm.fit(gm.KaplanMeier(), table)
    shown = [repr(each) for each in (checked, checked.valid, table, table.y, fitted)]
    shown.append(checked.rejected.to_csv())
    assert len(checked.rejected) >= 40
    assert not [text for text in shown if CANARY in text]


def test_errors_quote_no_values(tmp_path: Path) -> None:
    _plant(tmp_path)
    path = tmp_path / "trainees.csv"
    headless = pd.read_csv(path, dtype=str, header=None, skiprows=1)
    headless.to_csv(tmp_path / "headless.csv", index=False, header=False)
    attempts = {
        "no valid row": lambda: gm.load_trainees(path, census_date="1980-01-01"),
        "no header": lambda: gm.load_trainees(tmp_path / "headless.csv"),
        "wrong id": lambda: gm.load_trainees(path, columns={"specialism": "trainee_id"}),
        "no feature": lambda: gm.build_features(
            gm.load_trainees(path, census_date="2019-09-30").valid, features=["notes"]
        ),
    }
    for name, attempt in attempts.items():
        with pytest.raises(gm.GmtsError) as caught:
            attempt()
        assert CANARY not in str(caught.value), name
