"""The product-limit family against survfit: curves, limits, quantiles, restricted means, tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from reference import CLOSED_FORM, Case, against

from gmts_models.stats.survival.kaplan_meier import SurvivalCurve, kaplan_meier, survival_at
from gmts_models.stats.survival.life_table import life_table
from gmts_models.stats.survival.quantiles import survival_quantiles
from gmts_models.stats.survival.restricted_mean import restricted_mean

COLUMNS = {  # entry, exit, left
    "a_km_discrete_tenure": (None, "years", "event"),
    "a_km_edge_cases": (None, "time", "event"),
    "a_km_lefttrunc_physicians": ("entry", "exit", "event"),
    "a_km_lung": (None, "time", "status"),
    "a_km_startstop_heart": ("start", "stop", "event"),
    "a_km_turnover": (None, "stag", "event"),
    "a_km_weights_veteran": (None, "time", "status"),
}
MEAN = ("rmean", "se")
MODEL_BASED = {"robust": False}


def _estimate(
    case: Case, frame: pd.DataFrame, columns: tuple[str | None, str, str], **options: Any
) -> None:
    """Hold every figure of the case against ours; `by` in the options names grouping columns."""
    by = options.pop("by", [])
    rows = {name: _stratum(frame, by, name) for name in case.out["at"]}
    curves = {
        name: kaplan_meier(
            **_arguments(part, columns, options),
            interval=case.out["conf_type"],
            **_settings(options),
        )
        for name, part in rows.items()
    }
    assert [_used(rows[name], columns, options) for name in rows] == case.out["n"]
    for name, curve in curves.items():
        _values_at(case, name, curve, case.out["at"][name], _last_rows(rows[name], options))
    _quantiles(case, curves)
    if "curve" in case.out:
        _whole_curve(case, curves)
    for each in case.out.get("rmst", []):
        for position, (name, part) in enumerate(rows.items()):
            figures = {which: (each[which] or {position: None})[position] for which in MEAN}
            _restricted_mean(
                case, name, curves[name], _arguments(part, columns, options), each["tau"], figures
            )


def _restricted_mean(
    case: Case,
    name: str,
    curve: SurvivalCurve,
    arguments: dict[str, Any],
    until: float,
    want: dict[str, float | None],
) -> None:
    got = restricted_mean(**arguments, until=until, robust=False)
    what = f"{name}, mean to {until}"
    if want["rmean"] is None:
        # R refuses a horizon before the first time; nobody can have left by then.
        assert until < curve.time[0]
        assert (got.mean, got.std_err) == (until, 0)
    else:
        case.agree(what, got.mean, want["rmean"])
        case.agree(f"{what}, std_err", got.std_err, want["se"])


def _stratum(frame: pd.DataFrame, by: list[str], name: str) -> pd.DataFrame:
    if not by:
        return frame
    wanted = dict(part.split("=") for part in name.split(", "))
    keep = pd.Series(True, index=frame.index)
    for column in by:
        # R pads the labels of a factor to one width.
        keep &= frame[column].astype(str).str.strip() == wanted[column].strip()
    return frame[keep]


def _arguments(
    part: pd.DataFrame, columns: tuple[str | None, str, str], options: dict[str, Any]
) -> dict[str, Any]:
    entry, exit_, left = columns
    reverse = options.get("reverse", False)
    return {
        "exit_": part[exit_],
        "left": (part[left] == 0) if reverse else (part[left] == 1),
        "entry": None if entry is None else part[entry],
        "weights": part[options["weights"]] if "weights" in options else None,
        "clusters": part[options["clusters"]] if "clusters" in options else None,
    }


def _settings(options: dict[str, Any]) -> dict[str, Any]:
    own = ("weights", "clusters", "reverse", "ids")
    return {name: value for name, value in options.items() if name not in own}


def _used(part: pd.DataFrame, columns: tuple[str | None, str, str], options: dict[str, Any]) -> int:
    return int((part[columns[1]] >= options.get("start", 0)).sum())


def _last_rows(part: pd.DataFrame, options: dict[str, Any]) -> pd.DataFrame | None:
    """R counts a person whose rows go on as censored nowhere, if it knows the ids."""
    return part[~part.duplicated(options["ids"], keep="last")] if "ids" in options else None


def _values_at(
    case: Case,
    name: str,
    curve: SurvivalCurve,
    want: dict[str, Any],
    last_rows: pd.DataFrame | None,
) -> None:
    times = np.array(want["time"], dtype=float)
    got = survival_at(curve, times, last=np.inf)
    for ours, which in (
        (got.survival, "surv"),
        (got.std_err, "std_err"),
        (got.lower, "lower"),
        (got.upper, "upper"),
    ):
        case.agree(f"{name}, {which}", ours, want[which])
    after = np.searchsorted(curve.time, times, side="right")
    case.agree(f"{name}, cumhaz", np.append(0, curve.hazard)[after], want["cumhaz"])
    case.agree(f"{name}, std_chaz", np.append(0, curve.hazard_std_err)[after], want["std_chaz"])
    upcoming = np.searchsorted(curve.time, times, side="left")  # R's number at risk, see risk_table
    case.agree(f"{name}, n_risk", np.append(curve.at_risk, 0)[upcoming], want["n_risk"])
    for ours, which in ((curve.events, "n_event"), (curve.censored, "n_censor")):
        if which == "n_censor" and last_rows is not None:
            gone = last_rows[last_rows["event"] == 0]["stop"].to_numpy()
            so_far = np.array([(gone <= time).sum() for time in times])
        else:
            so_far = np.append(0, np.cumsum(ours))[after]
        case.agree(f"{name}, {which}", np.diff(so_far, prepend=0), want[which], atol=1e-9)


def _quantiles(case: Case, curves: dict[str, SurvivalCurve]) -> None:
    want = case.out["quantiles"]
    assert want["strata"] == list(curves)
    for position, (name, curve) in enumerate(curves.items()):
        got = survival_quantiles(curve, want["probs"])
        for which in ("value", "lower", "upper"):
            ours = getattr(got, which)
            case.agree(f"{name}, quantiles, {which}", ours, want[which][position])


def _whole_curve(case: Case, curves: dict[str, SurvivalCurve]) -> None:
    want = pd.DataFrame(case.out["curve"])
    for name, curve in curves.items():
        part = want[want["strata"] == name]
        for ours, which in (
            (curve.time, "time"),
            (curve.at_risk, "n_risk"),
            (curve.events, "n_event"),
            (curve.censored, "n_censor"),
            (curve.survival, "surv"),
            (curve.hazard, "cumhaz"),
            (curve.hazard_std_err, "std_chaz"),
        ):
            case.agree(f"{name}, curve, {which}", ours, part[which].astype(float))
        above = curve.survival > 0  # at 0 R has infinity, and we have no error
        se_of_log = part["se_log_or_chaz"].to_numpy(dtype=float)
        assert not np.isfinite(se_of_log[~above]).any()
        assert np.isnan(curve.std_err[~above]).all()
        got = curve.std_err[above] / curve.survival[above]
        case.agree(f"{name}, curve, se of log", got, se_of_log[above])


@against(
    "a_km_edge_cases",
    *(
        "all_censored",
        "all_events_ties",
        "zero_time",
        "single",
        "event_and_censor_tied",
        "last_is_event",
        "float_noise",
    ),
    estimator="kaplan_meier",
)
def edge_cases(case: Case) -> None:
    d = case.data()
    _estimate(case, d[d["case"] == case.name], COLUMNS[case.file])


@against("a_km_discrete_tenure", "lifetable_actuarial", estimator="life_table")
def actuarial(case: Case) -> None:
    d = case.data()
    got = life_table(d["years"], d["event"] == 1, breaks=np.arange(12))
    want = np.array(case.out["m"], dtype=float)
    ours = (
        got.entering,
        got.withdrawn,
        got.exposed,
        got.events,
        got.survival,
        got.density,
        got.hazard,
        got.survival_std_err,
        got.density_std_err,
        got.hazard_std_err,
    )
    for position, (name, values) in enumerate(zip(case.out["cols"], ours, strict=True)):
        case.agree(name, values, want[:, position], rtol=CLOSED_FORM)


ONE_BY_ONE = {"hazard": "fleming-harrington"}
SEXES = {"by": ["sex"]}
OPTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "a_km_discrete_tenure": {"yearly": {}, "yearly_fh": {"exponential": True, **ONE_BY_ONE}},
    "a_km_lefttrunc_physicians": {
        "left_truncated": {},
        "left_truncated_loglog_by_parttime": {"by": ["part_time"]},
        "conditional_start_time_2": {"start": 2.0},
        "left_truncated_stype2_ctype2": {"exponential": True, **ONE_BY_ONE},
    },
    "a_km_lung": {
        **{f"overall_{each}": {} for each in ("plain", "log", "log-log", "logit", "arcsin")},
        **{f"by_sex_{each}": SEXES for each in ("plain", "log", "log-log", "logit", "arcsin")},
        "by_sex_ci90": {"level": 0.9, **SEXES},
        "breslow_stype2_ctype1": {"exponential": True},
        "fleming_harrington_stype2_ctype2": {"exponential": True, **ONE_BY_ONE},
        "km_ctype2": ONE_BY_ONE,
        "tsiatis_error": {},  # survival 3.5 takes no notice of `error`
        "reverse_km_of_censoring": {"reverse": True},
        "start_time_100": {"start": 100.0},
    },
    "a_km_startstop_heart": {
        "startstop_model_variance": {"ids": "id"},
        "startstop_robust_id": {"ids": "id", "clusters": "id"},
        "startstop_by_transplant": {"by": ["transplant"]},
    },
    "a_km_turnover": {
        "overall": {},
        "by_gender_loglog": {"by": ["gender"]},
        "by_industry_log": {"by": ["industry"]},
        "by_profession_plain": {"by": ["profession"]},
        "two_factors": {"by": ["gender", "greywage"]},
    },
    "a_km_weights_veteran": {
        "weights_nonrobust": {"weights": "w", **MODEL_BASED},
        "weights_robust": {"weights": "w", "robust": True},
        "weights_robust_cluster": {"weights": "w", "clusters": "cl"},
        "integer_weights": {"weights": "fw", **MODEL_BASED},
        "weights_strata_celltype": {"weights": "w", "by": ["celltype"], **MODEL_BASED},
        "weights_strata_celltype_robust": {"weights": "w", "by": ["celltype"], "robust": True},
    },
}


def _curves(case: Case) -> None:
    _estimate(case, case.data(), COLUMNS[case.file], **OPTIONS[case.file][case.name])


for file, options in OPTIONS.items():
    against(file, *options, estimator="kaplan_meier")(_curves)


@against("a_km_lefttrunc_physicians", "ignoring_truncation", estimator="kaplan_meier")
def ignoring_entry(case: Case) -> None:
    _estimate(case, case.data(), (None, "exit", "event"))


@against("a_km_lung", "robust_cluster_inst", estimator="kaplan_meier")
def by_institution(case: Case) -> None:
    known = case.data().dropna(subset=["inst"])
    _estimate(case, known, COLUMNS[case.file], clusters="inst")
