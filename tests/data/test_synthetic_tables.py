"""The synthetic records beside the trainees: in order, loadable, and as assumed."""

from __future__ import annotations

import hashlib
import pickle
import time
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from gmts_models.data.contract.tables import FOCUSES, TABLES
from gmts_models.data.load import load_trainees
from gmts_models.data.months import add_months, months_between, to_days
from gmts_models.data.people import People
from gmts_models.data.synthetic import record_assumptions as assumed
from gmts_models.data.synthetic.figures import published_figures
from gmts_models.data.synthetic.files import write_tables
from gmts_models.data.synthetic.scheme import simulate_trainees
from gmts_models.errors import InputError
from gmts_models.features.known import known_on

DAY = pd.Timedelta(days=1)


@cache
def simulated() -> People:
    return simulate_trainees(7)


@cache
def many() -> People:
    """Some 17,000 trainees."""
    return simulate_trainees(11, scale=8.0)


def of_trainees(people: People, name: str) -> pd.DataFrame:
    """Return a table with the dates of its trainees, as columns t_..."""
    dates = people.trainees.set_index("trainee_id").add_prefix("t_")
    return people.tables[name].join(dates, on="trainee_id")


# ------------------------------------------------------ same as ever


@pytest.mark.parametrize(
    ("arguments", "trainees", "risk"),
    [
        ({"seed": 7}, "2efd08b8baeafd55", 3346.131867324946),
        ({"seed": 1}, "50909655dd84ce9b", 3504.1121549869013),
        ({"seed": 3, "cohorts": [2012], "scale": 10}, "d49f6bc42b798de8", 2284.50899666321),
        (
            {"seed": 5, "cohorts": range(1956, 1975), "census_date": "2023-01-15"},
            "61eaf5ba89db425f",
            1586.0425195551854,
        ),
        (
            {"seed": 21, "scale": 4, "cohort_sd": 0.5, "census_date": "2034-09-01"},
            "70bd5e7ab06b14dd",
            13164.797858643018,
        ),
    ],
)
def test_the_trainees_of_a_seed_stay_as_they_are(
    arguments: dict[str, object], trainees: str, risk: float
) -> None:
    """Taken before there were other tables; they would change with NumPy's generators."""
    people = simulate_trainees(**arguments)
    for name in people.tables:
        assert name in TABLES
        people.tables[name]
    text = people.trainees.to_csv(index=False, lineterminator="\n")
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == trainees
    assert people.truth.risk.to_numpy().sum() == pytest.approx(risk, rel=1e-12)


def test_same_seed_same_tables_in_whatever_order_they_are_looked_at() -> None:
    one, other = (
        simulate_trainees(3, cohorts=[2015, 2019]),
        simulate_trainees(3, cohorts=[2019, 2015]),
    )
    drawn = simulate_trainees(np.random.default_rng(3), cohorts=[2015, 2019])
    for name in reversed(TABLES):
        other.tables[name]
    for name, frame in one.tables.items():
        pd.testing.assert_frame_equal(frame, other.tables[name])
        pd.testing.assert_frame_equal(frame, drawn.tables[name])
        assert not frame.equals(simulate_trainees(4, cohorts=[2015, 2019]).tables[name])


def test_a_generator_in_the_same_state_gives_the_same_tables() -> None:
    rng = np.random.default_rng(9)
    rng.random(5)
    state = rng.bit_generator.state
    one = simulate_trainees(rng, cohorts=[2019]).tables["surveys"]
    rng.bit_generator.state = state
    pd.testing.assert_frame_equal(simulate_trainees(rng, cohorts=[2019]).tables["surveys"], one)


def test_the_tables_are_a_mapping() -> None:
    people = simulate_trainees(3, cohorts=[2019])
    assert list(people.tables) == list(TABLES)
    assert len(people.tables) == len(TABLES)
    assert "surveys" in people.tables
    assert "trainees" not in people.tables
    with pytest.raises(KeyError):
        people.tables["trainees"]
    assert people.tables["roles"] is people.tables["roles"]
    again = pickle.loads(pickle.dumps(people))
    for name, frame in people.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], frame)
        assert isinstance(frame.index, pd.RangeIndex)
    assert "S2019" not in repr(people.tables)


