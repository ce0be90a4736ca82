"""The page of a data-quality report: what it says, and what it does not show."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

import gmts_models as gm
from gmts_models.data.people import Checked
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
