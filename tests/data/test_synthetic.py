"""The synthetic scheme: its published figures, its dates, and the truth that comes with it."""

from __future__ import annotations

import datetime as dt
import re
import time
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from scipy import stats

from gmts_models.data.contract.columns import PROTECTED, SPECIALISMS, TRAINEES
from gmts_models.data.endpoints import build_outcome
from gmts_models.data.load import load_trainees
from gmts_models.data.months import add_months, months_between, to_days
from gmts_models.data.people import People
from gmts_models.data.synthetic import assumptions as assumed
from gmts_models.data.synthetic.figures import PUBLISHED, PublishedFigures, published_figures
from gmts_models.data.synthetic.record_assumptions import SURVEY_ITEMS
from gmts_models.data.synthetic.scheme import RISK_MONTHS, simulate_trainees
from gmts_models.errors import InputError
from gmts_models.features.table import build_features
from gmts_models.models.survival.cox import CoxPH
from gmts_models.stats.concordance import concordance
from gmts_models.stats.survival.kaplan_meier import kaplan_meier, survival_at

SEEDS = range(50)
PAGE = (Path(__file__).parents[2] / "docs" / "synthetic.md").read_text(encoding="utf-8")
FEATURES = (
    "age_at_start",
    "prior_nhs",
    "in_service",
    "commute_minutes",
    "joining_survey",
    "degree_class",
    "entry_route",
    "region",
)
FIGURES = ("after_one_year", "at_scheme_end", "earlier_cohorts")


@cache
def simulated(seed: int = 7, scale: float = 1.0) -> People:
    return simulate_trainees(seed, scale=scale)


@cache
def many() -> People:
    """Some 35,000 trainees."""
    return simulated(11, 16.0)


@cache
def mean_figures() -> dict[str, float]:
    """Means over 50 seeds, in per cent."""
    drawn = [published_figures(simulate_trainees(seed)) for seed in SEEDS]
    return {name: 100 * float(np.mean([getattr(each, name) for each in drawn])) for name in FIGURES}


def months_served(frame: pd.DataFrame) -> np.ndarray:
    return months_between(frame["start_date"], frame["last_seen_date"])


def scheme_months(frame: pd.DataFrame) -> np.ndarray:
    return months_between(frame["start_date"], frame["scheme_end_date"])


# ------------------------------------------------------------- figures


@pytest.mark.parametrize("name", FIGURES)
def test_published_figures_on_average(name: str) -> None:
    assert abs(mean_figures()[name] - 100 * getattr(PUBLISHED, name)) < 0.5  # points


def test_the_page_tells_the_means() -> None:
    told = [float(x) for x in re.findall(r"% \| ([\d.]+) %", PAGE)]
    np.testing.assert_allclose(told, [mean_figures()[name] for name in FIGURES], atol=0.1)


def test_the_page_tells_the_hazard_ratios() -> None:
    section = PAGE.split("**Who leaves.**")[1].split("**Protected")[0]
    told = dict(re.findall(r"^\| `([^`]+)` \| ([\d.]+) \|", section, flags=re.MULTILINE))
    ratios = {term: f"{np.exp(value):.2f}" for term, value in assumed.COEFFICIENTS.items()}
    assert told == ratios


def test_the_page_tells_the_effects_on_the_surveys() -> None:
    section = PAGE.split("<!-- survey items -->")[1].split("<!-- end")[0]
    told = re.findall(
        r"^\| `(\w+)` \| ([\d.]+) \| ([-+\d.]+) \| ([-+\d.]+) \|", section, flags=re.M
    )
    assert told == [
        (name, f"{item.mean:.1f}", f"{item.log_hazard:+.1f}", f"{item.decline:+.1f}")
        for name, item in SURVEY_ITEMS.items()
    ]


