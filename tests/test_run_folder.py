"""Disclosure control across the published tables."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gmts_models as gm
import gmts_models.experiment
from gmts_models.config import ExperimentConfig
from gmts_models.rare_terms import hide_rare_terms
from gmts_models.run_folder import _rejected, _scores

TRIALS = pd.DataFrame(
    {
        "model": "cox",
        "fold": ["2017-09", None],
        "trial": [0, 1],
        "params": ['{"alpha": 0.1}', '{"alpha": 1.0}'],
        "score": "brier",
        "value": [np.nan, 0.2],
        "seconds": 0.1,
        "error": ["no maximum", None],
        "trainee_id": "T7",
    }
)
SIZES = {"Big": 197, "Bigger": 200, "Tiny": 3}


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """Run on three groups, one of three people; nobody is censored before month 24."""
    folder = tmp_path_factory.mktemp("small group")
    rng = np.random.default_rng(0)
    group = np.repeat(list(SIZES), list(SIZES.values()))
    n = len(group)
    time = np.ceil(rng.exponential(60, n))
    pd.DataFrame(
        {
            "trainee_id": [f"T{i}" for i in range(n)],
            "specialism": group,
            "cohort": np.where(np.arange(n) % 2, "2017-09", "2018-09"),
            "duration_months": np.minimum(time, 24),
            "event": (time <= 24).astype(int),
            "region": np.where(np.arange(n) == 7, "Isle of Man", rng.choice(["N", "S"], n)),
        }
    ).to_csv(folder / "people.csv", index=False)
    config = ExperimentConfig.model_validate(
        {
            "name": "small",
            "data": {"source": "file", "path": str(folder / "people.csv"), "scheme": "any"},
            "horizons": [12, 24],
            "features": ["specialism", "region"],
            "models": [
                {"kind": "kaplan_meier"},
                {"kind": "cox", "alpha": 1.0},
                {"kind": "hierarchical_cox", "alpha": 1.0},
                {"kind": "cox_elastic_net", "folds": 3},
            ],
            "evaluation": {"bootstrap": 30},
            "tracking": {"enabled": False},
            "jobs": 1,
        }
    )
    write = gmts_models.experiment.write_run_folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "gmts_models.experiment.write_run_folder",
            lambda runs, content: write(runs, replace(content, trials=TRIALS)),
        )
        run = gm.run_experiment(config, store=folder / "store")
    return {path.stem: pd.read_csv(path) for path in (run.folder / "tables").glob("*.csv")}


def test_a_small_group_and_its_complement_are_hidden_in_every_table(
    tables: dict[str, pd.DataFrame],
) -> None:
    for name in ("Tiny", "Big"):  # without the second, subtraction from the total would tell
        retention = tables["retention"][tables["retention"]["group"] == name]
        assert retention.drop(columns=["group", "horizon_months"]).isna().all(axis=None)
        assert tables["curves"][tables["curves"]["group"] == name].empty
        scores = tables["scores"][tables["scores"]["group"] == name]
        assert scores[["estimate", "lower", "upper", "n"]].isna().all(axis=None)
        assert tables["cohorts"][tables["cohorts"]["specialism"] == name]["n"].isna().all()
    assert tables["retention"].query("group == 'Bigger'")["n"].eq(200).all()
    assert tables["cohorts"].query("specialism == 'Bigger'")["n"].notna().all()


def test_groups_that_borrow_strength_hide_the_same(tables: dict[str, pd.DataFrame]) -> None:
    assert tables["groups"]["group"].tolist() == ["Bigger"]
    assert set(tables["ranks"]["group"]) == {"Bigger"}
    assert tables["ranks"]["rank"].tolist() == [1, 2, 3]
    assert list(tables["groups"]) == [
        "model",
        "term",
        "group",
        "ratio",
        "lower",
        "upper",
        "shrinkage",
    ]
    assert list(tables["group_spread"]) == ["model", "term", "sd", "lower", "upper"]


def test_a_model_without_limits_has_its_coefficients(tables: dict[str, pd.DataFrame]) -> None:
    assert set(tables["coefficients_cox_elastic_net"]) >= {"term", "ratio", "ratio_of"}


def test_the_documentation_lists_the_tables(tables: dict[str, pd.DataFrame]) -> None:
    page = (Path(__file__).parents[1] / "docs" / "run-folder.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`(?:tables/)?([a-z_]+)(?:_MODEL)?\.csv`", page))
    written = {re.sub("^coefficients_.*", "coefficients", name) for name in tables}
    assert listed == written | {"incidence"}


def test_trials_are_written_without_other_columns(tables: dict[str, pd.DataFrame]) -> None:
    expected = TRIALS.drop(columns="trainee_id").astype({"fold": object, "error": object})
    pd.testing.assert_frame_equal(tables["trials"].fillna(""), expected.fillna(""))


def test_a_rare_label_has_no_coefficient(tables: dict[str, pd.DataFrame]) -> None:
    terms = tables["coefficients_cox"].set_index("term")["coefficient"]
    # One person is the reference of region, so every comparison with it goes.
    assert terms.filter(like="region_").isna().all()
    said = tables["coefficients_cox"].set_index("attribute")["reference"]
    assert said["region"].isna().all()
    assert set(said["specialism"]) == {"Big"}
    assert np.isnan(terms["specialism_Tiny"])
    assert np.isfinite(terms["specialism_Bigger"])


def test_calibration_groups_add_up_to_no_small_one(tables: dict[str, pd.DataFrame]) -> None:
    for _, bins in tables["calibration"].groupby(["model", "horizon_months"]):
        hidden = 400 - bins["n"].sum()
        assert hidden == 0 or hidden >= 7


def test_rare_terms() -> None:
    X = pd.DataFrame(
        {
            "route": ["a"] * 20 + ["b"] * 10 + ["c"] * 2,
            "flag": [1.0] * 3 + [0.0] * 29,
            "score": np.arange(32.0),
        }
    )
    X.loc[0, "score"] = np.nan
    terms = ["route_b", "route_c", "flag", "score", "missing: score"]
    shown = hide_rare_terms(pd.DataFrame({"term": terms, "coefficient": 1.0}), X, 5)
    assert dict(shown.to_numpy()) == pytest.approx(
        {
            "route_b": 1.0,
            "route_c": np.nan,
            "flag": np.nan,
            "score": 1.0,
            "missing: score": np.nan,
        },
        nan_ok=True,
    )


def test_rows_of_one_person_are_no_more_people() -> None:
    """Six rows of two people, and a flag that is up in five rows of five."""
    X = pd.DataFrame({"route": ["a"] * 20 + ["b"] * 6 + ["c"] * 6, "flag": [1.0] * 5 + [0.0] * 27})
    people = np.r_[np.arange(20), [20, 21] * 3, np.arange(22, 28)]
    table = pd.DataFrame({"term": ["route_b", "route_c", "flag"], "coefficient": 1.0})
    shown = hide_rare_terms(table, X, 5, people).set_index("term")["coefficient"]
    assert shown.isna().to_dict() == {"route_b": True, "route_c": False, "flag": False}
    assert hide_rare_terms(table, X, 5)["coefficient"].notna().all()
    twice = np.r_[[0, 1, 2, 0, 1], np.arange(5, 32)]
    assert hide_rare_terms(table, X, 5, twice)["coefficient"].isna().tolist() == [
        False,
        False,
        True,
    ]


def test_landmarks_are_no_parts_of_a_total() -> None:
    """A small landmark is hidden alone; the specialisms still hide each other."""
    scores = pd.DataFrame(
        {
            "model": "cox",
            "score": "brier",
            "horizon_months": 12.0,
            "group": ["All", "A", "B", "C", "landmark 0", "landmark 12", "landmark 24"],
            "estimate": 0.1,
            "se": 0.01,
            "lower": 0.05,
            "upper": 0.15,
            "n": [100, 60, 37, 3, 100, 50, 4],
            "left": [20, 12, 7, 1, 10, 8, 2],
            "stayed": [95, 55, 37, 3, 90, 3, 2],
        }
    )
    shown = _scores(scores, 5, frozenset(), (0, 12, 24)).set_index("group")
    assert "stayed" not in shown
    assert shown["n"].isna().to_dict() == {
        "All": False,
        "A": False,
        "B": True,
        "C": True,
        "landmark 0": False,
        "landmark 12": False,
        "landmark 24": True,
    }
    # Three people who stayed, of 50, would be told by how well they are predicted.
    assert shown["estimate"].isna().loc[["landmark 0", "landmark 12", "landmark 24"]].tolist() == [
        False,
        True,
        True,
    ]


def test_rejected_rows_are_hidden_table_by_table() -> None:
    counts = pd.DataFrame(
        {
            "table": ["trainees", "trainees", "placements", "placements"],
            "reason": ["a", "b", "a", "c"],
            "rows": [20, 2, 30, 40],
        }
    )
    shown = _rejected(counts, 5)
    assert shown["reason"].tolist() == ["a", "b", "placements: a", "placements: c"]
    # How many trainees were rejected is published: 22 - 20 would tell the 2.
    assert shown["rows"].isna().tolist() == [True, True, False, False]
    alone = _rejected(counts.drop(columns="table").tail(2), 5)
    assert alone.to_numpy().tolist() == [["a", 30.0], ["c", 40.0]]
    assert list(_rejected(counts.head(0), 5).columns) == ["reason", "rows"]
