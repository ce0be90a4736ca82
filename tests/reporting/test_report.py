"""The page: what it says, what it hides, and that it stands alone."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from page_reader import Page, read, rewrite

from gmts_models.data.contract.columns import SPECIALISMS
from gmts_models.errors import InputError
from gmts_models.reporting import report, write_figures, write_report
from gmts_models.reporting.words import percent

MakeRun = Callable[..., Path]
TWO = (["Finance", "Human Resources"], [70, 60])


@pytest.fixture(scope="module")
def folder(make_run: MakeRun) -> Path:
    """The run as the fixture makes it, with its page; not to be changed."""
    path = make_run()
    write_report(path)
    return path


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


# -------------------------------------------------------------- contents


def test_contents_in_order(page: Page) -> None:
    assert page.headings[0] == (1, "Retention by specialism: gmts")
    assert [text for level, text in page.headings if level == 2] == [
        "The answer in short",
        "Who is in the data",
        "Retention over time",
        "Retention by specialism",
        "Which model predicts best",
        "How well, by specialism",
        "Do the predicted risks come true?",
        "What this does not tell",
        "How this was made",
    ]
    assert page.text.index("Who is still in the NHS") < page.text.index("The answer in short")


def test_the_answer_is_that_of_the_table(folder: Path, page: Page) -> None:
    table = pd.read_csv(folder / "tables" / "retention.csv").set_index(["group", "horizon_months"])
    for group in SPECIALISMS:
        row = table.loc[group, 60.0]
        limits = f"{100 * row['lower']:.0f} to {100 * row['upper']:.0f}"
        said = f"{percent(row['retention'])} reach 60 months without leaving the NHS ({limits})."
        assert f"{group}: {said}" in page.items
    assert f"An estimated {percent(table.loc['All', 60.0]['retention'])} of the 1,841" in page.text
    cells = page.table("Specialism", containing="months").column("24 months")
    assert cells[0].startswith(percent(table.loc["All", 24.0]["retention"]))


def test_the_answer_is_given_where_most_can_be_compared(make_run: MakeRun) -> None:
    folder = make_run()
    blank = ["retention", "lower", "upper", "at_risk"]

    def shorten(table: pd.DataFrame) -> pd.DataFrame:
        late = (table["horizon_months"] == 60) & (table["group"] != "Finance")
        table.loc[late, blank] = np.nan
        lost = (table["group"] == "Human Resources") & (table["horizon_months"] > 12)
        table.loc[lost, blank] = np.nan
        table.loc[table["group"] == "Health Analysis", [*blank, "n"]] = np.nan
        return table

    rewrite(folder, "retention", shorten)
    said = {item.split(":")[0]: item for item in read(folder).items}
    assert "reach 36 months" in said["Finance"]
    assert said["Human Resources"].endswith("Too few have been followed for longer.")
    assert "reach 12 months" in said["Human Resources"]
    assert said["Health Analysis"] == "Health Analysis: Too few people to say."


def test_the_extremes_are_compared_with_care(make_run: MakeRun) -> None:
    folder = make_run(["A", "B"], [60, 60], models=[])

    def give(low: float, high: float) -> str:
        def change(table: pd.DataFrame) -> pd.DataFrame:
            table.loc[table["group"] == "A", ["retention", "lower", "upper"]] = [0.6, 0.5, low]
            table.loc[table["group"] == "B", ["retention", "lower", "upper"]] = [0.8, high, 0.9]
            return table

        rewrite(folder, "retention", change)
        return read(folder).text

    assert "do not clearly tell the two apart" in give(0.7, 0.7)
    assert "Their intervals do not overlap." in give(0.69, 0.7)


def test_synthetic_data_is_said(make_run: MakeRun) -> None:
    assert "Synthetic data." in read(make_run(*TWO)).text
    assert "Synthetic" not in read(make_run(*TWO, synthetic=False, source="a table")).text


def test_numbers_at_risk_stand_under_their_months(folder: Path, page: Page) -> None:
    curves = pd.read_csv(folder / "tables" / "curves.csv")
    risk = [table for table in page.tables if table.classes == "risk"]
    assert len(risk) == len(SPECIALISMS)
    for group, table in zip(SPECIALISMS, risk, strict=True):
        months, people = table.rows
        assert months == ["0", "12", "24", "36", "48", "60", "72"]
        mine = curves[curves["group"] == group].set_index("months")["at_risk"]
        assert people == [f"{mine[float(month)]:.0f}" for month in months]


def test_cohorts_by_specialism_in_the_order_of_the_page(make_run: MakeRun) -> None:
    folder = make_run()
    sizes = pd.read_csv(folder / "tables" / "cohorts.csv")
    rewrite(folder, "cohorts", lambda table: table.iloc[::-1])
    table = read(folder).table("Cohort")
    assert table.rows[0][1:] == list(SPECIALISMS)
    row = next(row for row in table.rows if row[0] == "2020-09")
    assert row[1:] == [f"{n:.0f}" for n in sizes.loc[sizes["cohort"] == "2020-09", "n"]]


@pytest.mark.parametrize(("lowest", "floor"), [(0.7, "50"), (0.4, "25"), (0.1, None)])
def test_a_cut_axis_is_said(make_run: MakeRun, lowest: float, floor: str | None) -> None:
    folder = make_run(*TWO)
    rewrite(folder, "curves", lambda t: t.assign(retention=0.9, lower=lowest, upper=0.95))
    page = read(folder)
    said = re.findall(r"The axis starts at (\d+)", page.text)
    assert said == ([] if floor is None else [floor])
    assert (f"{floor or 0}\u202f%") in page.svg_texts
    assert ("0\u202f%" in page.svg_texts) == (floor is None)


def test_leaving_exactly_at_completion_is_said(make_run: MakeRun) -> None:
    atoms = [
        {"group": "Finance", "share": 0.12, "n": 410},
        {"group": "General Management", "share": 0.3, "n": None},
        {"group": "Health Analysis", "share": 0.5, "n": 4},
        {"group": "Human Resources", "share": 0.0, "n": 380},
    ]
    text = read(make_run(endpoint="post_scheme", atoms=atoms)).text
    assert "12\u202f% of 410 people left exactly at completion, when contracts end" in text
    assert "30\u202f% left exactly at completion" in text
    # A few people, and two specialisms that run.json leaves out.
    assert text.count("How many left exactly at completion is not shown: too few.") == 3
    assert text.count("Nobody left exactly at completion.") == 1
    assert "The clock starts at completion of the scheme." in text
    assert "60 months after completing without leaving the NHS" in text


def test_withdrawing_is_not_called_leaving_the_nhs(make_run: MakeRun) -> None:
    text = read(make_run(["A"], [60], models=[], endpoint="left_scheme", question="")).text
    assert "reach 60 months without withdrawing from the scheme" in text
    assert "leaving the NHS" not in text


# ---------------------------------------------------------------- models


def test_those_asked_later_are_not_called_followed(make_run: MakeRun) -> None:
    assert "at risk on the prediction date" in read(make_run(at="12")).text
    assert "people at one landmark or more" in read(make_run(landmarks=[0, 12])).text


def test_leaderboard_says_who_won(page: Page) -> None:
    board = page.table("Model", containing="Brier")
    assert board.column("Model") == ["Cox", "Logistic regression", "Kaplan-Meier", "Weibull"]
    assert board.column("Verdict")[0] == "Better than the reference"
    assert board.column("Verdict")[2] == "The reference"
    assert board.column("Difference")[0] == "−0.006(−0.009 to −0.003)"
    assert board.column("Difference")[2] == "–"
    assert "Cox predicted best, and better than Kaplan-Meier, the reference." in page.text


def test_a_lead_that_may_be_chance_is_no_win(make_run: MakeRun) -> None:
    folder = make_run(*TWO)
    unclear = "not distinguishable from the reference"
    rewrite(folder, "leaderboard", lambda t: t.replace("better than the reference", unclear))
    assert "the data do not show that it predicts better" in read(folder).text


def test_nothing_beats_the_reference(make_run: MakeRun) -> None:
    page = read(make_run(*TWO, models=["kaplan_meier", "cox"]))
    assert "No model predicted better than Kaplan-Meier, the reference." in page.text
    scores = page.table("Specialism", containing="Brier")
    assert [head for head in scores.rows[0] if "Brier" in head] == ["Brier, Kaplan-Meier"]


def test_scores_by_specialism(folder: Path, page: Page) -> None:
    scores = pd.read_csv(folder / "tables" / "scores.csv")
    at = scores[(scores["model"] == "cox") & (scores["horizon_months"] == 60)]
    brier = at[at["score"] == "brier"].set_index("group")["estimate"]
    table = page.table("Specialism", containing="Brier")
    assert table.column("Specialism") == [*SPECIALISMS, "Everybody"]
    shown = [cell[:5] for cell in table.column("Brier, Cox")]
    assert shown == [f"{brier[group]:.3f}" for group in (*SPECIALISMS, "All")]


def test_a_user_s_name_for_a_model_stays(make_run: MakeRun) -> None:
    folder = make_run(*TWO)
    rewrite(folder, "leaderboard", lambda t: t.replace({"model": {"cox": "cox_ridge"}}))
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    facts["models"][0]["name"] = "cox_ridge"
    (folder / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    assert read(folder).table("Model", containing="Brier").column("Model")[0] == "cox_ridge"


def test_a_model_without_scores(make_run: MakeRun) -> None:
    folder = make_run(*TWO)

    def fail(board: pd.DataFrame) -> pd.DataFrame:
        numbers = board.columns.difference(["rank", "model", "kind", "verdict"])
        board.loc[board["model"] == "cox", numbers] = np.nan
        board.loc[board["model"] == "cox", ["rank", "verdict"]] = [4, "could not be fitted: why"]
        return board

    rewrite(folder, "leaderboard", fail)
    page = read(folder)
    board = page.table("Model", containing="Brier")
    row = board.rows[1 + board.column("Model").index("Cox")]
    assert row == ["Cox", "–", "–", "–", "Could not be fitted: why", "–", "–", "–"]
    assert "nan" not in page.text.lower().replace("finance", "")


def test_no_model_at_all(make_run: MakeRun) -> None:
    folder = make_run(models=[])
    page = read(folder)
    assert "No model could be scored." in page.text
    assert "Do the predicted risks come true?" not in page.text
    assert {path.name for path in write_figures(folder)} == {"retention.png", "leaderboard.png"}


# ------------------------------------------------------------ disclosure


def test_no_small_count_is_shown(make_run: MakeRun) -> None:
    """Not even where the tables hold them: someone may have written them by hand."""
    folder = make_run(SPECIALISMS, (30, 41, 9, 4, 25, 3), models=["cox"])
    rewrite(folder, "cohorts", lambda t: t.assign(n=np.arange(len(t)) % 7))
    rewrite(folder, "rejected", lambda t: t.assign(rows=[1, 2, 5]))
    rewrite(folder, "data", lambda t: t.assign(count=[9, 4, 3, 2, 1, 0]))
    rewrite(folder, "retention", lambda t: t.assign(at_risk=3))
    rewrite(folder, "calibration", lambda t: t.assign(n=2))
    page = read(folder)
    cells = [cell for table in page.tables for row in table.rows[1:] for cell in row[1:]]
    cells += [cell for table in page.tables if table.classes == "risk" for cell in table.rows[1]]
    cells += page.svg_texts
    cells += page.counts
    assert not [cell for cell in cells if re.fullmatch("[1-4]", cell)]
    assert page.counts == ["9", "*", "*", "*", "*", "0"]
    assert "0" in cells  # nobody is named by a zero
    assert page.table("Reason").column("Rows") == ["*", "*", "5"]
    assert page.text.count("* not shown: fewer than 5 people") >= 3


def test_too_few_is_told_from_not_estimable(make_run: MakeRun) -> None:
    folder = make_run(["A", "B"], [50, 40], models=[])

    def blank(table: pd.DataFrame) -> pd.DataFrame:
        last = table["horizon_months"] == 60
        table.loc[last, ["retention", "lower", "upper"]] = np.nan
        table.loc[last & (table["group"] == "A"), "at_risk"] = np.nan
        table.loc[last & (table["group"] == "B"), "at_risk"] = 0
        return table

    rewrite(folder, "retention", blank)
    page = read(folder)
    cells = page.table("Specialism", containing="months").column("60 months")
    assert cells[1:] == ["too few", "not estimable"]
    assert "Not estimable: nobody was followed for as long." in page.text
    assert "Too few: fewer than 5 people in the group" in page.text


def test_a_group_without_a_curve_is_named(make_run: MakeRun) -> None:
    text = read(make_run(["A", "B", "C", "D"], [50, 3, 40, 2], models=[])).text
    assert "No curve, since too few people: B and D." in text


def test_disclosure_control_switched_off_is_said(make_run: MakeRun) -> None:
    assert (
        "disclosure control was switched off" in read(make_run(*TWO, models=[], threshold=1)).text
    )


# ---------------------------------------------------------- robust, safe

HOSTILE = '<b>x</b>&"'


def test_labels_are_escaped(make_run: MakeRun) -> None:
    groups = [HOSTILE, "<script>alert(1)</script>", "' onload='x", "{{ 7 * 7 }}", "$x_1$"]
    folder = make_run(
        groups, [40] * 5, question="<img src=x>", limits=["</ul><script>"], leaving="<i>leaving"
    )
    page = read(folder)
    assert not {"script", "img", "i"} & {tag for tag, _ in page.tags}
    assert {given.get("class") for tag, given in page.tags if tag == "b"} == {"est"}
    assert not [name for _, given in page.tags for name in given if name.startswith("on")]
    assert page.table("Specialism", containing="months").column("Specialism")[1:] == groups
    assert groups == [item.split(": ")[0] for item in page.items[:5]]
    assert any(HOSTILE in label for label in page.attributes("aria-label"))


def test_the_page_stands_alone(folder: Path, page: Page) -> None:
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert not {"script", "iframe", "object", "embed", "base", "form"} & {t for t, _ in page.tags}
    links = [value for name in ("src", "href", "data", "srcset") for value in page.attributes(name)]
    assert all(link.startswith(("data:", "#")) for link in links)
    assert "http" not in html.replace("http-equiv", "")
    assert "@import" not in html
    assert "url(" not in re.sub(r"url\(#", "", html)
    assert "default-src 'none'" in html


def test_the_same_folder_gives_the_same_page(folder: Path, tmp_path: Path) -> None:
    first = (folder / "report.html").read_bytes()
    assert write_report(folder).read_bytes() == first
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(folder, elsewhere, ignore=shutil.ignore_patterns("report.html"))
    assert write_report(elsewhere).read_bytes() == first
    assert b"\r" not in first


def test_a_page_is_written_whole_or_not_at_all(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(*TWO, models=[])
    before = write_report(folder).read_bytes()

    def fail(_: object) -> str:
        raise OSError("no space")

    monkeypatch.setattr(report, "render_report", fail)
    with pytest.raises(OSError, match="no space"):
        write_report(folder)
    assert (folder / "report.html").read_bytes() == before
    assert not list(folder.glob("*.part"))


def test_no_run_no_page(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished run"):
        write_report(tmp_path)
    assert not list(tmp_path.iterdir())


def test_empty_tables_still_make_a_page(make_run: MakeRun) -> None:
    folder = make_run(counts={}, models_facts=[], limits=[], versions={})
    for path in (folder / "tables").glob("*.csv"):
        path.write_text("", encoding="utf-8")
    page = read(folder)
    assert "Too few people to say anything." in page.text
    assert "No row was left out." in page.text
    assert not [cell for cell in page.svg_texts if "nan" in cell]


@pytest.mark.parametrize("groups", [["Finance"], [], [f"Industry {k}" for k in range(20)]])
def test_any_number_of_groups(make_run: MakeRun, groups: list[str]) -> None:
    page = read(make_run(groups, [60] * len(groups), models=[]) if groups else _only_all(make_run))
    risk = [table for table in page.tables if table.classes == "risk"]
    assert len(risk) == max(len(groups), 1)
    table = page.table("Specialism", containing="months")
    assert table.column("Specialism") == ["Everybody", *groups]
    assert (page.text.count("some differences arise by chance") == 1) == (len(groups) > 2)
    cohorts = next(t for t in page.tables if "2018-09" in [*t.rows[0], *(r[0] for r in t.rows)])
    assert len(cohorts.rows[0]) <= 9  # the many go down, not across


def _only_all(make_run: MakeRun) -> Path:
    folder = make_run(["Finance"], [60])
    for name in ("retention", "curves"):
        rewrite(folder, name, lambda table: table[table["group"] == "All"])
    return folder


def test_nothing_missing_is_printed_as_such(make_run: MakeRun) -> None:
    facts: dict[str, Any] = {"git_commit": None, "seed": None}
    folder = make_run(["A", "B"], [60, 3], **facts)
    rewrite(folder, "leaderboard", lambda t: t.assign(lower=np.nan, c_index=np.nan))
    rewrite(folder, "retention", lambda t: t.assign(lower=np.nan, upper=np.nan))
    rewrite(folder, "curves", lambda t: t.assign(lower=np.nan, upper=np.nan))
    page = read(folder)
    words = set(re.findall(r"[A-Za-z]+", page.text.lower()))
    assert not {"nan", "none", "null", "inf", "nat"} & words
    assert "no interval" in page.text


# ----------------------------------------------------------- made, access


def test_how_it_was_made(make_run: MakeRun) -> None:
    facts = {"git_dirty": True, "limits": ["A plain limit."], "bootstrap": 500}
    facts |= {"features": ["age_band", "region"], "census_date": "2026-09-01"}
    text = read(make_run(*TWO, **facts)).text
    assert "followed up to 1 September 2026" in text
    assert "age_band, region" in text
    assert "Intervals of scores: 500 draws." in text
    for said in ("5e" * 32, "c4" * 32, "a2ff450", "gmts_models 0.1.0", "synthetic scheme, seed 7"):
        assert said in text
    assert "with changes that were not committed" in text
    assert "gmts-models run config.yaml" in text
    assert "Counts from 1 to 4 are not shown" in text
    assert text.index("A plain limit.") < text.index("Associations are not causes.")
    assert "24 November 2026, in 31 seconds" in text


@pytest.mark.parametrize("told", [False, True])
def test_accessible(make_run: MakeRun, make_told_run: MakeRun, told: bool) -> None:
    html = write_report(make_told_run() if told else make_run()).read_text(encoding="utf-8")
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert ("html", {"lang": "en-GB"}) in page.tags
    assert [level for level, _ in page.headings].count(1) == 1
    levels = [level for level, _ in page.headings]
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    scopes = {"col", "row", "rowgroup"}
    assert all(given.get("scope") in scopes for tag, given in page.tags if tag == "th")
    drawings = [given for tag, given in page.tags if tag == "svg"]
    assert drawings
    assert all(
        given.get("aria-hidden") == "true"
        or (given.get("role") == "img" and len(given.get("aria-label", "")) > 20)
        for given in drawings
    )
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    assert set(page.attributes("aria-labelledby")) <= set(ids)
    references = set(re.findall(r'(?:href="|url\()#([\w-]+)', html))
    assert references <= set(ids)
    # A row of one cell names those that follow.
    assert all(set(map(len, t.rows)) <= {len(t.rows[0]), 1} for t in page.tables)


def test_figures(make_run: MakeRun) -> None:
    folder = make_run(*TWO, models=["cox", "kaplan_meier"])
    written = write_figures(folder)
    assert sorted(path.name for path in written) == [
        "calibration_cox.png",
        "calibration_kaplan_meier.png",
        "leaderboard.png",
        "retention.png",
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)
    first = [path.read_bytes() for path in written]
    assert [path.read_bytes() for path in write_figures(folder)] == first
