"""What models fitted to everyone say, and what of it stays hidden."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import gmts_models as gm
from gmts_models.models.exits.cause_specific import CauseSpecificCox
from gmts_models.models.exits.fine_gray import FineGray
from gmts_models.models.hazards.discrete_time import DiscreteTimeHazard
from gmts_models.models.hierarchical.cox import HierarchicalCox
from gmts_models.models.hierarchical.hazard import HierarchicalHazard
from gmts_models.models.survival.cox_elastic_net import CoxElasticNet
from gmts_models.models.survival.cox_time_effects import CoxTimeEffects
from gmts_models.models.survival.parametric import WeibullAFT
from gmts_models.outcome import Outcome
from gmts_models.rare_terms import hide_rare_causes, hide_rare_terms
from gmts_models.run_fits import (
    coefficient_table,
    fit_to_everyone,
    group_tables,
    hidden_labels,
)

SIZES = {"Finance": 90, "Health": 80, "Policy": 70, "Rare": 3}


def _people(seed: int = 0) -> tuple[pd.DataFrame, Outcome]:
    """Four specialisms, one of three people; two causes, one of which is of two people."""
    rng = np.random.default_rng(seed)
    group = np.repeat(list(SIZES), list(SIZES.values()))
    n = len(group)
    X = pd.DataFrame(
        {
            "specialism": group,
            "region": rng.choice(["N", "S"], n),
            "score": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
        }
    )
    time = np.ceil(rng.exponential(30, n))
    event = np.where(time > 36, 0, 1)
    event[np.flatnonzero(event)[:2]] = 2
    return X, Outcome(np.zeros(n), np.minimum(time, 36), event, causes=("private", "study"))


@pytest.mark.parametrize(
    ("model", "of"),
    [
        (gm.CoxPH(alpha=1.0), "hazard"),
        (CoxElasticNet(folds=3), "hazard"),
        (WeibullAFT(alpha=1.0), "time"),
        (DiscreteTimeHazard(alpha=1.0), "odds"),
        (FineGray(alpha=1.0), "subdistribution hazard"),
        (CauseSpecificCox(alpha=1.0), "hazard"),
        (HierarchicalCox(by="region"), "hazard"),
        (HierarchicalHazard(by="region"), "odds"),
        (HierarchicalHazard(by="region", link="cloglog"), "hazard"),
    ],
)
def test_each_term_has_its_attribute_and_reference(model: Any, of: str) -> None:
    X, y = _people()
    fitted = model.fit(X, y)
    table = coefficient_table(fitted)
    assert list(table.columns[-4:]) == ["attribute", "label", "reference", "ratio_of"]
    assert set(table["ratio_of"]) <= {of}
    said = table.drop_duplicates("term").set_index("term")[["attribute", "label", "reference"]]
    expected = {
        "specialism_Health": ("specialism", "Health", "Finance"),
        "score": ("score", None, None),
        "missing: score": ("score", "missing", None),
    }
    found = {term: tuple(row) for term, row in zip(said.index, said.to_numpy(), strict=True)}
    for term, row in expected.items():
        if not isinstance(model, CoxElasticNet) or term in found:  # which keeps few
            assert found[term] == row
    assert "region_S" not in found or found["region_S"] == ("region", "S", "N")


def test_products_with_time_are_of_their_attribute() -> None:
    X, y = _people()
    table = coefficient_table(CoxTimeEffects({"region": "log"}).fit(X[["region", "score"]], y))
    product = table[table["term"].str.contains(" x ")].iloc[0]
    assert (product["attribute"], product["label"], product["reference"]) == ("region", "S", "N")
    # The product says as much of a few people as the term itself.
    few = X[["region", "score"]].assign(region=np.where(np.arange(len(X)) < 3, "S", "N"))
    shown = hide_rare_terms(table, few, 5)
    assert (
        shown.loc[shown["term"].str.startswith("region_S"), "ratio"].isna().tolist() == [True] * 2
    )


def test_a_rare_reference_is_hidden_wherever_gaps_sort() -> None:
    """The gap is never the reference, though "missing" may come first by alphabet."""
    X = pd.DataFrame({"route": ["x"] * 2 + ["y"] * 20 + [None] * 10})
    table = pd.DataFrame(
        {
            "term": ["route_y", "missing: route"],
            "ratio": 1.0,
            "attribute": "route",
            "label": ["y", "missing"],
            "reference": "x",
            "ratio_of": "hazard",
        }
    )
    shown = hide_rare_terms(table, X, 5)
    assert shown["ratio"].isna().all()
    assert shown["reference"].isna().all()
    assert shown["label"].tolist() == ["y", "missing"]
    common = hide_rare_terms(table, X.iloc[1:].assign(route=["x"] * 20 + ["y"] * 11), 5)
    assert common["reference"].tolist() == ["x", "x"]
    assert common["ratio"].notna().all()


def test_what_a_row_is_about_is_never_blanked() -> None:
    X, y = _people()
    table = hide_rare_terms(coefficient_table(CauseSpecificCox(alpha=1.0).fit(X, y)), X, 5)
    rare = table[table["term"] == "specialism_Rare"]
    assert rare[["coefficient", "ratio", "se", "lower", "upper", "p"]].isna().all(axis=None)
    assert rare["cause"].tolist() == ["private", "study"]
    assert rare["label"].tolist() == ["Rare"] * 2


def test_a_cause_of_few_people_has_no_coefficients() -> None:
    X, y = _people()
    table = coefficient_table(CauseSpecificCox(alpha=1.0).fit(X, y))
    assert set(hide_rare_causes(table, X, y, 5)["cause"]) == {"private"}
    assert set(hide_rare_causes(table, X, y, 2)["cause"]) == {"private", "study"}
    one = coefficient_table(gm.CoxPH(alpha=1.0).fit(X, y))
    assert hide_rare_causes(one, X, y, 5) is one


def test_labels_with_few_leavers_of_a_cause_are_hidden_there_alone() -> None:
    """Of b, three left for study, and of c nobody; of a flag that is up, four."""
    n = 120
    X = pd.DataFrame(
        {
            "route": np.repeat(["a", "b", "c"], 40),
            "flag": np.tile([0.0, 1.0], n // 2),
            "score": np.where(np.arange(n) < 30, np.nan, np.arange(float(n))),
        }
    )
    event = np.ones(n, dtype=int)
    event[[*range(31, 39), 40, 42, 44]] = 2
    y = Outcome(np.zeros(n), np.ones(n), event, causes=("private", "study"))
    terms = ["route_b", "route_c", "flag", "score", "missing: score", "route_b x time"]
    table = pd.DataFrame(
        {"cause": np.repeat(["private", "study"], 6), "term": terms * 2, "ratio": 1.0}
    )
    shown = hide_rare_causes(table, X, y, 5).set_index(["cause", "term"])["ratio"]
    assert shown["private"].notna().all()
    assert shown["study"].dropna().index.tolist() == ["score"]
    # As the reference, a label with few leavers takes the others with it.
    against_b = table.assign(term=table["term"].str.replace("route_b", "route_a"))
    first = hide_rare_causes(against_b, X.replace({"route": {"b": "0"}}), y, 5)
    left = first[first["cause"] == "study"].dropna()
    assert left["term"].tolist() == ["score"]


# ---------------------------------------------------------------- groups


def _outcome(groups: dict[str, tuple[int, int]]) -> tuple[np.ndarray, Outcome]:
    """People by group, as (people, of whom so many left)."""
    labels = np.repeat(list(groups), [n for n, _ in groups.values()])
    left = np.concatenate([np.arange(n) < leavers for n, leavers in groups.values()])
    return labels, Outcome(np.zeros(len(left)), np.full(len(left), 9.0), left.astype(int))


@pytest.mark.parametrize(
    ("groups", "hidden"),
    [
        ({"A": (50, 20), "B": (40, 20), "C": (30, 10)}, set()),
        # Effects add up to 0, so the next smallest goes too.
        ({"A": (50, 20), "B": (40, 20), "C": (3, 1)}, {"B", "C"}),
        ({"A": (50, 20), "B": (40, 20), "C": (30, 4)}, {"B", "C"}),
        ({"A": (50, 20), "B": (40, 20), "C": (30, 27)}, {"B", "C"}),
        # That nobody left is told of everyone by the curve.
        ({"A": (50, 20), "B": (40, 20), "C": (30, 0)}, set()),
        ({"A": (50, 2), "B": (40, 20), "C": (3, 1)}, {"A", "B", "C"}),
        ({"A": (3, 1)}, {"A"}),
    ],
)
def test_groups_that_may_not_be_shown(groups: dict[str, tuple[int, int]], hidden: set[str]) -> None:
    labels, y = _outcome(groups)
    assert hidden_labels(labels, y, 5) == hidden
    assert hidden_labels(labels, y, 1) == set()


def test_rows_of_one_person_are_no_more_people() -> None:
    n = 40
    people = np.r_[np.arange(20), np.repeat([20, 21, 22, 23], 5)]
    entry = np.r_[np.zeros(20), np.tile(np.arange(5.0), 4)]
    last = np.r_[np.ones(20, bool), np.tile(np.arange(5) == 4, 4)]
    event = (last & (np.arange(n) % 2 == 0)).astype(int)
    y = Outcome(entry, entry + 1, event, ids=people)
    assert hidden_labels(np.repeat(["A", "B"], 20), y, 5) == {"A", "B"}


@pytest.mark.parametrize("model", [HierarchicalCox, HierarchicalHazard])
def test_tables_of_groups_leave_small_ones_out(model: Any) -> None:
    X, y = _people()
    fitted = model(crossed="region", slopes="score").fit(X, y)
    before = fitted.groups_.copy(), fitted.variance_.copy()
    found = group_tables("mine", fitted, X, y, 5)
    assert set(found.groups["model"]) == {"mine"}
    shown = found.groups.groupby("term", sort=False)["group"].agg(list).to_dict()
    assert shown == {
        "specialism": ["Finance", "Health"],  # Policy would tell of Rare
        "region": ["N", "S"],
        "score by specialism": ["Finance", "Health"],
    }
    mine = found.groups.set_index(["term", "group"])["ratio"]
    theirs = fitted.groups_.set_index(["term", "group"])["ratio"]
    pd.testing.assert_series_equal(mine, theirs[mine.index])
    assert found.spread["sd"].tolist() == fitted.variance_["sd"].tolist()
    ranks = found.ranks.pivot_table("probability", "group", "rank")
    np.testing.assert_allclose(ranks, fitted.rank_probabilities().loc[["Finance", "Health"]])
    assert list(ranks.columns) == [1, 2, 3, 4]
    pd.testing.assert_frame_equal(fitted.groups_, before[0])
    pd.testing.assert_frame_equal(fitted.variance_, before[1])


def test_slopes_of_labels_are_hidden_by_pair() -> None:
    X, y = _people()
    fitted = HierarchicalCox(slopes="region").fit(X, y)
    found = group_tables("mine", fitted, X, y, 1)
    pairs = found.groups.query("term == 'region by specialism'")["group"]
    assert set(pairs) >= {"Finance | N", "Health | S"}
    shown = set(group_tables("mine", fitted, X, y, 5).groups["group"])
    assert not [group for group in shown if group.startswith("Rare")]


# ------------------------------------------------------------ everything


def test_models_are_looked_into() -> None:
    people = gm.simulate_trainees(seed=7, cohorts=[2013, 2014])
    table = gm.build_features(people, features=["specialism", "commute_minutes"])
    pooled = gm.Grouped(gm.CoxPH(), pooling="partial")
    models = {
        "apart": gm.Grouped(gm.CoxPH(alpha=1.0), pooling="none"),
        "alike": gm.Grouped(gm.CoxPH(), pooling="full"),
        "partly": pooled,
        "tuned": gm.Tuned(pooled, {"estimator__alpha": [0.0, 1.0]}, horizons=[12], folds=2),
        "net": CoxElasticNet(folds=3),
        "curve": gm.KaplanMeier(),
        "level": gm.CoxFirth(level=0.9),
    }
    found = fit_to_everyone(models, table, level=0.95, threshold=5)
    assert list(found.coefficients) == ["alike", "partly", "tuned", "net"]
    assert "specialism" not in set(found.coefficients["alike"]["attribute"])
    assert found.groups is not None
    assert set(found.groups.groups["model"]) == {"partly", "tuned"}
    assert found.trials is not None
    assert found.trials["model"].tolist() == ["tuned", "tuned"]
    nothing = fit_to_everyone({"curve": gm.KaplanMeier()}, table, level=0.95, threshold=5)
    assert (nothing.coefficients, nothing.groups, nothing.trials) == ({}, None, None)