def test_a_later_census_shows_the_same_records_for_longer() -> None:
    early = simulate_trainees(5, scale=2.0, census_date="2023-01-15")
    late = simulate_trainees(5, scale=2.0, census_date="2030-01-15")
    census = early.census_date
    for name, table in TABLES.items():
        then, later = early.tables[name], late.tables[name]
        later = later[later[table.date] <= census].reset_index(drop=True)
        if table.end is not None:
            later[table.end] = later[table.end].where(later[table.end] <= census)
        pd.testing.assert_frame_equal(then, later)
        assert len(late.tables[name]) > len(then)


def test_times_are_told_in_months() -> None:
    assert simulated().resolution == "month"


# ------------------------------------------------------------- loading


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_tables_load_without_a_rejected_row(kind: str, tmp_path: Path) -> None:
    people = simulated()
    names = write_tables(people, tmp_path / "scheme", kind)
    assert "No row is a person" in (tmp_path / "scheme" / "SYNTHETIC.md").read_text("utf-8")
    assert names == [f"{name}.{kind}" for name in ("trainees", *TABLES)]
    checked = load_trainees(tmp_path / "scheme")
    assert len(checked.rejected) == 0
    assert len(checked.filled) == 0
    pd.testing.assert_frame_equal(checked.valid.trainees, people.trainees)
    assert (checked.valid.census_date, checked.valid.resolution) == (people.census_date, "month")
    assert list(checked.valid.tables) == list(people.tables)
    for name, frame in people.tables.items():
        pd.testing.assert_frame_equal(checked.valid.tables[name], frame)


def test_a_table_without_a_row_gets_no_file(tmp_path: Path) -> None:
    people = simulate_trainees(2, cohorts=[2019], census_date="2019-09-02")
    assert list(people.tables["surveys"]) == list(simulated().tables["surveys"])
    names = write_tables(people, tmp_path / "early")
    assert names == ["trainees.csv", "placements.csv", "roles.csv", "labour_market.csv"]
    assert len(load_trainees(tmp_path / "early").rejected) == 0


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("kept", encoding="utf-8")
    with pytest.raises(InputError, match="not empty"):
        write_tables(simulated(), tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["mine.csv"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"cohorts": [2019], "census_date": "2019-09-02"},
        {"cohorts": [2019], "scale": 1e-6},
        {"cohorts": [1956], "scale": 1e-6, "census_date": "2023-09-01"},
        {"cohorts": [2098], "census_date": "2100-02-28"},
    ],
)
def test_few_people_and_early_or_late_days_give_tables_all_the_same(
    arguments: dict[str, object],
) -> None:
    people = simulate_trainees(2, **arguments)
    for name, frame in people.tables.items():
        columns = simulated().tables[name].dtypes
        assert dict(frame.dtypes) == dict(columns), name
        if TABLES[name].personal and len(frame):
            checked = load_trainees(
                people.trainees, tables={name: frame}, census_date=people.census_date
            )
            assert checked.summary()["rejected"].sum() == 0


# ------------------------------------------------------- dates in order


@pytest.mark.parametrize("name", ["placements", "surveys", "assessments", "roles"])
def test_nothing_is_dated_past_what_was_seen(name: str) -> None:
    table, frame = TABLES[name], of_trainees(many(), name)
    for column in filter(None, (table.date, table.end)):
        assert (frame[column].dropna() <= many().census_date).all()
        assert (frame[column] <= frame["t_last_seen_date"]).where(frame[column].notna(), True).all()
    assert not (frame[table.date] >= frame["t_leave_nhs_date"]).any()
    if name != "roles":
        assert (frame[table.date] >= frame["t_start_date"]).all()
        assert (frame[table.date] < frame["t_scheme_end_date"]).all() or name == "surveys"
        assert not (frame[table.date] >= frame["t_leave_scheme_date"]).any()
    assert not frame.duplicated(list(table.unique)).any()
    assert list(simulated().tables[name]) == [column.name for column in table.columns]


