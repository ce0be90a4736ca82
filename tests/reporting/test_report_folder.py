"""Reading a run folder back: what it holds, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from gmts_models.errors import DataError, InputError
from gmts_models.reporting.run_folder import read_run_folder

MakeRun = Callable[..., Path]


def test_reads_what_a_run_writes(make_run: MakeRun) -> None:
    run = read_run_folder(make_run(groups=["Finance", "NA"], sizes=[60, 50]))
    assert run.groups == ["Finance", "NA"]  # a specialism of that name is no missing value
    assert run.facts.horizons == (12, 24, 36, 60)
    assert run.retention["n"].tolist()[:4] == [110.0] * 4
    assert repr(run) == "RunFolder(gmts-20261124-101530-3fa2)"


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no finished run here: no run\.json"):
        read_run_folder(tmp_path)


@pytest.mark.parametrize(
    ("facts", "said"), [({"format": 2}, "reads up to 1"), ({"threshold": 0}, "damaged: threshold")]
)
def test_facts_of_another_kind(make_run: MakeRun, facts: dict[str, int], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_run_folder(make_run(**facts))


def test_broken_json(make_run: MakeRun) -> None:
    folder = make_run()
    (folder / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="not valid JSON"):
        read_run_folder(folder)


def test_a_missing_table_and_a_missing_column(make_run: MakeRun) -> None:
    folder = make_run()
    (folder / "tables" / "curves.csv").write_text("group,months\nAll,0\n", encoding="utf-8")
    with pytest.raises(DataError, match="retention, lower, upper, at_risk"):
        read_run_folder(folder)
    (folder / "tables" / "curves.csv").unlink()
    with pytest.raises(DataError, match=r"no table curves\.csv"):
        read_run_folder(folder)


def test_a_table_without_rows(make_run: MakeRun) -> None:
    folder = make_run()
    (folder / "tables" / "rejected.csv").write_text("reason,rows\n", encoding="utf-8")
    (folder / "tables" / "cohorts.csv").write_text("", encoding="utf-8")
    run = read_run_folder(folder)
    assert len(run.rejected) == len(run.cohorts) == 0


def test_small_counts_are_masked_again(make_run: MakeRun) -> None:
    """Tables that someone wrote without disclosure control."""
    folder = make_run(groups=["A", "B"], sizes=[50, 40])
    path = folder / "tables" / "retention.csv"
    table = pd.read_csv(path)
    table.loc[table["group"] == "B", "n"] = 3
    table.loc[(table["group"] == "A") & (table["horizon_months"] == 60), "at_risk"] = 4
    table.to_csv(path, index=False)
    run = read_run_folder(folder)
    b = run.retention[run.retention["group"] == "B"]
    assert b[["n", "retention", "lower", "upper"]].isna().all(axis=None)
    a = run.retention[run.retention["group"] == "A"].set_index("horizon_months")
    assert pd.isna(a["at_risk"][60.0])
    assert a["at_risk"][12.0] >= 5


def test_odd_numbers_are_missing(make_run: MakeRun) -> None:
    folder = make_run()
    path = folder / "tables" / "leaderboard.csv"
    text = path.read_text(encoding="utf-8").splitlines()
    rows = [text[0], "1,cox,cox,nan,inf,-inf,NaN,,None,,,,not estimable at every horizon"]
    path.write_text("\n".join(rows), encoding="utf-8")
    row = read_run_folder(folder).leaderboard.iloc[0]
    assert row.drop(["rank", "model", "kind", "verdict"]).isna().all()


def test_unknown_facts_are_ignored(make_run: MakeRun) -> None:
    folder = make_run()
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    (folder / "run.json").write_text(json.dumps(facts | {"later": 1}), encoding="utf-8")
    assert read_run_folder(folder).facts.seed == 1
