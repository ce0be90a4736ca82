"""Open data: counts from the raw tables, rules worked by hand, errors, and the configurations."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter, datasets
from ruamel.yaml import YAML

from gmts_models.config import ExperimentConfig, FileData, OpenData
from gmts_models.data.endpoints import build_outcome
from gmts_models.data.months import DAYS_PER_MONTH
from gmts_models.data.open.datasets import DATASETS, describe_dataset, load_dataset
from gmts_models.data.people import Checked
from gmts_models.errors import DataError, InputError
from gmts_models.outcome import UNKNOWN_CAUSE
from gmts_models.stats.survival.kaplan_meier import kaplan_meier, survival_at

ROOT = Path(__file__).parents[2]
CONFIGS = ("senators", "heads_of_government", "nlswork", "unemployment", "employees")


@cache
def raw_senators() -> pd.DataFrame:
    return datasets.load_canadian_senators()


@cache
def raw_heads() -> pd.DataFrame:
    return datasets.load_dd()


@pytest.fixture(scope="module")
def senators() -> Checked:
    return load_dataset("canadian_senators")


@pytest.fixture(scope="module")
def heads() -> Checked:
    return load_dataset("heads_of_government")


# ------------------------------------------------------------ senators


def test_senators_every_row_is_valid_or_declined(senators: Checked) -> None:
    declined = np.flatnonzero(raw_senators()["reason"] == "Appointment declined")
    assert len(declined) == 3
    assert senators.n_rows == 933
    assert len(senators.valid) == 930
    assert senators.rejected["row"].tolist() == declined.tolist()
    assert senators.rejected["reason"].str.contains("declined").all()


def test_senators_causes_and_census(senators: Checked) -> None:
    people = senators.valid
    assert people.census_date == pd.Timestamp("2013-10-01")
    assert people.leaving == "leaving the Senate"
    assert people.scheme == "any"
    assert not people.synthetic
    y = build_outcome(people).y
    assert y.causes == ("Death", "Resignation", "Retirement")
    # raw: 494, 201 and 136 of 834 observed, 3 of them declined
    assert np.bincount(y.event, minlength=4).tolist() == [99, 494, 201, 136]


def test_senators_groups_and_cohorts(senators: Checked) -> None:
    people = senators.valid.trainees
    raw = raw_senators()
    groups = people["specialism"].value_counts()
    assert len(groups) == 11
    assert groups["Territories and wider divisions"] == 7 + 3 + 1 + 2 + 2
    assert groups["Ontario"] == 242 + 2
    assert not people["specialism"].str.contains("Division)", regex=False).any()
    began = pd.to_datetime(raw["start_date"]).dt.year
    sixties = began.between(1960, 1969).sum()
    assert (people["cohort"] == "1960s").sum() == sixties
    assert (people["cohort"] == "1860s").sum() == began.between(1860, 1869).sum() - 3
    assert sorted(people["cohort"].unique()) == [f"{year}s" for year in range(1860, 2020, 10)]


def test_senators_retirement_is_only_for_those_appointed_after_the_act(senators: Checked) -> None:
    people = senators.valid.trainees
    retired = people["destination"] == "Retirement"
    assert people.loc[retired, "retires_at_75"].all()
    assert people.loc[people["start_date"] < "1965-06-02", "retires_at_75"].sum() == 0
    assert people["retires_at_75"].sum() == 99 + 42 + 56 + 136


def test_senators_retention_agrees_with_lifelines(senators: Checked) -> None:
    raw = raw_senators()
    kept = raw[raw["reason"] != "Appointment declined"]
    peer = KaplanMeierFitter().fit(kept["diff_days"] / DAYS_PER_MONTH, kept["observed"])
    y = build_outcome(senators.valid).y
    # Times a little past the anniversaries, so that calendar months and days / 30.4375 agree.
    times = np.array([60.3, 120.3, 180.3, 240.3, 360.3])
    ours = survival_at(kaplan_meier(y.exit, y.left), times).survival
    np.testing.assert_allclose(ours, peer.predict(times).to_numpy(), atol=0.002)


def test_senators_are_not_named(senators: Checked) -> None:
    people = senators.valid.trainees
    assert people["trainee_id"].str.fullmatch(r"senator-\d{4}").all()
    names = set(raw_senators()["Name"])
    for column in people.select_dtypes(object):
        assert names.isdisjoint(people[column])


# --------------------------------------------------- heads of government


def test_heads_count_by_reason(heads: Checked) -> None:
    raw = raw_heads()
    assert heads.n_rows == len(raw) == 1808
    assert (raw["start_year"] == 1946).sum() == 70
    counts = heads.rejected["reason"].str.extract("(1946|continues|repeats)")[0].value_counts()
    assert counts.to_dict() == {"1946": 70, "continues": 24, "repeats": 1}
    assert len(heads.valid) == 1808 - 95


def test_heads_continued_under_another_regime_are_censored(heads: Checked) -> None:
    raw = raw_heads().assign(end=lambda frame: frame["start_year"] + frame["duration"])
    # Kenya's second president: a dictatorship to 1997, a democracy from 1998.
    moi = raw[(raw["ctryname"] == "Kenya") & (raw["ehead"] == "Daniel Arap Moi")]
    first, second = moi.sort_values("start_year").index
    assert raw.loc[first, "end"] == raw.loc[second, "start_year"]
    assert raw.loc[first, "observed"] == 1
    people = heads.valid.trainees.set_index("trainee_id")
    assert people.loc[f"head-{first + 1:04d}", "event"] == 0
    assert f"head-{second + 1:04d}" not in people.index
    assert second in set(heads.rejected["row"])


def test_heads_months_events_and_cohorts_follow_the_raw_rows(heads: Checked) -> None:
    people = heads.valid.trainees
    row = people["trainee_id"].str.removeprefix("head-").astype(int) - 1
    raw = raw_heads().loc[row].reset_index(drop=True)
    assert (people["duration_months"] == 12 * raw["duration"]).all()
    assert (people["event"] <= raw["observed"]).all()
    # 23 spells counted as left go on under another regime; two of them began in 1946.
    assert (raw["observed"] - people["event"]).sum() == 21
    assert (people["cohort"].str[:3] == raw["start_year"].astype(str).str[:3]).all()
    assert people["specialism"].nunique() == 6
    assert heads.valid.census_date is None


def test_heads_predecessor_is_the_spell_before_in_the_country(heads: Checked) -> None:
    people = heads.valid.trainees.set_index("trainee_id")
    raw = raw_heads()
    spells = raw[raw["ctryname"] == "Afghanistan"].sort_values("start_year")
    second = spells.index[1]
    assert people.loc[f"head-{second + 1:04d}", "predecessor_years"] == spells["duration"].iloc[0]
    assert people["predecessor_years"].isna().sum() > 100  # the first of every younger country


# ------------------------------------------------------------- nlswork

PAST = {"birth_yr": 51, "race": 2, "msp": 0, "grade": 12, "collgrad": 0, "not_smsa": 0}
PAST |= {"c_city": 1, "south": 0, "union": "", "hours": 40, "age": 20, "ttl_exp": 8}


def interviews(*rows: tuple[int, int, float | str, int]) -> pd.DataFrame:
    """Interviews from (person, year, tenure in months, industry)."""
    return pd.DataFrame(
        [
            PAST
            | {
                "idcode": person,
                "year": year,
                "tenure": months / 12 if isinstance(months, int | float) else months,
                "ind_code": industry,
            }
            for person, year, months, industry in rows
        ]
    )


def load_interviews(folder: Path, frame: pd.DataFrame) -> Checked:
    path = folder / "nlswork.csv"
    frame.to_csv(path, index=False)
    return load_dataset("nlswork", path)


def spells(checked: Checked) -> dict[str, tuple[float, float, int]]:
    people = checked.valid.trainees
    columns = people[["entry_months", "duration_months", "event"]].itertuples(index=False)
    return {
        name: (entry, end, event)
        for name, (entry, end, event) in zip(people["trainee_id"], columns, strict=True)
    }


def test_nlswork_a_move_is_dated_in_the_middle(tmp_path: Path) -> None:
    checked = load_interviews(
        tmp_path,
        interviews(
            (1, 70, 1, 6),
            (1, 71, 1, 4),  # another job, begun 11 months after the interview in 1970
            (1, 72, 11, 4),  # the same: a year would give 13, and two months are forgiven
            (1, 73, 1, 5),  # another, begun 11 months after the interview in 1972
        ),
    )
    assert spells(checked) == {"1-1": (1, 6.5, 1), "1-2": (1, 16.5, 1)}
    assert checked.valid.trainees["specialism"].tolist() == [
        "Wholesale and retail trade",
        "Manufacturing",
    ]
    # The job of 1973 is seen once; as a spreadsheet counts, it is row 5.
    assert checked.rejected["row"].tolist() == [5]
    assert checked.n_rows == 4


def test_nlswork_two_months_of_slack_and_no_more(tmp_path: Path) -> None:
    checked = load_interviews(
        tmp_path, interviews((1, 70, 1, 6), (1, 71, 11, 6), (2, 70, 1, 6), (2, 71, 10, 6))
    )
    assert spells(checked) == {"1-1": (1, 11, 0), "2-1": (1, 2, 1)}


def test_nlswork_a_missed_round_ends_the_stretch(tmp_path: Path) -> None:
    checked = load_interviews(
        tmp_path,
        interviews(
            (2, 68, 24, 11),
            (2, 69, 36, 11),
            (2, 71, 60, 11),  # 1970 was missed: the same job comes under observation anew
            (2, 72, 6, 11),
            (2, 77, 3, 11),
        ),
    )
    assert spells(checked) == {"2-1": (24, 36, 0), "2-2": (60, 63, 1)}
    assert checked.rejected["row"].tolist() == [5, 6]


def test_nlswork_rounds_two_years_apart_and_the_late_last_one(tmp_path: Path) -> None:
    checked = load_interviews(
        tmp_path,
        interviews(
            (3, 85, 0, 11),
            (3, 87, 24, 11),
            (3, 88, 40, 11),  # 16 months after the round of 1987
            (4, 87, 1, 12),
            (4, 88, 14, 12),  # 13 months on would be the same job in any other round
        ),
    )
    assert spells(checked) == {"3-1": (0, 40, 0), "4-1": (1, 2, 1)}
    y = build_outcome(checked.valid).y
    assert y.delayed


def test_nlswork_tenure_that_falls_is_another_job(tmp_path: Path) -> None:
    checked = load_interviews(
        tmp_path, interviews((5, 77, 18, 8), (5, 78, 14, 8), (5, 80, 38, 8), (5, 82, 62, 8))
    )
    # Its start reaches back before the interview of 1977; half a month is the least.
    assert spells(checked) == {"5-1": (18, 18.5, 1), "5-2": (14, 62, 0)}


def test_nlswork_attributes_are_those_of_the_first_interview(tmp_path: Path) -> None:
    frame = interviews((6, 70, 6, 10), (6, 71, 18, 4))
    frame = frame.assign(age=[20, 21], ttl_exp=[2.5, 3.5], union=[1, 0])
    frame = frame.assign(hours=[30, 50], south=[0, 1])
    person = load_interviews(tmp_path, frame).valid.trainees.iloc[0]
    assert person["age_at_job_start"] == 19.5
    assert person["experience_before"] == 2.0
    assert person["hours"] == 30
    assert person["union"]
    assert not person["south"]
    assert person["race"] == "black"
    assert person["area"] == "central city"
    assert person["specialism"] == "Personal and entertainment services"
    assert person["cohort"] == "1950-51"


def test_nlswork_a_woman_is_in_one_cohort(tmp_path: Path) -> None:
    frame = interviews((7, 70, 6, 10), (7, 71, 1, 4), (7, 72, 13, 4), (7, 83, 3, 1), (7, 85, 27, 1))
    people = load_interviews(tmp_path, frame).valid.trainees
    assert len(people) == 3
    assert set(people["cohort"]) == {"1950-51"}


def test_nlswork_rejects_interviews_that_cannot_be_placed(tmp_path: Path) -> None:
    frame = interviews(
        (8, 70, 6, 4),
        (8, 71, "", 4),  # no tenure: the stretch ends before it
        (8, 72, 30, 4),
        (8, 73, 42, 4),
        (8, 73, 42, 4),  # twice in one year
        (8, 74, 54, 4),  # there was no round in 1974
    )
    checked = load_interviews(tmp_path, frame)
    assert spells(checked) == {"8-2": (30, 42, 0)}
    assert checked.rejected["row"].tolist() == [2, 3, 6, 7]
    assert checked.rejected["column"].tolist() == ["tenure", "tenure", "year", "idcode, year"]


def test_nlswork_takes_other_names_and_four_digit_years(tmp_path: Path) -> None:
    frame = interviews((1, 70, 1, 6), (1, 71, 13, 6))
    other = frame.assign(year=frame["year"] + 1900, birth_yr=1951, race="Black", rownames=[1, 2])
    other = other.rename(
        columns={"idcode": "ID", "ind_code": "Ind.Code", "ttl_exp": "exper", "union": "UNION"}
    )
    one, two = load_interviews(tmp_path, frame), load_interviews(tmp_path, other)
    pd.testing.assert_frame_equal(one.valid.trainees, two.valid.trainees)
    assert one.valid.trainees["race"].tolist() == ["black"]


def test_nlswork_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    frame = interviews((1, 70, 1, 6), (1, 71, 1, 4), (1, 72, 13, 4), (2, 70, 3, 4), (2, 71, 15, 4))
    straight = spells(load_interviews(tmp_path, frame))
    assert spells(load_interviews(tmp_path, frame.iloc[::-1])) == straight


# -------------------------------------------------------- unemployment


def spell(*flags: int, length: int = 5, ui: str = "yes") -> dict[str, object]:
    names = dict(zip(("censor1", "censor2", "censor3", "censor4"), flags, strict=True))
    rest = {"age": 41, "reprate": 0.179, "disrate": 0.045, "logwage": 6.9, "tenure": 3}
    return {"spell": length, **names, **rest, "ui": ui}


def test_unemployment_causes_months_and_groups(tmp_path: Path) -> None:
    path = tmp_path / "mccall.csv"
    rows = [
        spell(1, 0, 0, 0),
        spell(0, 1, 0, 0, ui="no"),
        spell(0, 0, 1, 0),
        spell(0, 0, 0, 1, length=28),
        spell(0, 0, 0, 0),
        spell(1, 1, 0, 0),
    ]
    pd.DataFrame(rows).to_csv(path, index=False)
    checked = load_dataset("unemployment_mccall", path)
    y = build_outcome(checked.valid).y
    assert y.causes == ("full-time job", "part-time job")
    assert y.event.tolist() == [1, 2, UNKNOWN_CAUSE, 0]
    np.testing.assert_allclose(y.exit, np.array([5, 5, 5, 28]) * 14 / 30.4375)
    assert checked.valid.trainees["specialism"].tolist() == [
        "Claimed benefit",
        "No claim",
        "Claimed benefit",
        "Claimed benefit",
    ]
    assert checked.rejected["row"].tolist() == [6, 7]  # the header is row 1
    assert checked.valid.attributes["replacement_rate"].known == "start"


def test_unemployment_real_file(open_data: Callable[[str], Path], tmp_path: Path) -> None:
    path = open_data("data/unemployment_mccall.csv")
    raw = pd.read_csv(path)
    checked = load_dataset("unemployment_mccall", path)
    y = build_outcome(checked.valid).y
    counts = [int((y.event == code).sum()) for code in (1, 2, UNKNOWN_CAUSE, 0)]
    assert counts == raw[["censor1", "censor2", "censor3", "censor4"]].sum().tolist()
    assert checked.n_rejected == 3343 - sum(counts) == 102
    without = raw.drop(columns=["id", "cause", "cause_label"]).rename(columns=str.upper)
    without.to_csv(tmp_path / "plain.csv")  # as R writes it, with row names
    plain = load_dataset("unemployment_mccall", tmp_path / "plain.csv")
    pd.testing.assert_frame_equal(plain.valid.trainees, checked.valid.trainees)


# ------------------------------------------------------ cards and errors


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_a_card_says_everything_and_the_docs_tell_of_the_set(name: str) -> None:
    card = describe_dataset(name)
    for each in dataclasses.fields(card):
        assert getattr(card, each.name) or each.name == "obtain", each.name
    assert "not stated" in card.licence
    text = (ROOT / "docs" / "open-data.md").read_text(encoding="utf-8")
    assert f"## {name}" in text
    with pytest.raises(dataclasses.FrozenInstanceError):
        card.name = "x"  # type: ignore[misc]


def test_every_set_has_a_place_in_the_config() -> None:
    assert set(OpenData.model_json_schema()["properties"]["name"]["enum"]) == set(DATASETS)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [("senators", "canadian_senators"), ("NLSWORK", "nlswork"), ("mccall", "unemployment_mccall")],
)
def test_an_unknown_name_is_answered_with_the_likely_one(asked: str, meant: str) -> None:
    with pytest.raises(InputError, match=f"did you mean '{meant}'"):
        load_dataset(asked)


@pytest.mark.parametrize("name", ["nlswork", "unemployment_mccall"])
def test_a_set_without_its_path_says_how_to_get_the_csv(name: str) -> None:
    with pytest.raises(InputError, match=name) as caught:
        load_dataset(name)
    assert f"{name}.csv" in str(caught.value.fix)
    assert "write.csv" in str(caught.value.fix)


def test_a_path_that_is_not_used_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lifelines"):
        load_dataset("canadian_senators", tmp_path / "senators.csv")


def test_another_csv_names_the_missing_columns(tmp_path: Path) -> None:
    path = tmp_path / "secret-name.csv"
    interviews((1, 70, 1, 6)).drop(columns=["tenure", "ind_code"]).to_csv(path, index=False)
    with pytest.raises(DataError, match="ind_code, tenure") as caught:
        load_dataset("nlswork", path)
    assert "idcode" not in caught.value.what
    with pytest.raises(DataError, match="spell, censor1"):
        load_dataset("unemployment_mccall", path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        load_dataset("nlswork", tmp_path / "none.csv")
    (tmp_path / "empty.csv").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="empty"):
        load_dataset("nlswork", tmp_path / "empty.csv")


def test_a_file_without_a_usable_row_says_why(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of the 1 rows makes a record: one interview"):
        load_interviews(tmp_path, interviews((1, 70, 1, 6)))


def test_a_torn_row_is_rejected_under_its_number(tmp_path: Path) -> None:
    path = tmp_path / "mccall.csv"
    pd.DataFrame([spell(1, 0, 0, 0), spell(0, 1, 0, 0)]).to_csv(path, index=False)
    lines = path.read_text(encoding="utf-8").splitlines()
    lines.insert(2, "5,1,0")
    path.write_text("\n".join(lines), encoding="utf-8")
    checked = load_dataset("unemployment_mccall", path)
    assert (checked.n_rows, len(checked.valid)) == (3, 2)
    assert checked.rejected["row"].tolist() == [3]


def test_importing_does_not_import_lifelines() -> None:
    code = "import sys, gmts_models.data.open.datasets; sys.exit('lifelines' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False, env=dict(os.environ))
    assert done.returncode == 0


# ------------------------------------------------------- configurations


def read(name: str) -> ExperimentConfig:
    path = ROOT / "configs" / f"{name}.yaml"
    content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    return ExperimentConfig.model_validate(content)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_is_valid_and_judges_against_kaplan_meier(name: str) -> None:
    config = read(name)
    assert config.models[0].kind == "kaplan_meier"
    assert isinstance(config.features, tuple)
    assert config.features[0] == "specialism"


def test_the_config_with_late_entry_has_only_models_that_take_it() -> None:
    kinds = {model.kind for model in read("nlswork").models}
    assert kinds == {"kaplan_meier", "cox", "weibull_aft"}


@pytest.mark.parametrize("name", ["senators", "heads_of_government"])
def test_the_features_of_a_config_are_declared(
    name: str, senators: Checked, heads: Checked
) -> None:
    people = (senators if name == "senators" else heads).valid
    known = {"specialism", "cohort_year", *people.attributes}
    assert set(read(name).features) <= known
    cohorts = people.trainees["cohort"].value_counts()
    scheme = read(name).evaluation.scheme
    assert scheme.kind == "leave_one_cohort_out"
    assert (cohorts >= scheme.min_size).sum() >= 5


def test_the_employees_config_maps_columns_of_the_file(open_data: Callable[[str], Path]) -> None:
    data = read("employees").data
    assert isinstance(data, FileData)
    header = pd.read_csv(open_data("data/turnover_babushkin.csv"), nrows=0).columns
    assert set(data.columns.values()) <= set(header)
    assert set(data.attributes) <= set(data.columns) | set(header)