@pytest.mark.parametrize("name", ["placements", "roles"])
def test_one_ends_the_day_before_the_next_begins(name: str) -> None:
    frame = of_trainees(many(), name)
    frame = frame[frame["start_date"] >= frame["t_start_date"]]
    following = frame.groupby("trainee_id")["start_date"].shift(-1)
    followed = following.notna()
    assert followed.sum() > 5000
    assert (frame.loc[followed, "end_date"] + DAY == following[followed]).all()
    last = frame[~followed]
    open_ = last["end_date"].isna()
    assert open_.sum() > 1000
    # Whoever is seen to leave has an end; all who have none are there when last seen.
    assert last.loc[open_, "t_leave_nhs_date"].isna().all()


def test_the_end_of_a_placement_tells_no_leaving_before_its_day() -> None:
    frame = of_trainees(many(), "placements")
    gone = frame[["t_leave_scheme_date", "t_leave_nhs_date"]].min(axis=1)
    cut = frame["end_date"] == gone
    last = frame.groupby("trainee_id").tail(1).index
    early = (gone < frame["t_scheme_end_date"] - DAY).loc[last]
    assert cut.sum() > 500
    planned = {"orientation", "first", "flexi", "second"}
    assert set(frame.loc[cut, "placement_type"]) <= planned
    between = add_months(to_days(frame["t_start_date"]), 12) == to_days(gone)
    between |= add_months(to_days(frame["t_start_date"]), 14) == to_days(gone)
    assert (cut.loc[last] | between[last])[early].all()
    completed = frame["end_date"] == frame["t_scheme_end_date"] - DAY
    assert completed.groupby(frame["trainee_id"]).sum().max() == 1
    left_then = frame["t_leave_nhs_date"] == frame["t_scheme_end_date"]
    assert (completed | (frame["placement_type"] != "second"))[left_then].all()


@pytest.mark.parametrize("month", [6, 12, 14, 19, 24])
def test_on_the_day_of_leaving_the_records_look_like_those_of_stayers(month: int) -> None:
    people = many()
    frame = people.trainees[people.trainees["specialism"] != "Finance"]
    on = add_months(to_days(frame["start_date"]), month)
    left = to_days(frame["leave_nhs_date"]) == on
    left &= ~(to_days(frame["leave_scheme_date"]) < on)
    stay = ~(to_days(frame["leave_nhs_date"]) <= on) & (to_days(frame["last_seen_date"]) > on)
    stay &= ~(to_days(frame["leave_scheme_date"]) <= on)
    known = known_on(people, frame.index.to_numpy(), on).records("placements")
    last = known.groupby("row")[["placement_type", "end_date"]].tail(1)
    last["ended"] = last.pop("end_date").notna()
    state = last.set_index(known["row"][last.index])
    assert left.sum() > 5
    assert state[stay].nunique().max() == 1
    assert (state[left] == state[stay].iloc[0]).all(axis=None)


# ---------------------------------------------------------- placements


def test_placements_are_those_of_the_scheme() -> None:
    frame = of_trainees(many(), "placements")
    began = frame.pivot_table(
        index="trainee_id", columns="placement_type", values="start_date", aggfunc="first"
    )
    whole = began.dropna().index
    start = frame.groupby("trainee_id")["t_start_date"].first()
    assert (began["orientation"] == start).all()
    first = (began["first"] - began["orientation"]).dropna()
    assert set(first.dt.days) == {assumed.ORIENTATION_DAYS}
    year = months_between(began["orientation"], began["flexi"])
    assert set(year[~np.isnan(year)]) == {12.0}
    flexi = months_between(began.loc[whole, "flexi"], began.loc[whole, "second"])
    assert set(flexi) == {2.0}
    ended = frame[frame["end_date"] == frame["t_scheme_end_date"] - DAY]
    length = months_between(ended["start_date"], ended["end_date"] + DAY)
    finance = ended["t_specialism"] == "Finance"
    assert set(length[finance]) == {16.0}
    assert set(length[~finance]) == {10.0}


