"""Whether there are enough people for a model, before it is fitted."""

from __future__ import annotations

import numpy as np
import pytest

import gmts_models as gm
from gmts_models.errors import FitError, SampleSizeWarning
from gmts_models.features.table import FeatureTable
from gmts_models.models.checks.sample_size import check_sample_size
from gmts_models.models.grouped import Grouped


@pytest.fixture(scope="module")
def table() -> FeatureTable:
    return gm.build_features(gm.simulate_trainees(seed=7), features=["specialism", "region"])


def test_counts_are_those_of_the_table(table: FeatureTable) -> None:
    found = check_sample_size(table)
    assert found is not None
    assert found.overall.people == len(table)
    assert found.overall.events == int(table.y.left.sum())
    assert found.overall.parameters == 5 + table.X["region"].nunique(dropna=False) - 1
    frame = found.to_frame().set_index("group")
    assert frame["people"].sum() == len(table)
    finance = table.specialism.to_numpy() == "Finance"
    assert frame.loc["Finance", "left"] == table.y.left[finance].sum()
    assert frame["events_per_parameter"].sum() == pytest.approx(found.overall.events_per_parameter)


def test_strata_and_pools_have_no_effects(table: FeatureTable) -> None:
    everything = check_sample_size(table)
    stratified = check_sample_size(table, gm.CoxPH(strata="specialism"))
    apart = check_sample_size(table, Grouped(gm.CoxPH(), pooling="none"))
    assert everything is not None
    assert stratified is not None
    assert apart is not None
    assert stratified.overall.parameters == everything.overall.parameters - 5
    assert apart.overall.parameters == stratified.overall.parameters
    assert apart.apart
    assert not apart.enough  # Health Analysis has few people
    assert stratified.enough
    assert "by itself" in str(apart)


def test_rows_of_one_person_count_once() -> None:
    people = gm.simulate_trainees(seed=7)
    names = ["specialism", "landmark"]
    stack = gm.build_features(people, landmarks=[0, 6], features=names)
    found = check_sample_size(stack)
    assert found is not None
    assert found.overall.people == len(people)


def test_kaplan_meier_has_no_parameters(table: FeatureTable) -> None:
    assert check_sample_size(table, gm.KaplanMeier()) is None


def test_too_few_people_warn_or_stop() -> None:
    table = gm.build_features(gm.simulate_trainees(seed=7, cohorts=[2015]))
    with pytest.warns(SampleSizeWarning, match="people would be needed"):
        fitted = gm.fit(gm.CoxPH(alpha=1), table)
    assert np.isfinite(fitted.estimator.coef_).all()  # type: ignore[attr-defined]
    with pytest.raises(FitError, match="people would be needed") as error:
        gm.fit(gm.CoxPH(alpha=1), table, strict=True)
    assert error.value.where == "CoxPH"
    gm.fit(gm.CoxPH(alpha=1), table, strict=None)
