"""The page of a data-quality report: what it says, and what it does not show."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import gmts_models as gm
from gmts_models.data.people import Checked
from gmts_models.data.quality.drift import DRIFT_COLUMNS
from gmts_models.data.quality.report import QualityReport, quality_report
from gmts_models.errors import InputError
from gmts_models.reporting.quality import render_quality_report, write_quality_report


@pytest.fixture(scope="module")
def report() -> QualityReport:
    people = gm.simulate_trainees(seed=7, cohorts=range(2016, 2023))
    rejected = pd.DataFrame(
        {
            "table": ["trainees"] * 9 + ["surveys"] * 2,
            "row": range(11),
            "column": "start_date",
            "reason": ["start_date is <missing>"] * 9 + ["date is missing"] * 2,
            "fix": "fill it in",
        }
    )
    rows = len(people) + 9
    return quality_report(Checked(valid=people, rejected=rejected, n_rows=rows))


def cells(page: str) -> list[str]:
    return re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", page)


def test_every_section_is_there_and_text_is_escaped(report: QualityReport) -> None:
    page = render_quality_report(report)
    for title in (
        "What was read",
        "Rejected rows",
        "What is missing",
        "Possible, and unlikely",
        "How far cohorts have come",
        "Duplicates",
        "Cohorts that differ",
    ):
        assert f">{title}</h2>" in page
    assert "start_date is &lt;missing&gt;" in page
    assert "<missing>" not in page
    assert "Synthetic data" in page
    assert "nan" not in page.lower().replace("finance", "")


def test_small_counts_are_not_shown(report: QualityReport) -> None:
    shown = cells(render_quality_report(report, threshold=5))
    assert not {"1", "2", "3", "4"} & set(shown)
    assert "*" in shown
    open_page = cells(render_quality_report(report, threshold=1))
    assert "2" in open_page
    assert "*" not in open_page


def part(page: str, name: str) -> list[list[str]]:
    """Return the rows of a section's tables."""
    section = page.partition(f'aria-labelledby="{name}"')[2].partition("</section>")[0]
    return [cells(row) for row in re.findall(r"<tr>(.*?)</tr>", section, re.DOTALL)]


def gaps(counts: dict[str, tuple[int, int]]) -> pd.DataFrame:
    """Make the gaps of one column from cohort -> (people, of them without a value)."""
    everyone = tuple(map(sum, zip(*counts.values(), strict=True)))
    return pd.DataFrame(
        [
            ("trainees", "region", cohort, n, missing, missing / n)
            for cohort, (n, missing) in [("All", everyone), *counts.items()]
        ],
        columns=["table", "column", "cohort", "n", "missing", "share"],
    )


def test_gaps_stand_under_their_cohort(report: QualityReport) -> None:
    found = gaps({"2019-09": (40, 10), "2020-09": (40, 20), "2021-09": (40, 0)})
    page = render_quality_report(replace(report, gaps=found))
    assert part(page, "gaps")[-2:] == [
        ["Column", "2019-09", "2020-09", "2021-09"],
        ["region", "25\u202f%", "50\u202f%", "0\u202f%"],
    ]


@pytest.mark.parametrize("few", [2, 38])
def test_a_gap_of_few_is_not_had_from_the_other_cohorts(report: QualityReport, few: int) -> None:
    """Two without a value, or two with one: the total and the other cohorts would tell."""
    found = gaps({"2019-09": (40, few), "2020-09": (40, 20), "2021-09": (40, 10)})
    row = part(render_quality_report(replace(report, gaps=found)), "gaps")[-1]
    assert row[1] == "too few"
    assert row[1:].count("too few") == 2


def test_few_rejected_rows_are_not_had_by_subtraction(report: QualityReport) -> None:
    tables = pd.DataFrame(
        [["trainees", 60, 57, 3], ["surveys", 80, 70, 10]],
        columns=["table", "rows", "valid", "rejected"],
    )
    reasons = pd.DataFrame(
        [["surveys", "date is missing", 7], ["surveys", "morale is not a number", 3]],
        columns=["table", "reason", "rows"],
    )
    page = render_quality_report(replace(report, tables=tables, reasons=reasons))
    assert part(page, "tables")[1:] == [
        ["Trainees", "*", "57", "*"],
        ["Surveys", "80", "70", "10"],
    ]
    assert "Trainees: 57 valid rows, * rejected." in page
    assert [row[-1] for row in part(page, "rejected")[1:]] == ["*", "*"]


def test_labels_and_shares_of_few_people_are_not_named(report: QualityReport) -> None:
    drift = pd.DataFrame(
        [
            ["gender", "2019-09", "only here: agender", 40, 2, 0.2, 0.01],
            ["region", "2019-09", "London: 50 % against 20 %", 40, 20, 0.3, 0.01],
        ],
        columns=list(DRIFT_COLUMNS),
    )
    page = render_quality_report(replace(report, drift=drift))
    assert [row[2] for row in part(page, "drift")[1:]] == [
        "other shares of its labels",
        "London: 50 % against 20 %",
    ]
    assert "agender" in render_quality_report(replace(report, drift=drift), threshold=1)


def test_long_follow_up_is_told_in_months(report: QualityReport) -> None:
    cohorts = report.cohorts.head(2).assign(followed_months=[1731.3333, 60.0])
    page = render_quality_report(replace(report, cohorts=cohorts))
    assert [row[3] for row in part(page, "cohorts")[1:]] == ["1,731.3", "60"]


def test_no_identifier_is_on_the_page(report: QualityReport) -> None:
    page = render_quality_report(report, threshold=1)
    assert not re.search(r"S20\d\d-\d{4}", page)


def test_the_page_is_written_whole_and_again(report: QualityReport, tmp_path: Path) -> None:
    path = write_quality_report(report, tmp_path / "quality.html")
    first = path.read_bytes()
    assert write_quality_report(report, path).read_bytes() == first
    assert [each.name for each in tmp_path.iterdir()] == ["quality.html"]


def test_a_bad_path_is_one_clear_error(report: QualityReport, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not end in \.html"):
        write_quality_report(report, tmp_path / "quality.txt")
    with pytest.raises(InputError, match="cannot be written"):
        write_quality_report(report, tmp_path / "nowhere" / "quality.html")