def test_one_region_two_organisations_and_both_kinds_of_work() -> None:
    frame = of_trainees(many(), "placements")
    assert (frame["region"] == frame["t_region"]).all()
    hosts, commutes = (
        frame.pivot_table(
            index="trainee_id", columns="placement_type", values=column, aggfunc="first"
        )
        for column in ("organisation", "commute_minutes")
    )
    both = hosts.dropna(subset=["second"])
    assert (both["first"] != both["second"]).all()
    assert (hosts["orientation"] == hosts["first"])[hosts["first"].notna()].all()
    focus = frame[frame["placement_type"].isin(["first", "second"])]
    kinds = focus.groupby("trainee_id")["focus"].nunique()
    assert (kinds[both.index] == len(FOCUSES)).all()
    share = (focus.loc[focus["placement_type"] == "first", "focus"] == "operational").mean()
    assert 0.47 < share < 0.53
    assert (frame["focus"].isna() == (frame["placement_type"] == "orientation")).all()
    first = frame[frame["placement_type"] == "first"]
    assert (first["commute_minutes"] == first["t_commute_minutes"]).all()
    assert frame["commute_minutes"].between(5, 90).all()
    assert abs(commutes["second"].corr(commutes["first"])) < 0.05


def test_organisations_have_one_region_type_and_a_few_managers() -> None:
    frame = pd.concat([many().tables["placements"], many().tables["roles"]])
    by_code = frame.groupby("organisation")
    assert by_code[["region", "organisation_type"]].nunique().max().max() == 1
    codes = frame[["organisation", "region"]].drop_duplicates()
    prefix = codes["region"].map(assumed.REGION_CODES)
    assert (codes["organisation"].str[:3] == prefix).all()
    assert len(codes) == 7 * sum(assumed.ORGANISATION_TYPES.values())
    placed = many().tables["placements"]
    managers = placed.groupby("organisation")["manager"].nunique()
    assert managers.max() == assumed.MANAGERS
    assert (placed["manager"].str.rsplit("-", n=1).str[0] == placed["organisation"]).all()


# --------------------------------------------------------------- roles


def test_posts_after_the_scheme_are_those_of_all_who_stay() -> None:
    people = many()
    frame = of_trainees(people, "roles")
    after = frame[frame["start_date"] >= frame["t_start_date"]]
    first = after.groupby("trainee_id").head(1)
    trainees = people.trainees.set_index("trainee_id")
    end, left = trainees["scheme_end_date"], trainees["leave_nhs_date"]
    withdrew = trainees["leave_scheme_date"]
    completed = withdrew.isna() & ~(left <= end) & (trainees["last_seen_date"] >= end)
    stayed = withdrew.notna() & ~(left <= withdrew) & (trainees["last_seen_date"] > withdrew)
    assert set(first["trainee_id"]) == set(trainees.index[completed | stayed])
    by_id = first.set_index("trainee_id")["start_date"]
    assert (by_id[trainees.index[completed]] == end[completed]).all()
    assert (by_id[trainees.index[stayed]] == withdrew[stayed] + DAY).all()
    last = after.groupby("trainee_id").tail(1)
    gone = last["t_leave_nhs_date"].notna()
    assert (last.loc[gone, "end_date"] == last.loc[gone, "t_leave_nhs_date"]).all()
    served = months_between(after["start_date"], after["end_date"] + DAY)
    moved = after["end_date"].notna() & (after["end_date"] != after["t_leave_nhs_date"])
    assert served[moved].min() >= assumed.ROLE_LEAST_MONTHS - 0.1


def test_posts_rise_in_band_and_mostly_stay_in_the_region() -> None:
    frame = of_trainees(many(), "roles")
    after = frame[frame["start_date"] >= frame["t_start_date"]]
    rank = after["band"].map({band: k for k, band in enumerate(assumed.BANDS)})
    step = rank.groupby(after["trainee_id"]).diff().dropna()
    assert set(step) == {0.0, 1.0}
    assert 0.5 < step.mean() < 0.62  # promotions stop at the last band
    first = after.groupby("trainee_id").head(1)
    moved = 0.5 * assumed.NEW_REGION
    away = (first["region"] != first["t_region"]).mean()
    assert abs(away - moved) < 4 * np.sqrt(moved / len(first))
    assert set(after["fte"]) == {float(each) for each in assumed.FTE}
    senior = after["role"].str.startswith("senior")
    assert (senior == (rank >= assumed.BANDS.index("Band 8a"))).all()
    second = many().tables["placements"].query("placement_type == 'second'")
    host = second.set_index("trainee_id")["organisation"]
    employer = first.set_index("trainee_id")["organisation"]
    both = employer.index.intersection(host.index)
    kept = (employer[both] == host[both]).mean()
    assert abs(kept - 0.5) < 4 * np.sqrt(0.25 / len(both))


