"""What the page says of groups, attributes and parameters, and what it leaves out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from page_reader import Page, Table, read, rewrite

from gmts_models.data.contract.columns import SPECIALISMS
from gmts_models.reporting import write_figures
from gmts_models.reporting.run_folder import read_run_folder

MakeRun = Callable[..., Path]
SHOWN, HIDDEN = SPECIALISMS[:-2], SPECIALISMS[-2:]


@pytest.fixture(scope="module")
def folder(make_told_run: MakeRun) -> Path:
    return make_told_run()


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return read(folder)


def _with(page: Page, head: str) -> list[Table]:
    return [table for table in page.tables if head in table.rows[0]]


def _h2(page: Page) -> list[str]:
    return [text for level, text in page.headings if level == 2]


# ---------------------------------------------------------------- groups


def test_sections_stand_between_calibration_and_limits(page: Page) -> None:
    assert _h2(page)[-6:-1] == [
        "Do the predicted risks come true?",
        "How specialisms differ",
        "What goes with leaving",
        "Which parameters were chosen",
        "What this does not tell",
    ]


def test_groups_are_told_with_how_far_they_are_drawn(page: Page) -> None:
    (table,) = _with(page, "Drawn towards the average")
    assert table.column("Group") == list(SHOWN)
    assert table.column("Hazard ratio")[0] == "0.80(0.53 to 1.20)"
    assert table.column("Drawn towards the average")[0] == "by 40\u202f%"
    # exp(-0.2) and exp(0.2)
    assert "between 0.82 and 1.22 times the average" in page.text
    assert set(SHOWN) <= set(page.svg_texts)


def test_places_are_chances(page: Page) -> None:
    (table,) = _with(page, "6")
    assert table.rows[0] == ["Specialism", "1", "2", "3", "4", "5", "6"]
    assert table.rows[1] == [SHOWN[0], "40\u202f%", *["12\u202f%"] * 5]
    assert "No league table: the chance of each place." in page.text


def test_hidden_groups_are_named_and_no_more(page: Page) -> None:
    assert f"Left out: {HIDDEN[0]} and {HIDDEN[1]}." in page.text
    (table,) = _with(page, "Drawn towards the average")
    assert not {*HIDDEN} & {*table.column("Group")}
    dots = [given for tag, given in page.tags if tag == "svg" and "Ratio of" in str(given)]
    assert dots
    assert not [each for each in dots if any(name in each["aria-label"] for name in HIDDEN)]


def test_many_groups_have_no_table_of_places(make_told_run: MakeRun) -> None:
    page = read(make_told_run([f"Industry {k}" for k in range(14)]))
    (table,) = _with(page, "Drawn towards the average")
    assert len(table.rows) == 13
    assert "The chance of each place among" not in page.text


def test_odds_are_not_called_hazards(make_told_run: MakeRun) -> None:
    folder = make_told_run()
    cox = pd.read_csv(folder / "tables" / "coefficients_cox.csv")
    table = cox.assign(ratio_of="odds")
    table.to_csv(folder / "tables" / "coefficients_hierarchical_cox.csv", index=False)
    page = read(folder)
    (table_of_groups,) = _with(page, "Drawn towards the average")
    assert "Odds ratio" in table_of_groups.rows[0]
    assert "the odds of leaving in a month of each group" in page.text


def test_the_best_of_several_is_shown(make_told_run: MakeRun) -> None:
    folder = make_told_run()
    rewrite(
        folder, "groups", lambda t: pd.concat([t.assign(model="cox", ratio=3.0), t], axis="index")
    )
    page = read(folder)
    (table,) = _with(page, "Drawn towards the average")
    assert table.column("Hazard ratio")[0].startswith("0.80")
    assert "Cox: in tables/groups.csv and tables/ranks.csv." in page.text


def test_figures_of_groups(folder: Path, make_told_run: MakeRun) -> None:
    assert "groups_hierarchical_cox.png" in [path.name for path in write_figures(folder)]
    none = make_told_run()
    rewrite(none, "groups", lambda table: table.head(0))
    assert not [path for path in write_figures(none) if path.name.startswith("groups_")]
    assert "How specialisms differ" not in _h2(read(none))


# ------------------------------------------------------------ attributes


def test_ratios_are_called_by_their_kind(page: Page) -> None:
    captions = [text for level, text in page.headings if level == 3 and "ratios of" in text]
    assert captions == [
        "Cox: hazard ratios of all attributes together",
        "Weibull: time ratios of all attributes together",
        "Monthly hazards: odds ratios of all attributes together",
        "Cause-specific Cox: hazard ratios of leaving each way",
    ]
    time = page.table("Attribute", containing="Time ratio")
    assert time.rows[0][1] == "← sooner · longer →"
    assert "Above 1 they stay longer." in page.text
    assert page.table("Attribute", containing="Odds ratio").rows[0][1].startswith("← longer")
    assert "In tables/coefficients_MODEL.csv: cox_tuned." in page.text


def test_an_attribute_stands_with_its_reference(page: Page) -> None:
    table = page.table("Attribute", containing="Hazard ratio")
    names = [row[0] for row in table.rows[1:]]
    assert names == [
        "commute minutes",
        "commute minutes: missing",
        "specialism",
        f"{SPECIALISMS[0]}: reference",
        *SPECIALISMS[1:],
    ]
    assert table.rows[3] == ["specialism"]
    assert table.rows[4] == [f"{SPECIALISMS[0]}: reference", "", "1", ""]
    assert table.rows[1][2:] == ["0.50(0.30 to 0.90)", "0.04"]
    assert table.rows[-1] == [SPECIALISMS[-1], "", "too few", ""]


def test_causes_stand_beside_each_other(page: Page) -> None:
    table = page.table("Attribute", containing="private sector")
    assert table.rows[0] == ["Attribute", "private sector", "further study"]
    assert table.rows[1] == ["commute minutes", *["0.50(0.30 to 0.90)"] * 2]


def test_a_rare_reference_is_not_named(make_told_run: MakeRun) -> None:
    folder = make_told_run()
    for name in ("cox", "weibull_aft", "discrete_time_hazard", "cause_specific_cox", "cox_tuned"):
        rewrite(folder, f"coefficients_{name}", _without_reference)
    table = read(folder).table("Attribute", containing="Hazard ratio")
    assert "reference, not named" in [row[0] for row in table.rows]
    assert [row[2] for row in table.rows[5:]] == ["too few"] * (len(SPECIALISMS) - 1)


def _without_reference(table: pd.DataFrame) -> pd.DataFrame:
    table.loc[table["attribute"] == "specialism", ["ratio", "lower", "upper", "p"]] = np.nan
    return table.assign(reference="")


def test_products_with_time_and_models_without_limits(make_told_run: MakeRun) -> None:
    folder = make_told_run(models=["hierarchical_cox", "kaplan_meier", "cox"])
    table = pd.DataFrame(
        {
            "term": ["score", "score x log(1 + months)", "region_North"],
            "ratio": [0.9995, 2e6, 1e-7],
            "attribute": ["score", "score", "region"],
            "label": ["", "", "North"],
            "reference": ["", "", "East"],
            "ratio_of": "hazard",
        }
    )
    table.to_csv(folder / "tables" / "coefficients_cox.csv", index=False)
    found = read(folder).table("Attribute", containing="Hazard ratio")
    assert [(row[0], row[2]) for row in found.rows[1:] if len(row) > 1] == [
        ("score", "1.00"),
        ("score × log(1 + months)", "over 1,000"),
        ("East: reference", "1"),
        ("North", "under 0.001"),
    ]


def test_tables_of_an_earlier_version_are_read(make_told_run: MakeRun) -> None:
    folder = make_told_run()
    new = ["attribute", "label", "reference", "ratio_of"]
    rewrite(folder, "coefficients_cox", lambda table: table.drop(columns=new))
    table = read_run_folder(folder).coefficients["cox"]
    assert table["attribute"].tolist() == table["term"].tolist()
    assert "specialism Health" in read(folder).text


# ------------------------------------------------------------ parameters


def test_parameters_chosen_on_everyone_and_in_folds(page: Page) -> None:
    table = page.table("Parameters")
    assert table.rows[1:] == [["alpha = 10", "chosen", "2 of 3"], ["alpha = 1", "", "1 of 3"]]
    assert "2 sets of parameters were tried on everyone, by their Brier score" in page.text


def test_a_higher_auc_is_better_and_failures_are_told(make_told_run: MakeRun) -> None:
    folder = make_told_run()

    def change(table: pd.DataFrame) -> pd.DataFrame:
        table["score"] = "auc"
        failed = table["fold"].isna() & (table["trial"] == 0)
        value = table["value"].mask(failed)
        return table.assign(value=value, error=np.where(failed, "no maximum", ""))

    rewrite(folder, "trials", change)
    page = read(folder)
    assert page.table("Parameters").rows[1:] == [
        ["alpha = 10", "chosen", "1 of 3"],
        ["alpha = 1", "", "2 of 3"],
    ]
    assert "1 of them could not be fitted" in page.text


def test_a_search_that_failed_altogether(make_told_run: MakeRun) -> None:
    folder = make_told_run()
    rewrite(folder, "trials", lambda table: table.assign(value=np.nan, error="no maximum"))
    assert read(folder).table("Parameters").rows[1:] == [["none could be fitted", "", "0 of 0"]]


# ---------------------------------------------------------------- limits


def test_limits_of_models_are_apart(make_told_run: MakeRun) -> None:
    said = "900 people, 99 of whom left: too few."
    limits = [
        "Health Analysis: retention at 60 months is not shown.",
        f"cox, weibull_aft: {said}",
        "Model cox_tuned could not be fitted: nobody left.",
    ]
    page = read(make_told_run(limits=limits))
    assert limits[0] in page.items
    assert f"{said} Cox and Weibull." in page.items
    assert "Could not be fitted: nobody left. cox_tuned." in page.items


# ---------------------------------------------------------- all together


def test_settings_within_settings_are_read_easily(make_told_run: MakeRun) -> None:
    tune = {"search": "grid", "values": {"alpha": [0.1, 1]}, "ranges": {}, "trials": None}
    params = {"tune": tune, "alpha": 0.0, "crossed": ["region"], "slopes": []}
    folder = make_told_run()
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    facts["models"] = [{"name": "cox", "kind": "cox", "params": params}]
    (folder / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    assert read(folder).table("Model", containing="Settings").rows[1][2] == (
        "tune (search = grid, values (alpha = [0.1, 1])), alpha = 0.0, crossed = region"
    )


def test_labels_are_escaped(make_told_run: MakeRun) -> None:
    names = ["<b>A</b>", "B & C", "$x_1$", "D", "E"]
    folder = make_told_run(names)
    page = read(folder)
    assert page.text.count("<b>A</b>") >= 4
    assert "<b>A</b>" in page.svg_texts
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "<script" not in html.lower()
    assert "<b>A</b>" not in html


def test_nothing_missing_is_printed_as_such(make_told_run: MakeRun) -> None:
    folder = make_told_run()
    numbers = ["lower", "upper", "shrinkage"]
    rewrite(folder, "groups", lambda table: table.assign(**dict.fromkeys(numbers, np.nan)))
    rewrite(folder, "ranks", lambda table: table.iloc[1:].assign(probability=np.nan))
    rewrite(folder, "group_spread", lambda table: table.assign(sd=np.nan))
    text = read(folder).text
    assert not {"nan", "none", "inf"} & set(text.lower().split())
    assert json.loads((folder / "run.json").read_text(encoding="utf-8"))["threshold"] == 5