def test_the_examples_of_the_page_run() -> None:
    examples = re.findall(r"```python\n(.+?)```", PAGE, flags=re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        names: dict[str, object] = {}
        exec(example, names)
        assert len(names["people"]) == len(simulated())


def test_figures_by_hand() -> None:
    frame = pd.DataFrame(
        [
            # start, scheme end, left the NHS, last seen
            ["2018-09-01", "2020-09-01", "2019-09-01", "2019-09-01"],  # gone on the anniversary
            ["2018-09-01", "2020-09-01", "2020-09-01", "2020-09-01"],  # gone with the contract
            ["2018-09-01", "2020-09-01", "2020-09-02", "2020-09-02"],
            ["2018-09-01", "2021-03-01", "2023-01-01", "2023-01-01"],
            ["2018-09-01", "2020-09-01", "2023-01-02", "2023-01-02"],
            ["2018-09-01", "2020-09-01", None, "2019-08-31"],  # lost: counts nowhere
            ["2019-09-01", "2021-09-01", None, "2023-09-01"],
        ],
        columns=["start_date", "scheme_end_date", "leave_nhs_date", "last_seen_date"],
    ).apply(pd.to_datetime)
    figures = published_figures(People(trainees=frame, census_date=pd.Timestamp("2023-09-01")))
    assert figures == PublishedFigures(
        after_one_year=pytest.approx(5 / 6),
        at_scheme_end=pytest.approx(4 / 6),
        earlier_cohorts=pytest.approx(1 / 5),
    )


def test_figures_that_nobody_counts_for_are_missing() -> None:
    def missing(census: str) -> list[str]:
        figures = published_figures(simulate_trainees(1, cohorts=[2018], census_date=census))
        return [name for name in FIGURES if np.isnan(getattr(figures, name))]

    assert missing("2019-08-31") == list(FIGURES)
    assert missing("2019-09-01") == ["at_scheme_end", "earlier_cohorts"]
    assert missing("2022-12-31") == ["earlier_cohorts"]
    assert missing("2023-01-01") == []


def test_figures_need_dates() -> None:
    ready = pd.DataFrame({"duration_months": [1.0], "event": [0]})
    with pytest.raises(InputError, match="need dates"):
        published_figures(People(trainees=ready))


# --------------------------------------------------------------- sizes


def test_expected_sizes_by_hand() -> None:
    # 150 trainees, 20 of them in informatics; the rest as 150 : 110 : 97 of 357.
    sizes = assumed.expected_sizes(2012)
    assert sizes == pytest.approx(
        {
            "Finance": 130 * 110 / 357,
            "General Management": 130 * 150 / 357,
            "Health Informatics": 20,
            "Human Resources": 130 * 97 / 357,
        }
    )
    assert sum(assumed.expected_sizes(2018).values()) == pytest.approx(200)
    assert sum(assumed.expected_sizes(2020).values()) == pytest.approx(220)
    assert assumed.expected_sizes(1956) == pytest.approx({"General Management": 55})


def test_specialisms_come_in_their_years() -> None:
    frame = simulated().trainees
    seen = frame.groupby("specialism")["cohort"].min()
    assert dict(seen) == {
        "Finance": "2011-09",
        "General Management": "2011-09",
        "Health Analysis": "2017-09",
        "Health Informatics": "2011-09",
        "Human Resources": "2011-09",
        "Policy and Strategy": "2016-09",
    }
    counts = frame.groupby(["cohort", "specialism"]).size()
    assert len(counts) == 12 * 4 + 7 + 6
    analysts = frame["specialism"].isin(["Health Analysis", "Policy and Strategy"])
    assert set(frame.loc[analysts, "region"]) == {"London", "North East and Yorkshire"}
    assert frame.loc[~analysts, "region"].nunique() == 7


def test_cohort_sizes_vary_about_the_published_ones() -> None:
    sizes = np.array([len(simulate_trainees(seed, cohorts=[2012])) for seed in range(200)])
    assert abs(sizes.mean() - 150) < 4 * np.sqrt(150 / 200)
    assert 0.7 < sizes.var() / 150 < 1.3  # Poisson


def test_scale_multiplies_the_sizes() -> None:
    tenfold = simulate_trainees(3, cohorts=[2012], scale=10).trainees["specialism"].value_counts()
    for name, size in assumed.expected_sizes(2012).items():
        assert abs(tenfold[name] - 10 * size) < 4.5 * np.sqrt(10 * size)
    tiny = simulate_trainees(3, cohorts=[2018], scale=1e-6)
    assert set(tiny.trainees["specialism"]) == set(SPECIALISMS)
    assert len(tiny) == 6


# --------------------------------------------------------------- frame


def test_the_frame_is_what_loading_it_gives() -> None:
    people = simulated()
    checked = load_trainees(people.trainees, census_date="2023-09-01")
    assert checked.n_rejected == 0
    pd.testing.assert_frame_equal(checked.valid.trainees, people.trainees)
    left_out = {"first_seen_date", "entry_months", "duration_months", "event"}
    assert list(people.trainees) == [x.name for x in TRAINEES if x.name not in left_out]
    assert people.trainees.loc[0, "trainee_id"] == "S2011-0001"
    assert (people.synthetic, people.source) == (True, "synthetic scheme, seed 7")
    assert people.census_date == pd.Timestamp("2023-09-01")


def test_same_seed_same_people() -> None:
    again = simulate_trainees(7)
    pd.testing.assert_frame_equal(again.trainees, simulated().trainees)
    pd.testing.assert_frame_equal(again.truth.risk, simulated().truth.risk)
    assert not simulate_trainees(8).trainees.equals(again.trainees)
    drawn = simulate_trainees(np.random.default_rng(7))
    pd.testing.assert_frame_equal(drawn.trainees, again.trainees)
    assert drawn.source == "synthetic scheme, drawn from a generator"


def test_the_order_of_the_cohorts_does_not_matter() -> None:
    one = simulate_trainees(2, cohorts=[2019, 2015])
    other = simulate_trainees(2, cohorts=np.array([2015, 2019]))
    pd.testing.assert_frame_equal(one.trainees, other.trainees)
    assert one.census_date == pd.Timestamp("2020-09-01")


@pytest.mark.parametrize(
    ("cohorts", "scale"),
    [
        (range(2011, 2023), 1),
        ([2021], 100),  # nobody has completed by the early census
    ],
)
def test_a_later_census_shows_the_same_lives_for_longer(cohorts: list[int], scale: float) -> None:
    early = simulate_trainees(5, cohorts=cohorts, scale=scale, census_date="2023-01-15")
    late = simulate_trainees(5, cohorts=cohorts, scale=scale, census_date="2030-01-15")
    census = early.census_date
    for name in ("leave_scheme_date", "leave_nhs_date", "last_seen_date"):
        then, later = early.trainees[name], late.trainees[name]
        if name == "last_seen_date":
            assert (then == later.clip(upper=census)).all()
        else:
            assert then.dropna().equals(later[later <= census])
            assert (later > census).sum() > 0
    pd.testing.assert_frame_equal(early.truth.risk, late.truth.risk)


# --------------------------------------------------------------- dates


def test_dates_are_consistent() -> None:
    people = simulated(7, 4.0)
    frame, census = people.trainees, people.census_date
    start, end = frame["start_date"], frame["scheme_end_date"]
    left, withdrew = frame["leave_nhs_date"], frame["leave_scheme_date"]
    assert (start.dt.strftime("%Y-%m") == frame["cohort"]).all()
    assert (start.dt.day == 1).all()
    length = frame["specialism"].map({"Finance": 30}).fillna(24).to_numpy()
    assert (to_days(end) == add_months(to_days(start), length)).all()
    assert (left.dropna() > start[left.notna()]).all()
    assert left.max() <= census
    assert withdrew.max() <= census
    assert (frame["last_seen_date"] <= census).all()
    assert (frame.loc[left.notna(), "last_seen_date"] == left.dropna()).all()
    early = left < end
    assert (withdrew[early] <= left[early]).all()
    assert (withdrew[early] == left[early]).mean() > 0.9
    assert withdrew[left == end].isna().all()
    assert (withdrew.dropna() < end[withdrew.notna()]).all()
    served = months_served(frame)[left.notna()]
    assert (served == np.round(served)).all()


def test_a_few_withdraw_but_stay_and_a_few_are_lost() -> None:
    frame = many().trainees
    stayed_after = frame["leave_scheme_date"].notna() & frame["leave_nhs_date"].isna()
    assert 0.008 < stayed_after.mean() < 0.03
    lost = frame["leave_nhs_date"].isna() & (frame["last_seen_date"] < many().census_date)
    assert 0.01 < lost.mean() < 0.02


def test_whole_cohorts_are_censored_together_at_whole_years() -> None:
    frame = simulated().trainees
    stayed = frame["last_seen_date"] == pd.Timestamp("2023-09-01")
    stayed &= frame["leave_nhs_date"].isna()
    served = pd.Series(months_served(frame))[stayed]
    for cohort, months in served.groupby(frame["cohort"]):
        assert set(months) == {12.0 * (2023 - int(cohort[:4]))}


def test_every_endpoint_can_be_built() -> None:
    people = simulated(7, 4.0)
    withdrawn = build_outcome(people, "left_scheme").y
    assert 0.05 < withdrawn.left.mean() < 0.11
    after = build_outcome(people, "post_scheme").y
    assert 0.03 < (after.left & (after.exit == 0)).mean() < 0.08


def test_destinations() -> None:
    frame = many().trainees
    left = frame["leave_nhs_date"].notna()
    assert frame.loc[~left, "destination"].isna().all()
    known = frame.loc[left, "destination"].dropna()
    n = int(left.sum())
    assert abs(1 - len(known) / n - assumed.UNKNOWN_DESTINATION) < 4 * np.sqrt(0.2 * 0.8 / n)
    shares = known.value_counts(normalize=True)
    for name, share in assumed.DESTINATION.items():
        assert abs(shares[name] - share) < 4 * np.sqrt(share * (1 - share) / len(known))


# ---------------------------------------------------------- attributes


def test_a_quarter_does_not_answer_the_survey() -> None:
    people = many()
    recorded, score = people.trainees["joining_survey"], people.truth.design["joining_survey"]
    missing = recorded.isna()
    assert abs(missing.mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / len(people))
    assert (recorded[~missing] == score[~missing]).all()
    difference = score[missing].mean() - score[~missing].mean()
    assert abs(difference) < 4 * score.std() * np.sqrt(1 / missing.sum() + 1 / (~missing).sum())


def test_the_design_repeats_the_attributes() -> None:
    people = simulated()
    frame, design = people.trainees, people.truth.design
    assert list(design) == list(people.truth.coefficients)
    assert (design["prior_nhs"] == frame["prior_nhs"].astype(float)).all()
    assert (design["region_London"] == (frame["region"] == "London")).all()
    assert (design["degree_class_other"] == (frame["degree_class"] == "other")).all()
    assert (frame["prior_nhs"] | ~frame["in_service"]).all()
    protected = {term for term in design if term.startswith(PROTECTED)}
    assert protected == {"age_at_start"}  # gender, ethnicity and disability have no effect


def test_the_design_has_the_names_of_the_encoder() -> None:
    table = build_features(simulated(), features=["specialism", *FEATURES])
    model = CoxPH(strata="specialism").fit(table.X, table.y)
    assert set(model.terms_) - set(simulated().truth.coefficients) == {"missing: joining_survey"}
    assert set(simulated().truth.coefficients) <= set(model.terms_)


# -------------------------------------------------------------- hazard


def test_the_baseline_by_hand() -> None:
    hazard = assumed.cumulative_baseline(24, 40)
    assert hazard[[0, 1, 12]] == pytest.approx([0, 0.00175, 12 * 0.00175])
    assert hazard[23] == pytest.approx(12 * 0.00175 + 11 * 0.0022)
    assert hazard[24] - hazard[23] == pytest.approx(0.0505)
    assert hazard[27] - hazard[26] == pytest.approx(0.00313 + 0.0060)
    finance = assumed.cumulative_baseline(30, 46)
    np.testing.assert_allclose(np.diff(finance)[29:], np.diff(hazard)[23:])


def test_hazard_is_low_on_the_scheme_and_peaks_after_its_end() -> None:
    frame = many().trainees
    since_end = np.round(months_served(frame) - scheme_months(frame))
    left = frame["leave_nhs_date"].notna().to_numpy()

    def rate(first: int, last: int) -> tuple[float, float]:
        """Leavers a month at risk, with its standard error."""
        at_risk = sum(int((since_end >= month).sum()) for month in range(first, last + 1))
        leavers = int((left & (since_end >= first) & (since_end <= last)).sum())
        return leavers / at_risk, np.sqrt(leavers) / at_risk

    (on, on_se), (at, at_se) = rate(-24, -1), rate(0, 0)
    (peak, peak_se), (later, later_se) = rate(2, 5), rate(24, 48)
    assert at - peak > 4 * np.hypot(at_se, peak_se)
    assert peak - later > 4 * np.hypot(peak_se, later_se)
    assert later - on > 4 * np.hypot(later_se, on_se)
    assert on < 0.004
    assert 0.04 < at < 0.07


@pytest.mark.parametrize("length", ["Finance", "others"])
def test_many_leave_exactly_at_completion(length: str) -> None:
    frame = many().trainees
    part = frame[(frame["specialism"] == "Finance") == (length == "Finance")]
    served = months_served(part)[part["leave_nhs_date"].notna()]
    end = 30 if length == "Finance" else 24
    neighbours = max(np.sum(served == end - 1), np.sum(served == end + 1))
    assert np.sum(served == end) > 4 * neighbours


def risk_z(people: People, groups: pd.Series) -> np.ndarray:
    """Empirical less true retention, in standard errors, by group and month within follow-up."""
    y, risk = build_outcome(people).y, people.truth.risk
    found = []
    for rows in groups.groupby(groups).indices.values():
        months = [month for month in RISK_MONTHS if month <= y.exit[rows].max()]
        curve = survival_at(kaplan_meier(y.exit[rows], y.left[rows]), np.array(months, float))
        expected = 1 - risk.iloc[rows][months].mean().to_numpy()
        found.append((curve.survival - expected) / curve.std_err)
    return np.concatenate(found)


@pytest.mark.parametrize("by", ["risk", "specialism", "cohort"])
def test_true_risk_is_the_share_that_leaves(by: str) -> None:
    """By decile of risk, by specialism, and by cohort with large effects of cohorts."""
    people = simulate_trainees(21, scale=16, cohort_sd=0.5, census_date="2034-09-01")
    groups = people.trainees[by] if by != "risk" else pd.qcut(people.truth.risk[60], 10).cat.codes
    z = risk_z(people, groups)
    assert len(z) >= 60
    assert np.abs(z).max() < 4  # in standard errors of the product-limit estimate
    assert np.mean(z**2) < 2.5  # months of one group go together


def test_true_risk_grows_with_time() -> None:
    risk = simulated().truth.risk
    assert tuple(risk.columns) == RISK_MONTHS
    assert {6, 12, 18, 24, 36, 48, 60} <= set(RISK_MONTHS)
    assert (np.diff(risk.to_numpy(), axis=1) > 0).all()
    assert risk.to_numpy().min() > 0
    assert risk.to_numpy().max() < 1
    assert (risk.index == simulated().trainees.index).all()


def test_c_of_the_true_risk() -> None:
    people = simulated(7, 4.0)
    y = build_outcome(people).y
    found = concordance(people.truth.risk[60], y.exit, y.left)
    c, se = found.concordance, found.std_err
    assert c - 2 * se > 0.62
    assert c + 2 * se < 0.68


def test_cohorts_differ_as_told() -> None:
    def effects(sd: float) -> pd.Series:
        people = simulate_trainees(4, cohort_sd=sd, cohorts=range(1960, 2020))
        hazard = -np.log1p(-people.truth.risk[12])
        fixed = people.truth.design @ pd.Series(people.truth.coefficients)
        own = np.log(hazard) - fixed
        managers = people.trainees["specialism"] == "General Management"
        assert own[managers].groupby(people.trainees["cohort"]).std().max() < 1e-9
        return own[managers].groupby(people.trainees["cohort"]).mean()

    assert effects(0).std() < 1e-9
    ratio = effects(0.3).var() / 0.3**2  # chi-squared on 59 degrees of freedom over 59
    assert stats.chi2.ppf(1e-4, 59) / 59 < ratio < stats.chi2.ppf(1 - 1e-4, 59) / 59


@pytest.mark.slow
def test_a_stratified_cox_fit_recovers_the_coefficients() -> None:
    people = many()
    y = build_outcome(people).y
    frame = people.truth.design.assign(
        exit=y.exit,
        left=y.left,
        specialism=people.trainees["specialism"],
        cohort=people.trainees["cohort"],
    )
    fitter = CoxPHFitter().fit(frame, "exit", "left", strata=["specialism", "cohort"])
    truth = pd.Series(people.truth.coefficients)
    difference = fitter.params_[truth.index] - truth
    z = difference / fitter.standard_errors_[truth.index]
    assert z.abs().max() < 4
    assert abs(z.mean()) < 1
    variance = fitter.variance_matrix_.loc[truth.index, truth.index].to_numpy()
    wald = difference.to_numpy() @ np.linalg.solve(variance, difference.to_numpy())
    assert wald < stats.chi2.ppf(0.9999, len(truth))
    assert fitter.standard_errors_["region_London"] < 0.06  # else the test could not fail


# ----------------------------------------------------- errors and speed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cohorts": []}, "no cohort"),
        ({"cohorts": range(2022, 2011)}, "no cohort"),
        ({"cohorts": [2019, 2019]}, "given twice"),
        ({"cohorts": [1955]}, "1956 to 2100"),
        ({"cohorts": [2019.5]}, "1956 to 2100"),
        ({"cohorts": ["2019"]}, "1956 to 2100"),
        ({"cohorts": 2019}, "1956 to 2100"),
        ({"census_date": "2022-09-01"}, "not after the start of the last cohort"),
        ({"census_date": "soon"}, "not a day"),
        ({"census_date": np.datetime64("NaT")}, "not a day"),
        ({"scale": 0}, "scale must be"),
        ({"scale": np.nan}, "scale must be"),
        ({"scale": "2"}, "scale must be"),
        ({"cohort_sd": -0.1}, "cohort_sd must be"),
        ({"seed": -1}, "seed must be"),
        ({"seed": 1.0}, "seed must be"),
        ({"seed": True}, "seed must be"),
    ],
)
def test_wrong_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        simulate_trainees(**arguments)


@pytest.mark.parametrize(
    "census", ["2022-09-02", dt.date(2022, 9, 2), pd.Timestamp("2022-09-02"), "2nd Sep 2022"]
)
def test_a_census_may_be_written_in_several_ways(census: object) -> None:
    people = simulate_trainees(1, census_date=census)
    assert people.census_date == pd.Timestamp("2022-09-02")


def test_two_thousand_trainees_take_well_under_a_second() -> None:
    simulate_trainees(1)
    begun = time.perf_counter()
    simulate_trainees(2)
    assert time.perf_counter() - begun < 0.5