def test_earlier_posts_are_those_of_who_worked_in_the_nhs_before() -> None:
    people = many()
    frame = of_trainees(people, "roles")
    before = frame[frame["start_date"] < frame["t_start_date"]]
    trainees = people.trainees
    assert set(before["trainee_id"]) == set(trainees.loc[trainees["prior_nhs"], "trainee_id"])
    assert not before["trainee_id"].duplicated().any()
    assert (before["end_date"] < before["t_start_date"]).all()
    came = before["t_in_service"].astype(bool)
    assert (before.loc[came, "end_date"] + DAY == before.loc[came, "t_start_date"]).all()
    gap = months_between(before["end_date"] + DAY, before["t_start_date"])
    assert (gap[~came] >= 1).all()
    age = (
        before["t_age_at_start"] - months_between(before["start_date"], before["t_start_date"]) / 12
    )
    assert (age >= 18).all()


# ------------------------------------------------------- labour market


def test_the_labour_market_is_an_autoregression_published_six_weeks_late() -> None:
    people = simulate_trainees(1, cohorts=[1956], scale=1e-6, census_date="2099-12-31")
    frame = people.tables["labour_market"]
    assert len(frame) > 1500
    assert (frame["date"].dt.day == 15).all()
    assert (months_between(frame["date"][:-1], frame["date"][1:]) == 1).all()
    assert frame["date"].iloc[0] == pd.Timestamp("1954-11-15")
    assert frame["date"].max() <= people.census_date
    level = frame["unemployment_rate"].to_numpy() - assumed.UNEMPLOYMENT_MEAN
    lag_one = (level[1:] @ level[:-1]) / (level @ level)
    assert abs(lag_one - assumed.UNEMPLOYMENT_AR) < 0.02
    step = np.std(level[1:] - assumed.UNEMPLOYMENT_AR * level[:-1])
    assert abs(step - assumed.UNEMPLOYMENT_SD) < 0.02
    slope = np.polyfit(level, frame["vacancies"], 1)[0]
    assert abs(slope - assumed.VACANCIES_SLOPE) < 5
    assert frame["date"].iloc[0] < people.trainees["start_date"].min() - 365 * DAY


# ---------------------------------------------------------- everything


def test_leaving_has_nothing_to_do_with_the_tables() -> None:
    """Groups by what tables say at the start leave as their true risk says."""
    people = many()
    frame = people.trainees.set_index("trainee_id")
    first = people.tables["placements"].drop_duplicates("trainee_id").set_index("trainee_id")
    left = frame["leave_nhs_date"] <= frame["start_date"] + pd.DateOffset(months=12)
    risk = pd.Series(people.truth.risk[12].to_numpy(), frame.index)
    seen = frame["last_seen_date"] >= frame["start_date"] + pd.DateOffset(months=12)
    known = left | seen
    statistic, groups = 0.0, first["organisation_type"]
    for _, ids in groups[known[groups.index]].groupby(groups):
        expected, variance = risk[ids.index].sum(), (risk * (1 - risk))[ids.index].sum()
        statistic += (left[ids.index].sum() - expected) ** 2 / variance
    assert statistic < chi2.ppf(0.999, groups.nunique())


def test_the_figures_stay_those_published() -> None:
    assert published_figures(simulated()).after_one_year == pytest.approx(0.975, abs=0.015)


def test_all_tables_take_well_under_a_second() -> None:
    dict(simulate_trainees(1).tables)
    begun = time.perf_counter()
    people = simulate_trainees(2)
    assert sum(len(frame) for frame in people.tables.values()) > 80_000
    assert time.perf_counter() - begun < 1
