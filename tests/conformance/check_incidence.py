"""Incidences by cause against survfit, cuminc, etm and prodlim."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from reference import CLOSED_FORM, Case, against

from gmts_models.stats.comparison.gray import gray_test
from gmts_models.stats.incidence.aalen_johansen import IncidenceCurves, aalen_johansen, incidence_at
from gmts_models.stats.incidence.time_lost import time_lost
from gmts_models.stats.survival.restricted_mean import restricted_mean
from gmts_models.stats.times import count_at_risk

LEFT_TRUNCATED = "c_competing_lefttrunc_weights"


def survfit(
    case: Case, exit_: str, *, by: str | None = None, entry: bool = False, weighted: bool = False
) -> None:
    data, out = case.data(), case.out
    causes = len(out["states"]) - 1
    groups = {name: part(data, name, by) for name in out["at"]}
    case.agree("n", [len(each) for each in groups.values()], out["n"])
    means = []
    for name, d in groups.items():
        rows: dict[str, Any] = {
            "exit_": d[exit_].to_numpy(),
            "event": d["cause"].to_numpy(),
            "entry": d["entry"].to_numpy() if entry else None,
            "weights": d["w"].to_numpy() if weighted else None,
            "clusters": d["id"].to_numpy() if entry else None,
        }
        curves = aalen_johansen(**rows, causes=causes, interval=out["conf_type"])
        agree_at(case, name, curves, d, rows, out["at"][name])
        if "rmst" in out:
            until = out["rmst"]["tau"]
            lost = time_lost(**rows, causes=causes, until=until)
            stayed = restricted_mean(rows["exit_"], rows["event"] > 0, until=until)
            means.append([stayed.mean, *lost.lost])
    if "rmst" in out:  # rows: every group of the first state, then of the second, ...
        table = np.array(out["rmst"]["m"], dtype=float)
        case.agree("restricted means", np.array(means).T.ravel(), table[:, 2])
        events = [[(d["cause"] == c).sum() for d in groups.values()] for c in range(1, causes + 1)]
        case.agree("rmst n", table[:, 0], [len(d) for d in groups.values()] * (causes + 1))
        case.agree("rmst events", np.ravel(events), table[len(groups) :, 1])


def part(data: pd.DataFrame, name: str, by: str | None) -> pd.DataFrame:
    return data if by is None else data[data[by] == int(name.removeprefix(f"{by}="))]


def agree_at(
    case: Case,
    name: str,
    curves: IncidenceCurves,
    d: pd.DataFrame,
    rows: dict[str, Any],
    want: dict[str, Any],
) -> None:
    time = np.array(want["time"], dtype=float)
    got = incidence_at(curves, time, last=np.inf)  # R carries the last value on
    for ours, theirs in (
        ((got.survival, got.incidence), "pstate"),
        ((got.survival_std_err, got.std_err), "std_err"),
        ((got.survival_lower, got.lower), "lower"),
        ((got.survival_upper, got.upper), "upper"),
    ):
        case.agree(f"{name}, {theirs}", np.column_stack(ours), floats(want[theirs]))
    position = np.searchsorted(curves.time, time, side="right")
    hazard = np.vstack([np.zeros(curves.events.shape[1]), curves.cumulative_hazard])[position]
    case.agree(f"{name}, cumhaz", hazard, floats(want["cumhaz"]))
    # R counts rows, whatever their weights: those at risk at the next time of its curve, and
    # the events since the time before.
    begin = np.zeros(len(d)) if rows["entry"] is None else rows["entry"].astype(float)
    after = np.append(curves.time, np.inf)[np.searchsorted(curves.time, time)]
    at_risk = count_at_risk(after, begin, rows["exit_"].astype(float))
    case.agree(f"{name}, n_risk", at_risk, floats(want["n_risk"])[:, 0])
    counts = [
        ((rows["event"] == c) & (rows["exit_"] <= t)).sum()
        for t in time
        for c in range(1, curves.events.shape[1] + 1)
    ]
    events = np.diff(np.reshape(counts, (len(time), -1)), axis=0, prepend=0)
    case.agree(f"{name}, n_event", events, floats(want["n_event"])[:, 1:])


def floats(values: Any) -> Any:
    return np.array(values, dtype=float)  # None (NA) becomes NaN


@against(
    "c_aj_mgus2",
    "aj_overall_plain",
    "aj_overall_loglog",
    estimator="aalen_johansen",
)
def overall(case: Case) -> None:
    survfit(case, "etime")


@against("c_aj_mgus2", "aj_overall", estimator="aalen_johansen, time_lost")
def overall_with_means(case: Case) -> None:
    survfit(case, "etime")


@against("c_aj_mgus2", "aj_by_sex", estimator="aalen_johansen, time_lost")
def by_sex(case: Case) -> None:
    survfit(case, "etime", by="male")


@against("c_competing_unemployment", "aj_by_ui", estimator="aalen_johansen, time_lost")
def by_insurance(case: Case) -> None:
    survfit(case, "spell", by="ui")


@against(LEFT_TRUNCATED, "aj_left_truncated", estimator="aalen_johansen")
def left_truncated(case: Case) -> None:
    survfit(case, "etime", entry=True)


@against(LEFT_TRUNCATED, "aj_weighted", estimator="aalen_johansen")
def weighted(case: Case) -> None:
    survfit(case, "etime", weighted=True)


@against(LEFT_TRUNCATED, "aj_left_truncated_weighted_by_sex", estimator="aalen_johansen")
def left_truncated_weighted(case: Case) -> None:
    survfit(case, "etime", by="male", entry=True, weighted=True)


@against(
    "c_aj_mgus2", "cuminc_aalen_variance_gray_sex", estimator="aalen_johansen (aalen), gray_test"
)
def cuminc(case: Case) -> None:
    d, out = case.data(), case.out
    time = floats(out["time"])
    curves = {
        group: aalen_johansen(each["etime"], each["cause"], causes=2, variance="aalen")
        for group, each in d.groupby("male")
    }
    for name, estimate, variance in zip(out["curves"], out["est"], out["var"], strict=True):
        group, cause = (int(each) for each in name.split())
        got = incidence_at(curves[group], time, last=np.inf)
        case.agree(f"{name}, est", got.incidence[:, cause - 1], floats(estimate))
        case.agree(f"{name}, var", got.std_err[:, cause - 1] ** 2, floats(variance))
    tests = [gray_test(d["etime"], d["cause"], d["male"], cause=cause) for cause in (1, 2)]
    case.agree("gray", [[t.statistic, t.p, t.df] for t in tests], out["gray"]["m"])


@against("c_aj_mgus2", "etm_greenwood", estimator="aalen_johansen (greenwood)")
def etm(case: Case) -> None:
    greenwood(case, entry=False)


@against(LEFT_TRUNCATED, "etm_left_truncated", estimator="aalen_johansen (greenwood)")
def etm_left_truncated(case: Case) -> None:
    greenwood(case, entry=True)


def greenwood(case: Case, *, entry: bool) -> None:
    d = case.data()
    curves = aalen_johansen(
        d["etime"],
        d["cause"],
        d["entry"] if entry else None,
        interval="complementary log-log",
        variance="greenwood",
    )
    for cause in (1, 2):
        want = case.out[f"CIF {cause}"]
        got = incidence_at(curves, floats(want["time"]))
        case.agree(f"CIF {cause}, P", got.incidence[:, cause - 1], want["P"])
        case.agree(f"CIF {cause}, var", got.std_err[:, cause - 1] ** 2, want["var"])
        for side, limit in (("lower", got.lower), ("upper", got.upper)):
            # etm writes 0 where nobody left yet; no interval on this scale has a width there.
            ours = np.where(got.incidence == 0, 0.0, limit)[:, cause - 1]
            case.agree(f"CIF {cause}, {side}", ours, want[side])


@against("c_aj_mgus2", "prodlim_cif", estimator="aalen_johansen (greenwood)")
def prodlim(case: Case) -> None:
    d = case.data()
    curves = aalen_johansen(d["etime"], d["cause"], variance="greenwood")
    for cause in (1, 2):
        want = case.out[f"cause{cause}"]
        got = incidence_at(curves, floats(want["time"]))
        case.agree(f"cause {cause}, cif", got.incidence[:, cause - 1], want["cif"])
        case.agree(f"cause {cause}, se", got.std_err[:, cause - 1], want["se"], rtol=CLOSED_FORM)
