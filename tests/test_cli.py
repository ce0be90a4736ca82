"""The command line: what it prints, its exit codes, and ten broken inputs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gmts_models import cli
from gmts_models.data.synthetic.scheme import simulate_trainees

ROOT = Path(__file__).parents[1]

CONFIG = """
name: small
seed: 3
data:
  source: file
  path: trainees.csv
  census_date: "2019-09-30"
horizons: [12, 24]
models:
  - kind: kaplan_meier
  - kind: cox
    alpha: 1.0
evaluation: {bootstrap: 50}
tracking: {enabled: false}
jobs: 1
"""


@pytest.fixture(scope="session")
def trainees() -> pd.DataFrame:
    """Four cohorts, as a user's file would hold them."""
    people = simulate_trainees(5, cohorts=range(2014, 2018), census_date="2019-09-30")
    return people.trainees


@pytest.fixture
def folder(tmp_path: Path, trainees: pd.DataFrame) -> Path:
    """A working folder with a configuration and a table."""
    (tmp_path / "small.yaml").write_text(CONFIG, encoding="utf-8")
    trainees.to_csv(tmp_path / "trainees.csv", index=False)
    return tmp_path


@pytest.fixture
def run_cli(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in the folder; return exit code, output and errors."""
    monkeypatch.chdir(folder)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            cli.main(list(arguments))
        said = capsys.readouterr()
        code = stopped.value.code
        return (code if isinstance(code, int) else 0), said.out, said.err

    return run


def _only_run(folder: Path) -> Path:
    (found,) = (folder / "gmts_store" / "runs").iterdir()
    return found


def test_run_prints_the_table_the_leaderboard_and_where(
    run_cli: Callable[..., tuple[int, str, str]], folder: Path
) -> None:
    code, out, _ = run_cli("run", "small.yaml")
    assert code == 0
    assert "Retention (not leaving the NHS) in %, with 95 % intervals" in out
    for name in ("All", "Finance", "General Management", "kaplan_meier", "the reference"):
        assert name in out
    found = _only_run(folder)
    assert str(found.name) in out
    assert (found / "report.html").is_file()
    table = pd.read_csv(found / "tables" / "retention.csv")
    assert set(table["horizon_months"]) == {12, 24}
    assert table["retention"].between(0, 1).all()


def test_same_config_and_seed_same_numbers(
    run_cli: Callable[..., tuple[int, str, str]], folder: Path
) -> None:
    run_cli("run", "small.yaml", "--store", "one")
    run_cli("run", "small.yaml", "--store", "two", "--set", "jobs=2")
    one, two = (next((folder / name / "runs").iterdir()) for name in ("one", "two"))
    for table in (one / "tables").iterdir():
        assert table.read_bytes() == (two / "tables" / table.name).read_bytes(), table.name
    records = [json.loads((each / "run.json").read_text(encoding="utf-8")) for each in (one, two)]
    for key in ("config_sha256", "data_sha256"):
        assert records[0][key] == records[1][key]
    assert records[0]["run_key"] != records[1]["run_key"]


def test_set_changes_a_key(run_cli: Callable[..., tuple[int, str, str]], folder: Path) -> None:
    code, _, _ = run_cli("run", "small.yaml", "--set", "models.1.alpha=0.25")
    assert code == 0
    record = json.loads((_only_run(folder) / "run.json").read_text(encoding="utf-8"))
    assert record["models"][1]["params"]["alpha"] == 0.25


def test_a_run_that_is_stopped_leaves_nothing(
    run_cli: Callable[..., tuple[int, str, str]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr("gmts_models.reporting.report.write_report", interrupt)
    code, _, err = run_cli("run", "small.yaml")
    assert code == 130
    assert "Stopped" in err
    assert list((folder / "gmts_store" / "runs").iterdir()) == []


def test_a_bug_quotes_no_data(
    run_cli: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: Any, **__: Any) -> None:
        raise KeyError("Jane Secret")

    monkeypatch.setattr("gmts_models.experiment.build_features", break_down)
    code, out, err = run_cli("run", "small.yaml")
    assert code == 1
    assert "bug" in err
    assert "Jane" not in out + err


def test_validate_names_rows_and_reasons(
    run_cli: Callable[..., tuple[int, str, str]], folder: Path, trainees: pd.DataFrame
) -> None:
    broken = trainees.astype({"start_date": str})
    broken.loc[3, "start_date"] = "yesterday"
    broken.to_csv(folder / "broken.csv", index=False)
    arguments = ("validate", "broken.csv", "--census-date", "2019-09-30")
    code, out, _ = run_cli(*arguments)
    assert code == 0
    assert f"{len(trainees):,} rows: {len(trainees) - 1:,} valid, 1 rejected" in out
    assert "start_date is not a date" in " ".join(out.split())
    assert "5" in out  # the fifth row of the spreadsheet: the header is the first
    assert "yesterday" not in out
    strict, _, _ = run_cli(*arguments, "--strict")
    assert strict == 2
    good, _, _ = run_cli("validate", "trainees.csv", "--census-date", "2019-09-30", "--strict")
    assert good == 0


def test_validate_reads_as_a_configuration_says(
    run_cli: Callable[..., tuple[int, str, str]], folder: Path, trainees: pd.DataFrame
) -> None:
    renamed = trainees.rename(columns={"specialism": "Team"})
    renamed.to_csv(folder / "theirs.csv", index=False)
    missing, _, err = run_cli("validate", "theirs.csv", "--census-date", "2019-09-30")
    assert missing == 2
    assert "specialism" in err
    code, _, _ = run_cli(
        "validate", "theirs.csv", "--census-date", "2019-09-30", "--column", "specialism=Team"
    )
    assert code == 0
    config = (folder / "small.yaml").read_text(encoding="utf-8")
    mapped = config.replace("  path: trainees.csv", "  path: x.csv\n  columns: {specialism: Team}")
    (folder / "mapped.yaml").write_text(mapped, encoding="utf-8")
    code, _, _ = run_cli("validate", "theirs.csv", "--config", "mapped.yaml")
    assert code == 0


def test_validate_options_go_before_the_configuration(
    run_cli: Callable[..., tuple[int, str, str]], folder: Path, trainees: pd.DataFrame
) -> None:
    french = trainees.assign(degree_subject="Études")
    french.to_csv(folder / "french.csv", index=False, encoding="cp1252")
    arguments = ("validate", "french.csv", "--config", "small.yaml")
    assert run_cli(*arguments)[0] == 2
    assert run_cli(*arguments, "--encoding", "cp1252")[0] == 0
    code, _, err = run_cli(*arguments, "--encoding", "cp1252", "--census-date", "2000-01-01")
    assert code == 2
    assert "none of the" in err


def test_validate_writes_a_page_and_says_what_is_worth_a_look(
    run_cli: Callable[..., tuple[int, str, str]], folder: Path
) -> None:
    arguments = ("validate", "trainees.csv", "--census-date", "2019-09-30")
    code, out, _ = run_cli(*arguments, "--html", "quality.html")
    assert code == 0
    assert "Worth a look" in out
    assert "joining_survey" in out
    assert "has not been followed for" in out
    page = (folder / "quality.html").read_text(encoding="utf-8")
    assert "What is missing" in page
    code, _, err = run_cli(*arguments, "--html", "quality.txt")
    assert code == 2
    assert ".html" in err


def test_validate_tells_causes_first_and_writes_every_row(
    run_cli: Callable[..., tuple[int, str, str]], folder: Path, trainees: pd.DataFrame
) -> None:
    extract = folder / "extract"
    extract.mkdir()
    few = trainees.head(8).astype({"start_date": str})
    few.loc[3, "start_date"] = "yesterday"
    few.to_csv(extract / "trainees.csv", index=False)
    of_the_rejected = few["trainee_id"].iloc[3]
    days = pd.date_range("2017-01-01", periods=60).astype(str)
    surveys = pd.DataFrame({"trainee_id": of_the_rejected, "date": days, "morale": 5.0})
    surveys.loc[59] = [few["trainee_id"].iloc[0], "2019-01-01", 55.0]
    surveys.to_csv(extract / "surveys.csv", index=False)
    arguments = ("validate", "extract", "--census-date", "2019-09-30", "--rows", "rejected.csv")
    code, out, _ = run_cli(*arguments)
    assert code == 0
    each = out.partition("Each of them")[2]
    assert "morale is outside 0 to 10" in each
    assert "own row was rejected" not in each
    assert "and 59 more" in each
    written = pd.read_csv(folder / "rejected.csv")
    assert written.groupby("table")["row"].nunique().to_dict() == {"surveys": 60, "trainees": 1}
    assert of_the_rejected not in (folder / "rejected.csv").read_text(encoding="utf-8")


def test_validate_takes_what_a_configuration_reads(
    run_cli: Callable[..., tuple[int, str, str]], folder: Path
) -> None:
    code, out, _ = run_cli("validate", "--config", "small.yaml")
    assert code == 0
    assert "0 rejected" in out
    (folder / "drawn.yaml").write_text(
        "name: drawn\ndata: {source: synthetic, first_cohort: 2018, last_cohort: 2019}\n"
        "models: [{kind: kaplan_meier}]\n",
        encoding="utf-8",
    )
    code, out, _ = run_cli("validate", "--config", "drawn.yaml")
    assert code == 0
    assert "placements: " in out
    code, _, err = run_cli("validate", "trainees.csv", "--config", "drawn.yaml")
    assert code == 2
    assert "does not read a file" in err
    code, _, err = run_cli("validate", "--config", "drawn.yaml", "--sheet", "A")
    assert code == 2
    assert "--sheet" in err
    code, _, err = run_cli("validate")
    assert code == 2
    assert "nothing to validate" in err


def test_the_heading_says_what_was_counted(
    run_cli: Callable[..., tuple[int, str, str]],
) -> None:
    _, out, _ = run_cli("run", "small.yaml", "--set", "endpoint=left_scheme")
    assert "Retention (not withdrawing from the scheme)" in out


def test_a_store_that_cannot_be_written_is_told_before_the_work(
    run_cli: Callable[..., tuple[int, str, str]], folder: Path
) -> None:
    (folder / "store").mkdir()
    (folder / "store" / "runs").write_text("in the way", encoding="utf-8")
    code, out, err = run_cli("run", "small.yaml", "--store", "store")
    _assert_one_message(code, err, "cannot be written", "--store")
    assert "fitting" not in out + err


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet"])
def test_simulate_writes_a_table_that_validates(
    run_cli: Callable[..., tuple[int, str, str]], folder: Path, suffix: str
) -> None:
    file = f"made-SYNTHETIC.{suffix}"
    code, out, _ = run_cli(
        "simulate", "--seed", "4", "--first-cohort", "2015", "--last-cohort", "2016", "--out", file
    )
    assert code == 0
    assert "synthetic trainees" in out
    code, out, _ = run_cli("validate", file, "--strict")
    assert code == 0, out


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_simulate_writes_a_folder_of_tables(
    run_cli: Callable[..., tuple[int, str, str]], folder: Path, kind: str
) -> None:
    cohorts = ("--first-cohort", "2015", "--last-cohort", "2016")
    arguments = ("simulate", "--seed", "4", *cohorts, "--out", "scheme", "--format", kind)
    code, out, _ = run_cli(*arguments)
    assert code == 0
    assert "synthetic trainees and their records are in scheme: trainees." in out
    names = {"trainees", "placements", "surveys", "assessments", "roles", "labour_market"}
    made = {path.name for path in (folder / "scheme").iterdir()}
    assert made == {f"{x}.{kind}" for x in names} | {"SYNTHETIC.md"}
    code, _, err = run_cli(*arguments)
    _assert_one_message(code, err, "the folder is not empty")


def test_simulate_writes_a_folder_of_extracts(
    run_cli: Callable[..., tuple[int, str, str]], folder: Path
) -> None:
    cohorts = ("--first-cohort", "2015", "--last-cohort", "2016")
    code, out, _ = run_cli("simulate", *cohorts, "--snapshots", "year")
    assert code == 0
    assert "2 extracts of" in out
    made = folder / "snapshots-SYNTHETIC"
    assert sorted(path.name for path in made.iterdir()) == [
        "SYNTHETIC.md",
        "staff_2015-09-30.csv",
        "staff_2016-09-30.csv",
    ]
    (folder / "empty.d").mkdir()
    arguments = ("--snapshots", "month", "--mess", "--format", "parquet", "--out", "empty.d")
    code, out, _ = run_cli("simulate", *cohorts, *arguments)
    assert code == 0
    assert len(list((folder / "empty.d").glob("*.parquet"))) == 24
    messy = pd.read_parquet(folder / "empty.d" / "staff_2016-10-31.parquet")
    assert messy["start_date"].isna().any()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--out", "a.csv", "--format", "csv"), "--format is of the files of a folder"),
        (("--format", "parquet"), "--format is of the files of a folder"),
        (("--out", "a.csv", "--snapshots", "month"), "extracts go into a folder"),
        (("--out", "a.feather"), "cannot write a .feather file"),
        (("--out", "small.yaml/tables"), "cannot write there"),
        (("--mess",), "the mess is that of extracts"),
        (("--out", "a", "--format", "xlsx"), "the format is csv or parquet"),
        (("--snapshots", "week"), "extracts are of every month or year"),
    ],
)
def test_what_simulate_cannot_write_is_told(
    run_cli: Callable[..., tuple[int, str, str]],
    folder: Path,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    before = sorted(folder.iterdir())
    code, _, err = run_cli("simulate", "--first-cohort", "2022", *arguments)
    assert code == 2
    assert words in err
    assert "Traceback" not in err
    assert sorted(folder.iterdir()) == before


def test_report_can_be_made_again(
    run_cli: Callable[..., tuple[int, str, str]], folder: Path
) -> None:
    run_cli("run", "small.yaml")
    page = _only_run(folder) / "report.html"
    before = page.read_bytes()
    page.unlink()
    code, _, _ = run_cli("report", str(page.parent))
    assert code == 0
    assert page.read_bytes() == before


def test_every_command_has_help_with_an_example(
    run_cli: Callable[..., tuple[int, str, str]],
) -> None:
    code, out, _ = run_cli("--help")
    assert code == 0
    for command in ("run", "validate", "simulate", "publish", "report", "ui"):
        assert command in out
        code, text, _ = run_cli(command, "--help")
        assert code == 0
        assert "Example: gmts-models " + command in " ".join(text.split())


def test_a_wrong_option_is_the_users_mistake(run_cli: Callable[..., tuple[int, str, str]]) -> None:
    assert run_cli("run", "small.yaml", "--sett", "x=1")[0] == 2
    assert run_cli("rum")[0] == 2


# ------------------------------------------------- ten broken inputs


def _edit(folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    frame = pd.read_csv(folder / "trainees.csv", dtype=str)
    change(frame).to_csv(folder / "trainees.csv", index=False)


def _assert_one_message(code: int, err: str, *words: str) -> None:
    assert code == 2
    assert err.count("Error: ") == 1
    assert "Traceback" not in err
    assert "fix:" in err
    for word in words:
        assert word in " ".join(err.split())


def test_broken_1_an_empty_file(run_cli: Any, folder: Path) -> None:
    (folder / "trainees.csv").write_text("", encoding="utf-8")
    code, _, err = run_cli("run", "small.yaml")
    _assert_one_message(code, err, "trainees.csv", "empty")


def test_broken_2_a_missing_column(run_cli: Any, folder: Path) -> None:
    _edit(folder, lambda frame: frame.drop(columns="specialism"))
    code, _, err = run_cli("run", "small.yaml")
    _assert_one_message(code, err, "no column specialism")


def test_broken_3_text_in_a_date(run_cli: Any, folder: Path) -> None:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[:5, "start_date"] = "soon after Easter"
        return frame

    _edit(folder, change)
    code, out, _ = run_cli("run", "small.yaml")
    assert code == 0
    assert "6 of" in out
    assert "rejected" in out
    rejected = pd.read_csv(_only_run(folder) / "tables" / "rejected.csv")
    assert dict(rejected.to_numpy()) == {"start_date is not a date": 6}


def test_broken_4_a_duplicate_id(run_cli: Any, folder: Path) -> None:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[1:9, "trainee_id"] = frame.loc[0, "trainee_id"]
        return frame

    _edit(folder, change)
    code, out, _ = run_cli("validate", "trainees.csv", "--census-date", "2019-09-30", "--strict")
    assert code == 2
    assert "trainee_id is shared by rows that differ" in " ".join(out.split())
    assert run_cli("run", "small.yaml")[0] == 0


def test_broken_5_a_wrong_encoding(run_cli: Any, folder: Path) -> None:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(degree_subject="Études")

    frame = change(pd.read_csv(folder / "trainees.csv", dtype=str))
    frame.to_csv(folder / "trainees.csv", index=False, encoding="cp1252")
    code, _, err = run_cli("run", "small.yaml")
    _assert_one_message(code, err, "cp1252")
    assert run_cli("run", "small.yaml", "--set", "data.encoding=cp1252")[0] == 0


def test_broken_6_a_typo_in_the_yaml(run_cli: Any, folder: Path) -> None:
    text = (folder / "small.yaml").read_text(encoding="utf-8")
    (folder / "small.yaml").write_text(text.replace("alpha", "alpah"), encoding="utf-8")
    code, _, err = run_cli("run", "small.yaml")
    assert code == 2
    assert "small.yaml:" in err
    assert "alpah" in err
    assert "did you mean 'alpha'" in err
    assert "Traceback" not in err


def test_broken_7_an_unknown_specialism(run_cli: Any, folder: Path) -> None:
    _edit(folder, lambda frame: frame.replace({"specialism": {"Finance": "Fiance"}}))
    code, out, _ = run_cli("run", "small.yaml")
    assert code == 0
    assert "rejected" in out
    assert "Fiance" not in out
    table = pd.read_csv(_only_run(folder) / "tables" / "retention.csv")
    assert "Finance" not in set(table["group"])


def test_broken_8_one_cohort_only(run_cli: Any, folder: Path) -> None:
    _edit(folder, lambda frame: frame[frame["cohort"] == "2014-09"])
    code, _, err = run_cli("run", "small.yaml")
    _assert_one_message(code, err, "at least two cohorts", "k_fold")
    by_fold = "evaluation.scheme={kind: k_fold, folds: 5}"
    assert run_cli("run", "small.yaml", "--set", by_fold)[0] == 0


def test_broken_9_nobody_leaves(run_cli: Any, folder: Path) -> None:
    gone = ["leave_nhs_date", "leave_scheme_date", "destination", "last_seen_date"]
    _edit(folder, lambda frame: frame.assign(**dict.fromkeys(gone, "")))
    code, out, _ = run_cli("run", "small.yaml")
    assert code == 0
    assert "100 (" in out
    assert "nobody leaves" in " ".join(out.split())  # why Cox could not be fitted
    table = pd.read_csv(_only_run(folder) / "tables" / "retention.csv")
    assert (table["retention"] == 1).all()
    assert (table["lower"] < 1).all()


def test_broken_10_a_specialism_with_one_trainee(run_cli: Any, folder: Path) -> None:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        kept = frame[frame["specialism"] != "Health Informatics"].reset_index(drop=True)
        kept.loc[7, "specialism"] = "Health Informatics"
        return kept

    _edit(folder, change)
    code, _, _ = run_cli("run", "small.yaml")
    assert code == 0
    found = _only_run(folder)
    table = pd.read_csv(found / "tables" / "retention.csv").set_index("group")
    alone = table.loc["Health Informatics"]
    assert alone[["n", "retention", "lower", "upper", "at_risk"]].isna().all(axis=None)
    scores = pd.read_csv(found / "tables" / "scores.csv")
    assert scores.query("group == 'Health Informatics'")["estimate"].isna().all()
    assert np.isfinite(scores.query("group == 'All'")["estimate"]).any()


# ------------------------------------------------- from outside


@pytest.mark.slow
def test_the_installed_command_answers() -> None:
    script = shutil.which("gmts-models", path=str(Path(sys.executable).parent))
    assert script is not None
    done = subprocess.run(
        [script, "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert "Retention prediction" in done.stdout


def test_importing_is_quick_and_light() -> None:
    code = (
        "import time; began = time.perf_counter(); import gmts_models; "
        "took = time.perf_counter() - began; import sys; "
        "heavy = {'mlflow', 'matplotlib', 'lifelines', 'sklearn', 'pandas'} & set(sys.modules); "
        "print(took, sorted(heavy))"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(3)
    ]
    took, heavy = zip(*(run.stdout.split(maxsplit=1) for run in runs), strict=True)
    assert set(heavy) == {"[]\n"}
    assert min(map(float, took)) < 0.5
